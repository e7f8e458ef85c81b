"""Do custom calls work here?  ``python -m saltation.jax.selftest`` ends with the status 0 if they do.

What may differ from version to version of jaxlib is how a handler is called; what it then calls is the same everywhere.
So a small handler is tried that reads and writes all of a call frame: eagerly, under ``jit`` and under ``vmap``, along
which of its arguments there may be axes or not.
"""

import sys

import numpy as np


def main() -> int:
    """Run the test; 0 if all is well, else 1 with the reason on standard error."""
    import jax
    import jax.numpy as jnp

    from saltation.jax.gate import api_version
    from saltation.kernels.xla.trial import trial_handler

    name = "saltation_trial"
    # kept as long as XLA may call it
    handler = trial_handler(api_version())
    jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(handler.ctypes), platform="cpu")

    def call(factor, x):
        shapes = (jax.ShapeDtypeStruct(x.shape, jnp.int32), jax.ShapeDtypeStruct(x.shape, jnp.float64))
        return jax.ffi.ffi_call(name, shapes, vmap_method="expand_dims")(factor, x)

    factors, x = np.array([2, 3, -5]), np.linspace(-1.0, 1.0, 24).reshape(2, 3, 4)
    by_x, by_factor = jax.vmap(call, (None, 0)), jax.vmap(call, (0, None))
    trials = (
        ("eager", call(factors[0], x[0, 0]), factors[0], x[0, 0]),
        ("jit", jax.jit(call)(factors[1], x[0, 1]), factors[1], x[0, 1]),
        ("vmap", jax.jit(by_x)(factors[1], x[0]), factors[1], x[0]),
        ("vmap of the first", jax.jit(by_factor)(factors, x[0, 0]), factors[:, None], np.stack([x[0, 0]] * 3)),
        ("vmap of vmap", jax.jit(jax.vmap(jax.vmap(call), (None, 0)))(factors, x), factors[:, None], x),
    )
    for how, (k, y), factor, given in trials:
        if not np.array_equal(k, np.broadcast_to(factor, given.shape)) or not np.allclose(y, factor * given + 2.0):
            sys.stderr.write(f"{how}: the numbers are not those that were expected\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
