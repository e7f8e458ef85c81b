"""Nonsense in every argument: the error is ours, and its message names the argument."""

import numpy as np
import pytest

from saltation.errors import SaltationError, SimulationError
from saltation.model import (
    ALIF,
    LI,
    LIF,
    Input,
    Network,
    Projection,
    Spikes,
    Voltage,
    VoltageSamples,
    fan_in_normal,
    latency,
    normal,
    poisson,
    uniform,
)

NAN, INF = float("nan"), float("inf")
NEVER = [
    "0.1",
    b"1",
    object(),
    {},
    1j,
    [[1], [2, 3]],
    np.array("2020", "M8[s]"),
]  # never a real number or array
SCALAR = [*NEVER, None, True, NAN, INF, -INF, [0.1, 0.2], np.zeros((2, 2))]
COUNT = [*NEVER, True, 1.0, NAN, -1, [1, 2], np.zeros(2), np.bool_(True)]
PER_NEURON = [
    *NEVER,
    True,
    NAN,
    [0.1, INF, 0.2],
    [0.1, 0.2],
    np.zeros((3, 3)),
    np.float16(0.5),
    np.longdouble(1),
]
POSITIVE = [*PER_NEURON, 0, -0.1, [0.1, -0.1, 0.1]]

CASES = []


def case(name, call, *values):
    CASES.extend(pytest.param(name, call, value, id=f"{name}-{i}") for i, value in enumerate(values))


for model in (Input, LIF, LI, ALIF):
    case(f"{model.__name__}.size", model, *COUNT, None, 0)
for model in (LIF, LI, ALIF):
    for parameter in ("tau_mem", "tau_syn", *(("tau_adapt",) if model is ALIF else ())):
        case(f"{model.__name__}.{parameter}", lambda v, m=model, p=parameter: m(3, **{p: v}), *POSITIVE)
    signed = ["v_leak", "v_init", *(["v_th", "v_reset", "t_refrac"] if model.spiking else [])]
    for parameter in signed:
        case(f"{model.__name__}.{parameter}", lambda v, m=model, p=parameter: m(3, **{p: v}), *PER_NEURON)
    if model is not ALIF:
        for one, other in (("tau_syn_exc", "tau_syn_inh"), ("tau_syn_inh", "tau_syn_exc")):
            case(
                f"{model.__name__}.{one}",
                lambda v, m=model, a=one, b=other: m(3, **{a: v, b: 5e-3}),
                *POSITIVE,
                None,
            )
for model in (LIF, ALIF):
    case(f"{model.__name__}.t_refrac", lambda v, m=model: m(3, t_refrac=v), -1e-3)
    case(f"{model.__name__}.max_spikes", lambda v, m=model: m(3, max_spikes=v), *COUNT, 0, [1, 0, 1])
    case(f"{model.__name__}.v_reset", lambda v, m=model: m(3, v_reset=v), 1.0, [0.0, 0.0, 2.0])
    case(f"{model.__name__}.v_init", lambda v, m=model: m(3, v_init=v), 1.0, [0.0, 0.0, 2.0])
case("ALIF.beta", lambda v: ALIF(3, beta=v), *PER_NEURON, None, -0.1)

W = np.ones((2, 3))
case("Projection.pre", lambda v: Projection(v, "b", W), None, "", 1)
case("Projection.post", lambda v: Projection("a", v, W), None, "", 1)
case("Projection.weight", lambda v: Projection("a", "b", v), *NEVER, None, 1.0, [1.0], [[NAN]], np.ones((0, 3)))
case("Projection.delay", lambda v: Projection("a", "b", W, v), *NEVER, None, -1e-3, NAN, [0, 0, 0], W.T)
case("Projection.receptor", lambda v: Projection("a", "b", W, receptor=v), "syn", "EXC", 1, [])
case("Projection.name", lambda v: Projection("a", "b", W, name=v), "", 1)

case("Spikes.times", lambda v: Spikes(v, [0, 0], [0, 2]), *NEVER, None, 1.0, [[0.1, 0.2]], [True, False])
case("Spikes.times", lambda v: Spikes(v, [0, 0], [0, 2]), [NAN, 0.1], [0.1, INF], [-0.1, 0.1], [0.2, 0.1])
case("Spikes.units", lambda v: Spikes([0.1, 0.2], v, [0, 2], 3), *NEVER, None, 0, [0], [0, 3], [-1, 0])
case("Spikes.units", lambda v: Spikes([0.1, 0.2], v, [0, 2], 3), [0.0, 1.0], [True, False], [2**40, 0])
case("Spikes.units", lambda v: Spikes([0.1, 0.2], v, [0, 2]), [0, -(2**40)])
case(
    "Spikes.offsets",
    lambda v: Spikes([0.1, 0.2], [0, 0], v),
    *NEVER,
    None,
    2,
    [],
    [0],
    [1, 2],
    [0, 1],
    [0, 3],
)
case("Spikes.offsets", lambda v: Spikes([0.1, 0.2], [0, 0], v), [0, 2, 1, 2], [0.0, 2.0], [False, True])
case("Spikes.n_units", lambda v: Spikes([], [], [0], v), *COUNT, 0, 2**31)
case(
    "Spikes.from_lists",
    Spikes.from_lists,
    1,
    None,
    [1],
    [([0.1], [0], [0])],
    [([0.1], [])],
    [([0.2, 0.1], [0, 0])],
)
case("Spikes.from_lists", Spikes.from_lists, [("a", [0])], [([0.1], "b")], [([NAN], [0])], [([0.1], [-1])])
case("Spikes.from_lists.n_units", lambda v: Spikes.from_lists([], v), *COUNT)
case(
    "Spikes.from_dense.array",
    lambda v: Spikes.from_dense(v, 0.1),
    *NEVER,
    None,
    [1, 0],
    [[[2]]],
    [[[NAN]]],
    [[[-1]]],
)
case("Spikes.from_dense.dt", lambda v: Spikes.from_dense([[[1]]], v), *SCALAR, 0, -1)
case("Spikes.from_dense.t0", lambda v: Spikes.from_dense([[[1]]], 1, v), *SCALAR, -1)
case(
    "Spikes.from_padded.times",
    lambda v: Spikes.from_padded(v, [[0, -1]]),
    *NEVER,
    None,
    [0.1, INF],
    [[-1, INF]],
)
case(
    "Spikes.from_padded.units",
    lambda v: Spikes.from_padded([[0.1, INF]], v),
    *NEVER,
    None,
    [[0]],
    [[0.0, -1.0]],
)
case(
    "Spikes.from_padded.units",
    lambda v: Spikes.from_padded([[0.1, INF]], v, 2),
    [[0, 0]],
    [[-1, -1]],
    [[2, -1]],
)
case(
    "Spikes.from_latencies.times",
    Spikes.from_latencies,
    *NEVER,
    None,
    0.1,
    [0.1],
    [[NAN]],
    [[-0.1]],
    [[-INF]],
)
case("Spikes.empty.batch", Spikes.empty, *COUNT, None)
case("Spikes.empty.n_units", lambda v: Spikes.empty(1, v), *COUNT, 0)
TWO = Spikes.from_latencies([[0.1, 0.2]])
case("Spikes.concatenate.parts", Spikes.concatenate, [], [1], [TWO, Spikes.empty(1, 3)])
case("Spikes.merge.parts", Spikes.merge, [], ["a"], [TWO, Spikes.empty(1, 3)], [TWO, Spikes.empty(2, 2)])
case("Spikes.to_dense.dt", lambda v: TWO.to_dense(v, 1.0), *SCALAR, 0, -1)
case("Spikes.to_dense.duration", lambda v: TWO.to_dense(0.1, v), *SCALAR, 0, -1, 0.15)
case("Spikes.to_dense.t0", lambda v: TWO.to_dense(0.1, 1.0, t0=v), *SCALAR, -1, 0.15)
case("Spikes.to_dense.n_units", lambda v: TWO.to_dense(0.1, 1.0, v), *COUNT, 1)
case("Spikes.to_dense.multiple", lambda v: TWO.to_dense(0.1, 1.0, multiple=v), None, "sum", 2, [])
case("Spikes.to_padded.capacity", TWO.to_padded, *COUNT, 1)
case("Spikes.shift.dt", TWO.shift, *SCALAR, -0.15)
case("Spikes.sample.i", TWO.sample, *NEVER, None, True, 0.0, slice(0, 1), -2)
case("Spikes[...]", TWO.__getitem__, None, "a", 0.0, True, [True, False], [[0]], np.zeros(0))

case("Voltage.times", Voltage, *NEVER, None, 0.1, [], [0.2, 0.1], [-0.1], [NAN], [[0.1]])
case("VoltageSamples.times", lambda v: VoltageSamples(v, [[[0.1]]]), *NEVER, None, [], [0.2, 0.1])
case(
    "VoltageSamples.values",
    lambda v: VoltageSamples([0.1], v),
    *NEVER,
    None,
    [0.1],
    [[[NAN]]],
    [[[0.1], [0.1]]],
)

for function in (normal, uniform, fan_in_normal):
    name = function.__name__
    case(f"{name}.shape", lambda v, f=function: f(v, 0.0, 1.0, 1), None, 3, "ab", (2, 0), (2, 1.5), (True, 2))
    case(f"{name}.seed", lambda v, f=function: f((2, 2), 0.0, 1.0, v), *COUNT, None)
for function in (normal, fan_in_normal):
    name = function.__name__
    case(f"{name}.mean", lambda v, f=function: f((2, 2), v, 1.0, 1), *SCALAR)
    case(f"{name}.std", lambda v, f=function: f((2, 2), 0.0, v, 1), *SCALAR, -1)
case("fan_in_normal.shape", lambda v: fan_in_normal(v, 0.0, 1.0, 1), (2,), (2, 2, 2))
case("uniform.low", lambda v: uniform((2, 2), v, 1.0, 1), *SCALAR)
case("uniform.high", lambda v: uniform((2, 2), 0.0, v, 1), *SCALAR, -1)

case("latency.values", lambda v: latency(v, 0.0, 1.0), *NEVER, None, 0.5, [0.5], [[1.1]], [[-0.1]], [[NAN]])
case("latency.t_early", lambda v: latency([[0.5]], v, 1.0), *SCALAR, -1)
case("latency.t_late", lambda v: latency([[0.5]], 0.5, v), *SCALAR, 0.5, 0.1)
case("latency.threshold", lambda v: latency([[0.5]], 0.0, 1.0, v), *(v for v in SCALAR if v is not None))
case(
    "latency.bias_time",
    lambda v: latency([[0.5]], 0.0, 1.0, None, v),
    *(v for v in SCALAR if v is not None),
    -1,
)
case(
    "poisson.rates",
    lambda v: poisson(v, 1.0, 1),
    *NEVER,
    None,
    5.0,
    [5.0],
    [[-1.0]],
    [[NAN]],
    [[INF]],
    [[1e30]],
)
case("poisson.duration", lambda v: poisson([[5.0]], v, 1), *SCALAR, 0, -1)
case("poisson.seed", lambda v: poisson([[5.0]], 1.0, v), *COUNT, None)


def network():
    net = Network()
    net.connect(net.add("a", Input(2)), net.add("b", LIF(3)), weight=W)
    return net


case("Network.add.name", lambda v: network().add(v, LIF(1)), None, "", 1, "a", "b", [])
case("Network.add.population", lambda v: network().add("c", v), None, LIF, 3, "LIF")
case("Network.connect.pre", lambda v: network().connect(v, "b", weight=W, name="x"), None, "c", 1, [])
case("Network.connect.post", lambda v: network().connect("a", v, weight=W, name="x"), None, "c", 1, [], "a")
case("Network.connect.name", lambda v: network().connect("a", "b", weight=W, name=v), None, "a")
case("Network.connect.receptor", lambda v: network().connect("a", "b", weight=W, name="x", receptor=v), "exc")
case("Network.connect.weight", lambda v: network().connect("a", "b", weight=v, name="x"), W.T, W[:1])
case(
    "Network.replace.weight",
    lambda v: network().replace(weight=v),
    W,
    {"a": W},
    {("b", "a"): W},
    {("a", "b"): W.T},
)
case("Network.replace.delay", lambda v: network().replace(delay=v), 0.1, {"a": 0.1})
case("Projection.delay", lambda v: network().replace(delay={("a", "b"): v}), None, -1, "x")
case("Network.replace.tau_mem", lambda v: network().replace(tau_mem=v), None, 0.1, {"c": 0.1})
case("Network.n_parameters.trainable", lambda v: network().n_parameters(v), ["x"], "x", [1], [None])


@pytest.mark.parametrize(("name", "call", "value"), CASES)
def test_message_names_the_argument(name, call, value):
    with pytest.raises(SaltationError) as caught:
        call(value)
    message = str(caught.value)
    assert message.startswith(name), message
    assert " must be " in message and "; got " in message
    assert len(message) < 500


@pytest.mark.parametrize("index", [1, -2, [0, 5], np.array([-2])])
def test_samples_out_of_range_are_index_errors(index):
    with pytest.raises(IndexError, match=r"Spikes\[\.\.\.\] must be"):
        TWO[index]


def test_messages_say_where():
    with pytest.raises(SaltationError, match="got nan at event 1 of sample 2; "):
        Spikes.from_lists([([0.1], [0]), ([], []), ([0.1, NAN], [0, 0])])
    with pytest.raises(SaltationError, match=r"got 7 at event 0 of sample 1; "):
        Spikes([0.1, 0.1], [0, 7], [0, 1, 2], n_units=5)
    with pytest.raises(SaltationError, match=r"got 0\.1 at event 1 of sample 1 after 0\.3; .*sort=True"):
        Spikes([0.2, 0.3, 0.1], [0, 0, 0], [0, 1, 3])


def test_simulation_error_keeps_samples():
    error = SimulationError("it failed", samples=np.array([3, 7]))
    assert error.samples == (3, 7) and str(error) == "it failed"
    assert isinstance(error, RuntimeError)
