"""Which versions of JAX are refused, and where XLA may call compiled kernels by itself.

A handler mirrors structs of XLA's interface for custom calls.  It is used only with versions of the interface that are
in `TESTED`, and after it has passed a test in a process of its own: what fails there takes nobody's session down.
Otherwise kernels are called through Python, with the same results, and a warning says so once.
"""

import json
import logging
import os
import re
import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path

from saltation._files import write_bytes
from saltation.errors import MissingDependencyError, ParameterError
from saltation.kernels.cache import cache_folder, source_hash

_LOG = logging.getLogger(__name__)

TESTED = {(0, 2): "jaxlib 0.8.3", (0, 3): "jaxlib 0.9.2 and 0.10.1"}
"""Versions of XLA's interface, by the jaxlib that the handlers have been tried with."""

REFUSED = {
    "0.10.2": "it miscompiles programs for the CPU (github.com/jax-ml/jax/issues/39103)",
    "0.11.1": "loops (fori_loop) hang on the CPU",
}
"""Versions of JAX that give wrong results, or none."""

LOSING_EFFECTS = ("0.8.0", "0.8.1")
"""Versions of JAX that lose effects inside of functions with a rule of their own for ``vmap``."""

ENVIRONMENT = "SALTATION_JAX_KERNELS"
"""Environment variable: "ffi" or "callback" in place of what is found out."""

_PATIENCE = 600.0


class KernelWarning(UserWarning):
    """Kernels are called through Python where XLA could call them by itself.

    Examples
    --------
    >>> from saltation.jax.gate import KernelWarning
    >>> issubclass(KernelWarning, UserWarning)
    True
    """


def refuse(version: str) -> None:
    """Raise a `MissingDependencyError` for a version of JAX that is known to be broken.

    Examples
    --------
    >>> from saltation.jax.gate import refuse
    >>> refuse("0.10.1")
    >>> refuse("0.10.2")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    saltation.errors.MissingDependencyError: saltation.jax does not run with jax 0.10.2: ...
    """
    if version in REFUSED:
        raise MissingDependencyError(
            f"saltation.jax does not run with jax {version}: {REFUSED[version]}; install another version: "
            'pip install "jax==0.10.1" "jaxlib==0.10.1"'
        )


def refuse_in_loop(version: str) -> None:
    """Raise a `MissingDependencyError` for a version of JAX that loses runs of a chip.

    Examples
    --------
    >>> from saltation.jax.gate import refuse_in_loop
    >>> refuse_in_loop("0.8.2")
    >>> refuse_in_loop("0.8.1")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    saltation.errors.MissingDependencyError: saltation.jax.build runs no chip in the loop with jax 0.8.1: ...
    """
    if version in LOSING_EFFECTS:
        raise MissingDependencyError(
            f"saltation.jax.build runs no chip in the loop with jax {version}: it loses effects inside of functions "
            'with a rule of their own for vmap; install 0.8.2 or later: pip install "jax==0.10.1" "jaxlib==0.10.1"'
        )


@cache
def api_version() -> tuple[int, int]:
    """Version of XLA's interface for custom calls, by the header that comes with jaxlib; (-1, -1) without one."""
    import jaxlib

    header = Path(jaxlib.__file__).parent / "include" / "xla" / "ffi" / "api" / "c_api.h"
    try:
        text = header.read_text(encoding="utf-8")
    except OSError:
        return -1, -1
    found = [re.search(rf"^#define XLA_FFI_API_{part} (\d+)", text, re.MULTILINE) for part in ("MAJOR", "MINOR")]
    major, minor = (int(match.group(1)) if match else -1 for match in found)
    return major, minor


@cache
def may_use_ffi() -> bool:
    """Whether XLA may call kernels by itself; if not, why not is said in a warning, once.

    Raises
    ------
    ParameterError
        If the environment variable ``SALTATION_JAX_KERNELS`` is neither "ffi" nor "callback".
    """
    chosen = os.environ.get(ENVIRONMENT)
    if chosen is not None and chosen not in ("ffi", "callback"):
        raise ParameterError(f'{ENVIRONMENT} must be "ffi" or "callback"; got {chosen!r}')
    if chosen is not None:
        return chosen == "ffi"
    reason = _why_not()
    if reason is None:
        return True
    warnings.warn(
        f"saltation.jax calls its kernels through Python, which is slower and gives the same results: {reason}; "
        f"{ENVIRONMENT}=callback in the environment says that this is known",
        KernelWarning,
        stacklevel=2,
    )
    return False


@cache
def say_too_large(names: tuple[str, ...], size: int, largest: int) -> None:
    """Say in a warning, once, that what is kept of some populations is too large for arrays of XLA."""
    warnings.warn(
        f"saltation.jax calls the kernels of {', '.join(map(repr, names))} through Python, which is slower and gives "
        f"the same results: room for events and spikes would take {size / 2**30:.1f} GiB, and custom calls keep "
        f"{largest / 2**30:.0f} GiB at most; a smaller capacity or batch needs less",
        KernelWarning,
        stacklevel=2,
    )


def _why_not() -> str | None:
    import jax
    from jaxlib.version import __version__ as jaxlib_version

    if jax.default_backend() != "cpu":
        return f"they run on the CPU, and JAX's default backend here is {jax.default_backend()!r}"
    version = api_version()
    if version not in TESTED:
        shown = ".".join(map(str, version))
        return f"version {shown} of XLA's interface, of jaxlib {jaxlib_version}, has not been tried yet"
    return verdict(f"{jax.__version__}-{jaxlib_version}-{version[0]}.{version[1]}")


def verdict(versions: str, command: tuple[str, ...] = (sys.executable, "-m", "saltation.jax.selftest")) -> str | None:
    """Why the test in a process of its own has failed, or None; found out once for these versions, and kept."""
    folder = cache_folder()
    kept = None if folder is None else folder / f"xla-{versions}.json"
    if kept is not None and kept.exists():
        try:
            return json.loads(kept.read_text(encoding="utf-8"))["failure"]
        except (OSError, ValueError, KeyError):
            _LOG.warning("%s cannot be read; the test is made again", kept)
    environment = {**os.environ, ENVIRONMENT: "ffi", "JAX_ENABLE_X64": "1", "JAX_PLATFORMS": "cpu"}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_PATIENCE, check=False)
        words = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        failure = None if done.returncode == 0 else f"their test failed ({words})"
    except (OSError, subprocess.SubprocessError) as error:
        # not kept: it says nothing of these versions
        return f"their test could not be run ({error})"
    if kept is not None:
        try:
            write_bytes(kept, json.dumps({"failure": failure, "source": source_hash()}).encode())
        except OSError as error:
            _LOG.warning("the verdict on custom calls cannot be kept in %s: %s", kept, error)
    return failure
