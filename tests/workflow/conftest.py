"""Fixtures of the workflow tests."""

import copy

import pytest
from study import CONFIG, Study


@pytest.fixture(scope="session")
def finished_study(tmp_path_factory):
    """A study that has run to its end; a test that changes it puts it back."""
    study = Study(tmp_path_factory.mktemp("study"), CONFIG)
    study.run()
    return study


@pytest.fixture
def tiny_config():
    return copy.deepcopy(CONFIG)
