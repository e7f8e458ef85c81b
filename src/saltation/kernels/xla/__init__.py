"""Kernels that XLA calls by itself: its call frames read and written by compiled code, without Python."""
