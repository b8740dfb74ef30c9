"""How many processes run the tests."""

import os


def pytest_xdist_auto_num_workers():
    """One more than there are cores, as some tests wait; each may take a gigabyte."""
    return min(4, (os.cpu_count() or 1) + 1)
