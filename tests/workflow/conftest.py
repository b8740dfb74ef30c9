"""Fixtures of the workflow tests."""

import copy

import pytest
from study import CONFIG, Study, shared


@pytest.fixture(scope="session")
def finished_study(tmp_path_factory):
    """A study that has run to its end; a test that changes it puts it back."""
    return shared(tmp_path_factory, "study", lambda folder: Study(folder, CONFIG).run())


@pytest.fixture
def tiny_config():
    return copy.deepcopy(CONFIG)
