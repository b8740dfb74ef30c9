"""Trainings whose settings are one mapping: what belongs to the recipe goes there."""

from dataclasses import fields

from advspectra.training import train as training
from advspectra.training.recipe import Recipe

OF_THE_RECIPE = {field.name for field in fields(Recipe)}


def train(network, train_split, test_split, **settings):
    return training.train(network, train_split, test_split, **with_recipe(settings))


def fit(build, train_split, test_split, **settings):
    return training.fit(build, train_split, test_split, **with_recipe(settings))


def with_recipe(settings):
    recipe = Recipe(**{name: value for name, value in settings.items() if name in OF_THE_RECIPE})
    return {"recipe": recipe, **{name: value for name, value in settings.items() if name not in OF_THE_RECIPE}}
