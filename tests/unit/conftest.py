"""Fixtures of the unit tests."""

import h5py
import pytest


@pytest.fixture
def nothing_read(monkeypatch):
    """Make reading any values of a file a failure; a writer may read what it has written, for its digest."""
    read = h5py.Dataset.__getitem__

    def only_a_writer(self, *arguments):
        return pytest.fail("values were read") if self.file.mode == "r" else read(self, *arguments)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", only_a_writer)
