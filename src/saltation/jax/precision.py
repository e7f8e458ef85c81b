"""Spike times are float64: a check that JAX is told to have it."""

import jax

from saltation.errors import ParameterError


def require_float64(owner: str) -> None:
    """Raise a `ParameterError` unless JAX computes in float64 where it is asked to.

    Examples
    --------
    >>> from saltation.jax.precision import require_float64
    >>> require_float64("lif")
    """
    if not jax.config.read("jax_enable_x64"):
        raise ParameterError(
            f"{owner} computes spike times in float64, and JAX turns it into float32 as it is set up now; call "
            'jax.config.update("jax_enable_x64", True) first thing, or set the environment variable JAX_ENABLE_X64=1; '
            "your own arrays may stay float32"
        )
