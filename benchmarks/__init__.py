"""How fast the library is compared with other libraries: `make bench`, or `python -m benchmarks --help`."""

import os
import sys
from pathlib import Path

# numpy's matrix products take as many threads as PyTorch's are given by default; read when numpy is imported
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# the library is not installed: it is imported from the workflow, here as in its scripts
sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "lib"))
