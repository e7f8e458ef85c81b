"""Which versions of JAX are refused, and where XLA may call compiled kernels by itself."""

import os


def api_version() -> tuple[int, int]:
    return (0, 3)


def may_use_ffi() -> bool:
    return os.environ.get("SALTATION_JAX_KERNELS") != "callback"
