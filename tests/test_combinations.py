"""Every backend with every front end and every gradient: each combination trains or refuses, by one list.

A combination that is supported gives the gradient that NumPy gives, which has its own references; any other raises an
error that says what there is.
"""

import numpy as np
import pytest

import saltation as sal
from reference import networks
from saltation.errors import GradientError, ParameterError, UnknownNameError

DT = 1e-3
DURATION = 0.03
BATCH = 2
BACKENDS = {
    "exact": lambda: sal.Exact(),
    "grid, surrogate": lambda: sal.Grid(DT),
    "grid, eventprop": lambda: sal.Grid(DT, gradient="eventprop"),
}
# What a loss is of, or a parameter that is trained.
GRADIENTS = (
    "voltage",
    "spike train",
    "spike times",
    "input times",
    "input values",
    "delay",
    "time constants",
    "observed",
)
FRONT_ENDS = ("numpy", "torch", "jax")
ALWAYS = {"voltage", "time constants"}
ON_EVENTS = ALWAYS | {"spike times", "input times", "delay", "observed"}
ON_STEPS = ALWAYS | {"spike train", "input values", "observed"}
SUPPORTED = {
    ("exact", "numpy"): ON_EVENTS,
    ("exact", "torch"): ON_EVENTS,
    # observations from elsewhere take the place of a run's own where it is made, which is not under JAX
    ("exact", "jax"): ON_EVENTS - {"observed"},
    ("grid, surrogate", "numpy"): ON_STEPS,
    ("grid, surrogate", "torch"): ON_STEPS,
    ("grid, surrogate", "jax"): ON_STEPS - {"observed"},
    ("grid, eventprop", "numpy"): ON_EVENTS,
    ("grid, eventprop", "torch"): ON_EVENTS,
    ("grid, eventprop", "jax"): ON_EVENTS - {"observed"},
}
COMBINATIONS = [(b, f, g) for b in BACKENDS for f in FRONT_ENDS for g in GRADIENTS]


def problem(gradient):
    """Network, what it is recorded with, its stimulus, and what takes the place of its spikes."""
    net = networks.random_network(3, "lif", delay="pre")
    rng = np.random.default_rng(5)
    events = networks.stimulus(3, BATCH, rng, duration=DURATION)
    stimulus = rng.uniform(0.0, 0.4, (BATCH, 31, 3)) if gradient == "input values" else events
    record = {"out": sal.MaxVoltage(), **({"a": sal.SpikeTrain()} if gradient == "spike train" else {})}
    seen = {"a": networks.stimulus(4, BATCH, rng, duration=DURATION, events=5)} if gradient == "observed" else {}
    return net, record, stimulus, seen


def by_numpy(backend, gradient):
    net, record, stimulus, seen = problem(gradient)
    run = sal.simulate(net, {"in": stimulus}, DURATION, backend=backend, record=record, observed=seen)
    if gradient == "spike times":
        found = run.gradient(spike_times={"a": np.ones(run.spikes["a"].n_events)})
    elif gradient == "spike train":
        found = run.gradient(voltage={"a": np.ones(run.voltage["a"].shape)})
    else:
        found = run.gradient(voltage={"out": np.ones((BATCH, 2))})
    return of_interest(gradient, found)


def of_interest(gradient, found):
    if gradient == "input values":
        return found.input_values["in"]
    kind, key = {"input times": ("input_times", "in"), "delay": ("delay", ("in", "a"))}.get(
        gradient, ("tau_mem", "a") if gradient == "time constants" else ("weight", ("in", "a"))
    )
    return getattr(found, kind)[key]


def by_torch(backend, gradient):
    import torch

    from saltation.torch import SNN, Spikes

    net, record, stimulus, seen = problem(gradient)
    kinds = ("weight", *{"delay": ["delay"], "time constants": ["tau_mem"]}.get(gradient, []))
    snn = SNN(net, trainable=kinds, record=record, backend=backend)
    given = torch.tensor(stimulus, requires_grad=True) if gradient == "input values" else Spikes.from_numpy(stimulus)
    if gradient == "input times":
        given = Spikes(given.times.clone().requires_grad_(), given.units, given.offsets, given.n_units)
    out = snn({"in": given}, DURATION, observed=seen)
    loss = {"spike times": lambda: out.spikes["a"].times, "spike train": lambda: out.voltage("a")}.get(
        gradient, lambda: out.voltage("out")
    )
    loss().sum().backward()
    if gradient.startswith("input"):
        return (given if gradient == "input values" else given.times).grad.numpy()
    name = {"delay": "delay_in_a", "time constants": "tau_mem_a"}.get(gradient, "weight_in_a")
    return snn.get_parameter(name).grad.numpy()


def by_jax(backend, gradient):
    import jax
    import jax.numpy as jnp

    net, record, stimulus, seen = problem(gradient)
    kinds = ("weight", *{"delay": ["delay"], "time constants": ["tau_mem"]}.get(gradient, []))
    init, apply = sal.jax.build(net, trainable=kinds, record=record, backend=backend, capacity=60, duration=DURATION)
    given = jnp.asarray(stimulus) if gradient == "input values" else sal.jax.as_spikes(stimulus)

    def loss(params, given):
        out = apply(params, {"in": given}, **({"observed": seen} if seen else {}))
        if gradient == "spike times":
            out.first_spike("a")  # says so where there are none
            times = out.spikes["a"].times
            return jnp.where(jnp.isfinite(times), times, 0.0).sum()
        return out.voltage("a" if gradient == "spike train" else "out").sum()

    if gradient == "input values":
        return jax.grad(loss, argnums=1)(init(), given)
    if gradient == "input times":
        found = jax.grad(lambda times: loss(init(), dataclass_with(given, times)))(given.times)
        return np.concatenate([row[np.isfinite(t)] for row, t in zip(found, given.times, strict=True)])
    name = {"delay": "delay_in_a", "time constants": "tau_mem_a"}.get(gradient, "weight_in_a")
    return jax.grad(loss)(init(), given)[name]


def dataclass_with(spikes, times):
    return sal.jax.Spikes(times, spikes.units, spikes.count, spikes.n_units)


RUN = {"numpy": by_numpy, "torch": by_torch, "jax": by_jax}


@pytest.fixture(autouse=True)
def float64():
    jax = pytest.importorskip("jax")
    before = jax.config.read("jax_enable_x64")
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


@pytest.mark.parametrize(
    ("backend", "frontend", "gradient"), COMBINATIONS, ids=[", ".join(each) for each in COMBINATIONS]
)
def test_it_trains_or_refuses(backend, frontend, gradient):
    pytest.importorskip("torch")
    chosen = BACKENDS[backend]()
    if gradient in SUPPORTED[backend, frontend]:
        found = np.asarray(RUN[frontend](chosen, gradient))
        expected = by_numpy(chosen, gradient)
        assert np.abs(expected).max() > 0.0
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9 * np.abs(expected).max())
    else:
        errors = (ParameterError, GradientError, UnknownNameError)
        # there, `apply` has no such argument
        missing = (backend, frontend, gradient) in (
            ("exact", "jax", "observed"),
            ("grid, surrogate", "jax", "observed"),
            ("grid, eventprop", "jax", "observed"),
        )
        with pytest.raises(TypeError if missing else errors, match="observed" if missing else None):
            RUN[frontend](chosen, gradient)
