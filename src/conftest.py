"""For the examples in docstrings: JAX computes in float64, as their reader has been told to have it."""

import os
from importlib.util import find_spec

os.environ.setdefault("JAX_ENABLE_X64", "1")

# it can be imported only where the harness is installed, which no other part needs
collect_ignore = [] if find_spec("neurobench") else ["saltation/neurobench/harness.py"]
