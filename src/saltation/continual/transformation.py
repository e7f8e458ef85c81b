"""`nte`: the rule of the tangent ensemble as a gradient transformation of Optax."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.core import Tracer

from saltation.continual.factors import check_floor, log_product
from saltation.errors import ParameterError
from saltation.model.checks import number

__all__ = ["NTEState", "displaced", "gradient_point", "nte", "nte_statistics", "per_example", "reseed", "revived"]


class NTEState(NamedTuple):
    """What `nte` keeps.

    The sum ``z``; the seed point, None for the origin; displacements from it, and the parameters that they were added
    up to; where gradients are taken, None for the present parameters; numbers of steps, examples and clamped factors.
    """

    radius: jax.Array
    seed: Any
    delta: Any
    params: Any
    point: Any
    steps: jax.Array
    examples: jax.Array
    clamped: jax.Array


def nte(
    lr: float = 0.01,
    *,
    tempering: float = 1.0,
    max_delta: float | None = None,
    seed_point: Any = "origin",
    gradient_at: Literal["current", "seed"] = "current",
    batch: Literal["product", "sum"] = "product",
    renormalise: bool = True,
    floor: float = 2.0**-20,
    mask: Any = None,
) -> optax.GradientTransformation:
    """Make the update of the neural tangent ensemble; the formula is that of `saltation.continual.NTE`.

    ::

        |delta_i| := |delta_i| prod_k max(1 - lr s_i g_ik, floor)^tempering,  rescaled to the sum z, at most max_delta

    ``update`` takes gradients with the examples first, as `per_example` gives them, and needs the parameters. A
    gradient that is not finite makes the updates NaN.

    Parameters
    ----------
    lr, tempering, max_delta, gradient_at, renormalise, floor
        As for `saltation.continual.NTE`.
    seed_point : "origin" or pytree
        ``w0``: zero, or values such as those that `displaced` was given.
    batch : {"product", "sum"}
        "sum": ``update`` takes gradients of a loss that is summed over the batch, and makes one factor of it.
    mask : pytree of bool, or function of the parameters, optional
        False for arrays that take no part and stay as they are, such as scales of normalisation layers.

    Returns
    -------
    optax.GradientTransformation
        For ``optax.apply_updates``; not to be chained with others, since its updates have lost the batch.

    Raises
    ------
    ParameterError
        If an argument is not allowed; by ``init``, if `max_delta` would cut values in the beginning.

    References
    ----------
    Benjamin, Pehle and Daruwalla, Continual learning with the neural tangent ensemble, 2024, arXiv:2408.17394,
    algorithm 1.

    Examples
    --------
    >>> import jax, jax.numpy as jnp, optax
    >>> from saltation.continual import nte, per_example
    >>> gradients = per_example(lambda w, x, y: jnp.square(x @ w - y))
    >>> w, x, y = jnp.array([0.5, -0.5]), jnp.array([[1.0, 0.0], [0.0, 1.0]]), jnp.array([0.8, -0.2])
    >>> rule = nte(lr=0.1)
    >>> state = rule.init(w)
    >>> for _ in range(100):
    ...     updates, state = rule.update(gradients(w, x, y), state, w)
    ...     w = optax.apply_updates(w, updates)
    >>> [round(float(value), 2) for value in w]
    [0.8, -0.2]
    """
    number("nte", "lr", lr, minimum=0.0, strict=True)
    number("nte", "tempering", tempering, minimum=0.0)
    number("nte", "floor", floor, minimum=0.0, maximum=1.0, strict=True)
    if max_delta is not None:
        number("nte", "max_delta", max_delta, minimum=0.0, strict=True)
    if isinstance(seed_point, str) and seed_point != "origin":
        raise ParameterError(f"nte.seed_point must be 'origin' or a pytree like the parameters; got {seed_point!r}")
    for name, value, allowed in (("gradient_at", gradient_at, "current seed"), ("batch", batch, "product sum")):
        if value not in allowed.split():
            raise ParameterError(f"nte.{name} must be one of {allowed.split()}; got {value!r}")
    at_origin = isinstance(seed_point, str)

    def init(params: Any) -> NTEState:
        seed = None if at_origin else jax.tree.map(jnp.asarray, seed_point)
        delta = jax.tree.map(jnp.asarray, params) if seed is None else jax.tree.map(jnp.subtract, params, seed)
        taking_part = _select(mask, params, delta)
        _check_numbers(taking_part)
        _check_limit(max_delta, taking_part)
        radius = _norm(taking_part)
        if not isinstance(radius, Tracer) and not float(radius):
            raise ParameterError("nte: all displacements are zero, and a zero never moves; see displaced and revived")
        point = None
        if gradient_at == "seed":
            point = jax.tree.map(jnp.zeros_like, params) if seed is None else seed
        zero = jnp.zeros((), int)
        return NTEState(radius, seed, delta, params, point, zero, zero, zero)

    def update(updates: Any, state: NTEState, params: Any = None) -> tuple[Any, NTEState]:
        if params is None:
            raise ParameterError("nte.update needs the parameters: rule.update(gradients, state, params)")
        gradients = updates if batch == "product" else jax.tree.map(lambda g: g[None], updates)
        n = _batch_of(gradients, params)
        delta = _delta(state, params)
        minus = jax.tree.map(lambda g, d: (-lr * jnp.sign(d)) * g.astype(_working(d)), gradients, delta)
        rule = _at_once if batch == "sum" and tempering == 1.0 else _in_logarithms
        chosen = (_select(mask, params, tree) for tree in (delta, minus))
        moved, clamped = rule(*chosen, floor=floor, tempering=tempering, rescaled=renormalise)
        scale = state.radius / _norm(moved) if renormalise else 1.0
        limit = jnp.inf if max_delta is None else max_delta
        moved = _merge(mask, params, jax.tree.map(lambda d: jnp.clip(d * scale, -limit, limit), moved), delta)
        moved = jax.tree.map(lambda d, before: d.astype(before.dtype), moved, delta)
        seed = state.seed if state.seed is not None else jax.tree.map(jnp.zeros_like, params)
        steps = jax.tree.map(_difference, params, seed, moved)
        after = jax.tree.map(jnp.add, params, steps)
        counts = (state.steps + 1, state.examples + n, state.clamped + clamped)
        return steps, NTEState(state.radius, state.seed, moved, after, state.point, *counts)

    return optax.GradientTransformation(init, update)  # pyright: ignore[reportArgumentType]


def per_example(loss: Callable[..., jax.Array]) -> Callable[..., Any]:
    """Gradients of each example, from the loss of one: ``jax.vmap`` of ``jax.grad``.

    ::

        per_example(loss)(params, x, y)[k] = d loss(params, x_k, y_k) / d params

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from saltation.continual import per_example
    >>> per_example(lambda w, x, y: (w * x - y) ** 2)(1.0, jnp.array([1.0, 2.0]), jnp.array([0.0, 0.0])).tolist()
    [2.0, 8.0]
    """
    return jax.vmap(jax.grad(loss), in_axes=(None, 0, 0))


def gradient_point(state: NTEState, params: Any) -> Any:
    """Where gradients are taken: at the parameters, or with ``gradient_at="seed"`` where the state says."""
    return params if state.point is None else state.point


def reseed(state: NTEState, params: Any) -> NTEState:
    """Take gradients at these parameters from now on; displacements stay as they are.

    Raises
    ------
    ParameterError
        If gradients are not taken at a fixed point.
    """
    if state.point is None:
        raise ParameterError("reseed needs nte(gradient_at='seed'); got a state of gradient_at='current'")
    return state._replace(point=params)


def displaced(params: Any, key: jax.Array, by: float) -> Any:
    """Add a normally distributed displacement to each parameter, of standard deviation `by`.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> from saltation.continual import displaced, nte
    >>> seed = {"w": jnp.ones(3)}
    >>> params = displaced(seed, jax.random.key(1), by=1e-2)
    >>> rule = nte(seed_point=seed)
    """
    return jax.tree.map(jnp.add, params, _random(params, key, by))


def revived(params: Any, key: jax.Array, by: float = 1e-3) -> Any:
    """Replace zeros, which at the origin would never move, by normally distributed numbers of standard deviation `by`.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> from saltation.continual import revived
    >>> (revived(jnp.array([0.0, 2.0]), jax.random.key(1)) == 0).tolist()
    [False, False]
    """
    return jax.tree.map(lambda p, r: jnp.where(p == 0, r, p), params, _random(params, key, by))


def nte_statistics(state: NTEState, params: Any, mask: Any = None) -> dict[str, jax.Array]:
    """Numbers of steps, examples and clamped factors, of displacements that are zero, and effective experts.

    The mask is that of `nte`: what takes no part is no expert.
    """
    taking_part = _select(mask, params, _delta(state, params))
    sizes = jnp.concatenate([jnp.abs(d).ravel() for d in jax.tree.leaves(taking_part)])
    pi = sizes / sizes.sum()
    return {
        "steps": state.steps,
        "examples": state.examples,
        "clamped": state.clamped,
        "dead": jnp.sum(sizes == 0),
        "effective": jnp.exp(-jax.scipy.special.xlogy(pi, pi).sum()),
    }


# ------------------------------------------------------------------------------------------------ private
def _random(params: Any, key: jax.Array, by: float) -> Any:
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(key, len(leaves))
    drawn = [by * jax.random.normal(k, jnp.shape(p), jnp.asarray(p).dtype) for k, p in zip(keys, leaves, strict=True)]
    return jax.tree.unflatten(tree, drawn)


def _delta(state: NTEState, params: Any) -> Any:
    """Displacements; those of parameters that somebody else has moved are taken anew."""
    # They are kept beside the parameters, to which an update is added: that rounds, and a small one would be lost.
    seed = jax.tree.map(jnp.zeros_like, params) if state.seed is None else state.seed

    def of(p: jax.Array, before: jax.Array, seed: jax.Array, delta: jax.Array) -> jax.Array:
        return jnp.where(p == before, delta, p - seed)

    return jax.tree.map(of, params, state.params, seed, state.delta)


def _in_logarithms(delta: Any, minus: Any, *, floor: float, tempering: float, rescaled: bool) -> tuple[Any, jax.Array]:
    """Displacements times the products of all examples, up to a common factor, and how many factors were raised."""
    leaves, tree = jax.tree.flatten(minus)
    found = [log_product(m, floor) for m in leaves]
    exponents = [tempering * exponent for exponent, _ in found]
    top = 0.0
    if rescaled:  # the common factor cancels, and without it a large product would overflow
        top = jnp.max(jnp.stack([jnp.max(e) for e in exponents if e.size]))
    factors = jax.tree.unflatten(tree, [jnp.exp(e - top) for e in exponents])
    return jax.tree.map(jnp.multiply, delta, factors), sum((raised for _, raised in found), jnp.zeros((), int))


def _at_once(delta: Any, minus: Any, *, floor: float, tempering: float, rescaled: bool) -> tuple[Any, jax.Array]:
    """The same of one factor each, whose logarithms would cost more than the gradient."""
    del tempering, rescaled
    check_floor(floor, *jax.tree.leaves(minus))

    def moved(d: jax.Array, m: jax.Array) -> jax.Array:
        return d + d * jnp.where(jnp.isfinite(m[0]), jnp.maximum(m[0], floor - 1.0), jnp.nan)

    raised = (jnp.sum(m < floor - 1.0) for m in jax.tree.leaves(minus))
    return jax.tree.map(moved, delta, minus), sum(raised, jnp.zeros((), int))


def _working(array: jax.Array) -> Any:
    """Dtype to compute in: that of the array, or float32 where it has fewer digits."""
    return jnp.promote_types(array.dtype, jnp.float32)


def _difference(p: jax.Array, seed: jax.Array, delta: jax.Array) -> jax.Array:
    """What is to be added; where the addition would round across the seed point, it ends there."""
    step = (seed + delta) - p
    crosses = jnp.sign(p + step - seed) == -jnp.sign(delta)
    return jnp.where(crosses & (delta != 0), seed - p, step)


def _norm(tree: Any) -> jax.Array:
    return sum((jnp.sum(jnp.abs(leaf)) for leaf in jax.tree.leaves(tree)), jnp.zeros(()))


def _select(mask: Any, params: Any, tree: Any) -> Any:
    """Only the arrays that take part."""
    if mask is None:
        return tree
    chosen = mask(params) if callable(mask) else mask
    return jax.tree.map(lambda m, leaf: leaf if m else None, chosen, tree)


def _merge(mask: Any, params: Any, moved: Any, still: Any) -> Any:
    if mask is None:
        return moved
    chosen = mask(params) if callable(mask) else mask
    return jax.tree.map(lambda m, a, b: a if m else b, chosen, moved, still, is_leaf=lambda leaf: leaf is None)


def _batch_of(gradients: Any, params: Any) -> int:
    """Number of examples of the gradients.

    Raises
    ------
    ParameterError
        If there is not a gradient of each example and array.
    """
    if jax.tree.structure(gradients) != jax.tree.structure(params):
        raise ParameterError("nte.update: gradients must be a tree like the parameters; got another structure")
    pairs = zip(jax.tree.leaves(gradients), jax.tree.leaves(params), strict=True)
    shapes = [(jnp.shape(g), jnp.shape(p)) for g, p in pairs]
    if len({g[:1] for g, _ in shapes}) != 1 or any(g[1:] != p or not g for g, p in shapes):
        got = ", ".join(f"{g} for {p}" for g, p in shapes[:5])
        raise ParameterError(
            f"nte.update: gradients must be [batch, ...], one of each example for each array; got {got}; per_example "
            "makes them; with batch='sum' they are as the parameters are"
        )
    return shapes[0][0][0]


def _check_numbers(delta: Any) -> None:
    kinds = [leaf.dtype for leaf in jax.tree.leaves(delta) if not jnp.issubdtype(leaf.dtype, jnp.floating)]
    if kinds:
        raise ParameterError(
            f"nte.init: parameters must be floating-point numbers; got {kinds[0]}; convert them, or leave them out "
            "(mask)"
        )


def _check_limit(limit: float | None, delta: Any) -> None:
    leaves = jax.tree.leaves(delta)
    if limit is None or any(isinstance(leaf, Tracer) for leaf in leaves):
        return
    largest = max((float(jnp.abs(leaf).max()) for leaf in leaves if leaf.size), default=0.0)
    if any(bool((jnp.abs(leaf) > limit).any()) for leaf in leaves):
        raise ParameterError(
            f"nte.max_delta must be at least the largest |delta| in the beginning, {largest:.3g}; got {limit!r}; leave "
            "out normalisation layers (mask), take another seed point, or clip the values before"
        )
