"""Where compiled kernels are kept, and the one decorator that compiles them.

Numba's own cache does not notice an edit in another file than the function's, and a kernel's physics lives in
another file.  So the cache folder is named after a hash of all kernel sources and of the versions that matter: any
edit leads to an empty folder.  The folder is set only while a function of ours is decorated; a user's own Numba
cache, and the environment, stay as they are.
"""

import hashlib
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import config, types

_LOG = logging.getLogger(__name__)
_LOCK = threading.Lock()
ENVIRONMENT = "SALTATION_CACHE_DIR"

# Nobody calls a kernel as a function of C, and the way into it costs time to compile and to load.
_KERNEL: dict[str, Any] = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
_INNER: dict[str, Any] = {**_KERNEL, "no_cpython_wrapper": True}


@cache
def source_hash() -> str:
    """Hash of all kernel sources and of the versions that matter."""
    digest = hashlib.sha256()
    root = Path(__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode())
        digest.update(path.read_bytes())
    for version in (sys.version, numba.__version__, np.__version__):
        digest.update(version.encode())
    return digest.hexdigest()[:16]


def _candidates() -> list[Path]:
    chosen = os.environ.get(ENVIRONMENT)
    if chosen:
        return [Path(chosen)]
    base = os.environ.get("XDG_CACHE_HOME")
    home = Path(base) if base else Path.home() / ".cache"
    return [home / "saltation", Path(tempfile.gettempdir()) / f"saltation-{os.getuid()}"]


@cache
def cache_folder() -> Path | None:
    """The folder of this version's compiled kernels, made if need be; None if none of the places can be written.

    ``SALTATION_CACHE_DIR`` names another place than the user's cache folder.
    """
    name = f"kernels-{source_hash()}"
    for base in _candidates():
        folder = base / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError as error:
            _LOG.warning("compiled kernels cannot be kept in %s: %s", folder, error)
    _LOG.warning("compiled kernels are not kept; set %s to a folder that can be written", ENVIRONMENT)
    return None


def compile_kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a kernel on its first call: no GIL, no exceptions from arithmetic, kept on disk."""
    return _kept(lambda **options: numba.njit(**_KERNEL, **options)(function))


def compile_inner(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile as a kernel what only compiled code calls: without a way into it from Python."""
    return _kept(lambda **options: numba.njit(**_INNER, **options)(function))


def compile_handler(function: Callable[..., Any]) -> Any:
    """Compile a function of an address, now, into one that C can call: ``int64 f(int64)``; kept on disk too."""
    signature = types.int64(types.int64)
    return _kept(lambda **options: numba.cfunc(signature, error_model="numpy", **options)(function))


def _kept(decorate: Callable[..., Any]) -> Any:
    """What a decorator makes while our folder is that of compiled code."""
    settings: Any = config
    folder = cache_folder()
    if folder is None:
        return decorate()
    with _LOCK:
        before = settings.CACHE_DIR
        settings.CACHE_DIR = str(folder)
        try:
            return decorate(cache=True)
        finally:
            settings.CACHE_DIR = before
