"""How many processes and threads run the tests."""

import os

# before torch is imported: its threads would be more than there are cores, and wait for each other busily
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_xdist_auto_num_workers():
    """One more than there are cores, as some tests wait; each may take a gigabyte."""
    return min(4, (os.cpu_count() or 1) + 1)
