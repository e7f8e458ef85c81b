import gc
import weakref

import pytest
import torch
import torch.utils.checkpoint
from torch.fx.experimental.proxy_tensor import make_fx

import saltation as sal
from saltation.errors import GradientError, ParameterError
from saltation.torch import SNN, Spikes, eager, ops
from saltation.torch.recent import RecentNetworks, RecentRuns
from saltation.torch.specification import register, registered, specify

DURATION = 6.0
RECORD = {"out": (sal.MaxVoltage(), sal.Voltage([1.0, 2.0])), "hid": sal.VoltageIntegral()}


def arguments(snn, stimulus, keep=True):
    tensors = [stimulus.times.clone().requires_grad_(), stimulus.units, stimulus.offsets]
    return snn._key, snn._tensors(), tensors, [], DURATION, True, keep


def test_opcheck_of_the_forward_operation(network, stimulus):
    snn = SNN(network, trainable=("weight", "tau_mem"), record=RECORD)
    torch.library.opcheck(ops.run, arguments(snn, stimulus))


def test_opcheck_of_the_backward_operation(network, stimulus):
    snn = SNN(network, trainable=("weight", "tau_mem"), record=RECORD)
    key, parameters, events, _, duration, _, _ = arguments(snn, stimulus)
    parameters, events = [p.detach() for p in parameters], [e.detach() for e in events]
    outputs = ops.run(key, parameters, events, [], duration, True, False)
    bars = [torch.ones_like(t) for t in (outputs[0], *outputs[3:-1])]
    wanted = [0, 2, len(parameters)]
    torch.library.opcheck(
        ops.run_backward, (key, parameters, events, [], duration, outputs[:3], outputs[-1], bars, wanted)
    )


def test_opcheck_with_observations(network, stimulus):
    specification, _ = specify(network, ("weight",), None, None)
    seen = type(specification)(
        specification.populations,
        specification.edges,
        specification.slots,
        specification.record,
        specification.backend,
        (("hid", False),),
    )
    _, parameters, events, _, duration, _, _ = arguments(SNN(network), stimulus)
    emitted = ops.run(register(specification), parameters, events, [], duration, True, False)[:3]
    observed = [tensor.detach() for tensor in emitted]
    torch.library.opcheck(ops.run, (register(seen), parameters, events, observed, duration, True, True))


@pytest.fixture
def as_traced(monkeypatch):
    """Every call through the operation that a compiler sees."""
    monkeypatch.setattr(eager, "possible", lambda tensors: False)


def gradients(snn, stimulus, loss_of, between=lambda: None):
    times = stimulus.times.clone().requires_grad_()
    out = snn({"in": Spikes(times, stimulus.units, stimulus.offsets, 3)}, DURATION)
    loss = loss_of(out)
    between()
    return torch.autograd.grad(loss, [*snn.parameters(), times])


@pytest.mark.usefixtures("as_traced")
def test_a_run_that_is_gone_is_replayed_to_the_same_gradient(network, stimulus, loss_of, monkeypatch):
    snn = SNN(network, trainable=("weight", "delay", "tau_mem", "tau_syn", "v_th"))
    runs = []
    simulate = ops.simulate
    monkeypatch.setattr(ops, "simulate", lambda *a, **k: runs.append(k["observed"]) or simulate(*a, **k))
    kept = gradients(snn, stimulus, loss_of)
    assert len(runs) == 1 and len(ops.recent_runs) == 0
    replayed = gradients(snn, stimulus, loss_of, ops.recent_runs.clear)
    assert len(runs) == 3 and list(runs[2]) == ["hid"]
    for a, b in zip(kept, replayed, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
    assert all(bool(g.abs().max() > 0) for g in kept)


@pytest.mark.usefixtures("as_traced")
def test_runs_are_kept_for_a_backward_pass_alone_and_never_too_many(network, stimulus, loss_of, monkeypatch):
    monkeypatch.setattr(ops, "recent_runs", RecentRuns(capacity=2))
    snn = SNN(network)
    with torch.no_grad():
        snn({"in": stimulus}, DURATION)
    assert len(ops.recent_runs) == 0
    outs = [snn({"in": stimulus}, DURATION + i) for i in range(3)]
    assert len(ops.recent_runs) == 2
    # The oldest was pushed out; its gradient is that of its own duration all the same.
    found = [torch.autograd.grad(loss_of(out), snn.weight_in_hid)[0] for out in outs]
    assert len(ops.recent_runs) == 0
    for i, gradient in enumerate(found):
        again = torch.autograd.grad(loss_of(snn({"in": stimulus}, DURATION + i)), snn.weight_in_hid)[0]
        torch.testing.assert_close(gradient, again, rtol=1e-12, atol=1e-12)


@pytest.mark.usefixtures("as_traced")
def test_a_kept_run_of_other_weights_is_not_taken(network, stimulus):
    """The weight of the silent neuron moves no spike: the runs before and after differ in the weights alone."""
    snn = SNN(network, record={"hid": sal.Voltage([1.0])})
    snn({"in": stimulus}, DURATION)  # kept, and never used
    with torch.no_grad():
        snn.weight_in_hid[:, 2] *= 1.5
    out = snn({"in": stimulus}, DURATION)
    value = out.voltage("hid")[0, 0, 2]
    ops.recent_runs._runs.pop()  # of the second run, so that only the first could be taken by mistake
    (gradient,) = torch.autograd.grad(value, snn.weight_in_hid)
    # The voltage is linear in the weights of a neuron that never spikes.
    torch.testing.assert_close((gradient[:, 2] * snn.weight_in_hid[:, 2]).sum(), value.detach())
    assert len(ops.recent_runs) == 1


def test_networks_are_kept_and_changed_and_never_too_many(network, stimulus, monkeypatch):
    monkeypatch.setattr(ops, "recent_networks", RecentNetworks(capacity=1))
    a, b = SNN(network, trainable=("weight", "tau_mem")), SNN(network)
    for step in range(3):
        with torch.no_grad():
            a.tau_mem_hid += 0.1 * step
            b.weight_in_hid *= 1.0 + 0.1 * step
        for snn in (a, b, b):
            found = snn({"in": stimulus}, DURATION).spikes["hid"].to_numpy()
            assert found == sal.simulate(snn.network(), {"in": stimulus.to_numpy()}, DURATION).spikes["hid"]
    assert len(ops.recent_networks) == 1


def test_a_value_that_is_refused_leaves_nothing_behind(network, stimulus):
    snn = SNN(network, trainable=("tau_mem",))
    expected = snn({"in": stimulus}, DURATION).spikes["hid"].to_numpy()
    with torch.no_grad():
        snn.tau_mem_hid.neg_()
    with pytest.raises(ParameterError):
        snn({"in": stimulus}, DURATION)
    with torch.no_grad():
        snn.tau_mem_hid.neg_()
    assert snn({"in": stimulus}, DURATION).spikes["hid"].to_numpy() == expected


def test_a_second_backward_pass_replays(network, stimulus, loss_of):
    snn = SNN(network)
    loss = loss_of(snn({"in": stimulus}, DURATION))
    first = torch.autograd.grad(loss, snn.weight_in_hid, retain_graph=True)[0]
    torch.testing.assert_close(torch.autograd.grad(loss, snn.weight_in_hid)[0], first, rtol=1e-12, atol=1e-12)


def test_a_plain_call_has_the_numbers_of_the_operation(network, stimulus, loss_of, monkeypatch):
    snn = SNN(network, record=RECORD, trainable=("weight", "delay", "tau_mem"))
    plain = gradients(snn, stimulus, lambda out: loss_of_all(out))
    assert len(ops.recent_runs) == 0
    monkeypatch.setattr(eager, "possible", lambda tensors: False)
    for a, b in zip(plain, gradients(snn, stimulus, lambda out: loss_of_all(out)), strict=True):
        assert torch.equal(a, b) and a.dtype == b.dtype


def loss_of_all(out):
    """Some outputs have no part in it: of two probes only the second, and none of the other."""
    return out.spikes["hid"].times.sin().sum() + out.voltage("out")[1].square().sum()


def test_a_parameter_changed_in_place_before_the_backward_pass_is_an_error(network, stimulus, loss_of):
    snn = SNN(network)
    loss = loss_of(snn({"in": stimulus}, DURATION))
    with torch.no_grad():
        snn.weight_in_hid.mul_(1.1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def runs_alive(monkeypatch):
    """Count the runs made from here on that somebody still holds."""
    made = []
    simulate = ops.simulate

    def noted(*arguments, **options):
        run = simulate(*arguments, **options)
        made.append(weakref.ref(run))
        return run

    monkeypatch.setattr(ops, "simulate", noted)
    return lambda: sum(reference() is not None for reference in made)


def test_a_used_run_is_freed_though_its_loss_is_kept(network, stimulus, loss_of, monkeypatch):
    alive = runs_alive(monkeypatch)
    snn = SNN(network)
    losses = []
    for _ in range(4):
        losses.append(loss_of(snn({"in": stimulus}, DURATION)))
        assert alive() == 1
        losses[-1].backward()
        assert alive() == 0


def test_checkpointing_makes_the_run_again(network, stimulus, loss_of, monkeypatch):
    snn = SNN(network)
    wanted = torch.autograd.grad(loss_of(snn({"in": stimulus}, DURATION)), snn.weight_in_hid)[0]
    alive = runs_alive(monkeypatch)

    def loss(weight):
        return loss_of(torch.func.functional_call(snn, {"weight_in_hid": weight}, ({"in": stimulus}, DURATION)))

    value = torch.utils.checkpoint.checkpoint(loss, snn.weight_in_hid, use_reentrant=False)
    assert alive() == 0
    torch.testing.assert_close(torch.autograd.grad(value, snn.weight_in_hid)[0], wanted, rtol=1e-12, atol=1e-12)


def test_a_tracer_sees_the_operation(network, stimulus):
    snn = SNN(network)

    def run(weight):
        out = torch.func.functional_call(snn, {"weight_in_hid": weight}, ({"in": stimulus}, DURATION))
        return out.voltage("out")

    graph = make_fx(run, tracing_mode="real")(snn.weight_in_hid.detach())
    assert any("saltation.run" in str(node.target) for node in graph.graph.nodes)


def test_a_gradient_by_torch_func(network, stimulus, loss_of):
    snn = SNN(network)

    def loss(weight):
        return loss_of(torch.func.functional_call(snn, {"weight_in_hid": weight}, ({"in": stimulus}, DURATION)))

    weight = snn.weight_in_hid.detach()
    found = torch.func.grad(loss)(weight)
    wanted = torch.autograd.grad(loss_of(snn({"in": stimulus}, DURATION)), snn.weight_in_hid)[0]
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


def test_a_gradient_inside_a_transformation_without_grad_mode(network, stimulus, loss_of):
    snn = SNN(network)

    def loss(weight):
        return loss_of(torch.func.functional_call(snn, {"weight_in_hid": weight}, ({"in": stimulus}, DURATION)))

    def of_gradient(scale, weight):
        w = weight * scale
        return (torch.autograd.grad(loss(w), w)[0].detach() * scale).sum()

    def of_pullback(scale, weight):
        value, pull = torch.func.vjp(loss, weight * scale)
        with torch.no_grad():
            (gradient,) = pull(torch.ones_like(value))
        return (gradient * scale).sum()

    weight, one = snn.weight_in_hid.detach(), torch.tensor(1.0, dtype=torch.float64)
    wanted = torch.autograd.grad(loss_of(snn({"in": stimulus}, DURATION)), snn.weight_in_hid)[0].sum()
    for function in (of_gradient, of_pullback):
        torch.testing.assert_close(torch.func.grad(function)(one, weight), wanted, rtol=1e-12, atol=1e-12)


def test_double_backward_is_refused(network, stimulus, loss_of):
    snn = SNN(network)
    loss = loss_of(snn({"in": stimulus}, DURATION))
    (gradient,) = torch.autograd.grad(loss, snn.weight_in_hid, create_graph=True)
    with pytest.raises(GradientError, match="second"):
        gradient.sum().backward()
    gc.collect()


def test_equal_networks_share_a_key_whatever_their_values(network):
    key = SNN(network)._key
    assert key == SNN(network.replace(weight={("hid", "out"): [[0.0, 1.0]] * 3}, v_th={"hid": [2.0, 3.0, 4.0]}))._key
    others = [
        SNN(network, trainable=("weight", "tau_mem")),
        SNN(network, record={}),
        SNN(network, backend=sal.Exact(max_events=10)),
        SNN(network.replace(tau_mem={"hid": 2.1})),
        SNN(network.replace(delay={("hid", "out"): 0.06})),
    ]
    assert len({key, *(snn._key for snn in others)}) == 6
    assert 0 <= key < 2**63


def test_the_registry_holds_no_weights(network):
    specification = registered(SNN(network)._key)
    assert all(slot.kind != "weight" or len(slot.shape) == 2 for slot in specification.slots)
    assert not any(isinstance(value, sal.Network) for value in vars(specification).values())


def test_an_unknown_key_is_refused():
    with pytest.raises(ParameterError, match=r"saltation::run\.key"):
        ops.run(12345, [], [], [], 1.0, True, False)


def test_failed_samples_raise_or_are_noted_and_have_no_gradient(network, stimulus):
    snn = SNN(network, backend=sal.Exact(max_events=1))
    with pytest.raises(sal.errors.SimulationError, match="EVENT_LIMIT"):
        snn({"in": stimulus}, DURATION)
    out = snn({"in": stimulus}, DURATION, throw=False)
    assert out.status.tolist() == [sal.Status.EVENT_LIMIT] * 2
    with pytest.raises(GradientError, match="EVENT_LIMIT"):
        out.voltage("out").sum().backward()


def test_events_that_break_their_promise_are_refused(network, stimulus):
    snn = SNN(network)
    backwards = Spikes(stimulus.times.flip(0), stimulus.units, stimulus.offsets, 3)
    with pytest.raises(ParameterError, match=r"Spikes\.times"):
        snn({"in": backwards}, DURATION)
    with pytest.raises(ParameterError, match=r"Spikes\.units"):
        snn({"in": Spikes(stimulus.times, stimulus.units + 1, stimulus.offsets, 3)}, DURATION)
