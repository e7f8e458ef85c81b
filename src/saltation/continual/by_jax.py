"""`jax_classifier`: a function of JAX as a `Classifier`."""

from collections.abc import Callable
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from saltation.continual.classifier import Classifier, Floats, Ints
from saltation.errors import ParameterError

__all__ = ["jax_classifier"]


def jax_classifier(apply: Callable[[Any, Any], jax.Array], params: Any) -> Classifier:
    """Take a pure function that gives logits as a `Classifier`.

    ::

        p(y | x, w) = softmax(apply(params, x))_y

    Gradients of each example come from ``jax.vmap`` of ``jax.grad``. What `saltation.jax.build` makes is such a
    function too, with an encoder before and a readout behind it; its tangents take one backward pass for each label.

    Parameters
    ----------
    apply : callable
        ``apply(params, x)`` gives logits [batch, label] of inputs [batch, ...], a pytree of arrays.
    params : pytree of arrays
        Parameters; their order in the flat vector is that of ``jax.flatten_util.ravel_pytree``.

    Returns
    -------
    Classifier
        It computes in the dtype of the parameters, and gives float64.

    Raises
    ------
    ParameterError
        If there are no parameters.

    References
    ----------
    Benjamin, Pehle and Daruwalla, Continual learning with the neural tangent ensemble, 2024, arXiv:2408.17394.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from saltation.continual import jax_classifier
    >>> classifier = jax_classifier(lambda w, x: x @ w["a"] + w["b"], {"a": jnp.ones((2, 3)), "b": jnp.zeros(3)})
    >>> classifier.size, classifier.log_probabilities(classifier.parameters(), jnp.ones((1, 2))).shape
    (9, (1, 3))
    """
    if not callable(apply):
        raise ParameterError(f"jax_classifier.apply must be a function; got {type(apply).__name__}")
    flat, unravel = ravel_pytree(params)
    if not flat.size:
        raise ParameterError("jax_classifier.params must hold at least one number; got an empty pytree")
    return _Jax(apply, flat, unravel)


@final
class _Jax(Classifier):
    def __init__(self, apply: Callable[[Any, Any], jax.Array], flat: jax.Array, unravel: Callable[..., Any]) -> None:
        self._flat = flat
        self._forward_mode = True

        def log_p(w: jax.Array, x: Any) -> jax.Array:
            return jax.nn.log_softmax(apply(unravel(w), x), axis=1)

        def loss(w: jax.Array, x: Any, y: jax.Array) -> jax.Array:
            return -log_p(w, jax.tree.map(lambda a: a[None], x))[0, y]

        self._log_p = jax.jit(log_p)
        self._gradients = jax.jit(jax.vmap(jax.grad(loss), in_axes=(None, 0, 0)))
        self._tangent = jax.jit(lambda w, x, along: jax.jvp(lambda v: log_p(v, x), (w,), (along,))[1])

    @property
    def size(self) -> int:
        return self._flat.size

    def parameters(self) -> Floats:
        return _numpy(self._flat)

    def log_probabilities(self, w: Floats, x: Any) -> Floats:
        return _numpy(self._log_p(self._own(w), x))

    def loss_gradients(self, w: Floats, x: Any, y: Ints) -> Floats:
        return _numpy(self._gradients(self._own(w), x, jnp.asarray(y)))

    def tangent(self, w: Floats, x: Any, along: Floats) -> Floats:
        if self._forward_mode:
            try:
                return _numpy(self._tangent(self._own(w), x, self._own(along)))
            except TypeError as error:
                if "forward-mode" not in str(error):
                    raise
                self._forward_mode = False
        # A spiking network has its own rule for gradients, and none for tangents: a pass for each label instead.
        n, labels = self.log_probabilities(w, x).shape
        columns = [self.loss_gradients(w, x, np.full(n, label)) @ along for label in range(labels)]
        return -np.stack(columns, axis=1)

    def _own(self, vector: Floats) -> jax.Array:
        return jnp.asarray(vector, self._flat.dtype)


def _numpy(array: jax.Array) -> Floats:
    return np.asarray(array, np.float64)
