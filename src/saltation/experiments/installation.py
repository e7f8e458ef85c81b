"""`installation`: versions and machine, as ``saltation info`` and the results of benchmarks have them."""

import importlib.metadata
import os
import platform
import sys
from pathlib import Path
from typing import Any

from saltation._version import __version__

__all__ = ["PACKAGES", "installation"]

PACKAGES = ("numpy", "numba", "llvmlite", "torch", "jax", "optax", "matplotlib", "nir", "h5py", "neo", "scikit-learn")
"""What is reported, whether imported or not."""


def installation() -> dict[str, Any]:
    """Give versions, machine and where things are; None for a package that is not installed.

    Examples
    --------
    >>> from saltation.experiments.installation import installation
    >>> installation()["threads"] >= 1
    True
    """
    return {
        "saltation": __version__,
        "python": platform.python_version(),
        **{package: _version_of(package) for package in PACKAGES},
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": _threads(),
        "kernel cache": _cache_folder(),
        "location": str(Path(__file__).parents[1]),
    }


def _version_of(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _threads() -> int:
    from saltation.engine.threads import default_threads

    return default_threads()


def _processor() -> str:
    if sys.platform == "linux":
        try:
            lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            lines = []
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _cache_folder() -> str:
    from saltation.kernels.cache import cache_folder

    folder = cache_folder()
    return "none: no folder for it can be written" if folder is None else str(folder)
