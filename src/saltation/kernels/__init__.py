"""Compiled kernels: arrays and scalars in, arrays and status codes out.  Physics in ``physics/``."""
