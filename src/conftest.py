"""For the examples in docstrings: JAX computes in float64, as their reader has been told to have it."""

import os

os.environ.setdefault("JAX_ENABLE_X64", "1")
