"""What was run, and how long a chip would take; sequences of operations that are kept."""

import numpy as np
import pytest

from saltation.bss2.mac import ChipTiming, Ideal, MockParameter, Trace, mac, partition, relu
from saltation.bss2.mac.inference import InferenceTracer, inference_trace, record, recording
from saltation.errors import FileFormatError, ParameterError, SimulationError

QUIET = Ideal(MockParameter(noise_std=0.0))


@pytest.mark.parametrize(("size", "batch", "rate"), [(256, 8192, 150e6), (1024, 2000, 240e6)])
def test_rates_are_those_that_tests_of_hxtorch_expect(size, batch, rate):
    with Trace() as trace:
        mac(np.ones((batch, size)), np.zeros((size, size)), unit=QUIET)
    assert trace.macs == batch * size**2
    assert trace.macs / trace.seconds == pytest.approx(rate, rel=0.02)


def test_time_of_a_run_by_hand():
    """Two vectors, 130 inputs: blocks of 128 and 2, at the same time on the two hemispheres."""
    x = np.zeros((2, 130))
    x[0, :10], x[0, 128:], x[1, 129] = 3, 1, 1  # inputs of 0 keep their time
    with Trace() as trace:
        mac(x, np.zeros((130, 4)), num_sends=6, wait_between_events=2, unit=QUIET)
    (operation,) = trace.operations
    time = operation.time(trace.timing)
    assert time.events == pytest.approx(2 * 128 * 6 * 2 * 8e-9)
    assert time.readout == pytest.approx(2 * (1.7e-6 + 5e-6 + 1.7e-6))
    assert time.reconfiguration == pytest.approx(130 * 4 * 2 * 2 * 8e-9)
    assert time.host == pytest.approx(2 * 205e-6 + 2 * (130 + 4) * 0.43e-6)
    assert operation.seconds(trace.timing) == pytest.approx(time.total) == pytest.approx(trace.seconds)
    (run,) = partition(130, 4).runs
    assert ChipTiming().run(run, batch=2, slots=256, num_sends=6, wait_between_events=2)[:3] == pytest.approx(time[:3])


def test_chips_work_at_the_same_time_and_batches_in_pieces_count_once(monkeypatch):
    monkeypatch.setattr("saltation.bss2.mac.running._AT_ONCE", 10_000)
    x, weights = np.ones((100, 512)), np.zeros((512, 512))
    with Trace() as one:
        mac(x, weights, unit=QUIET)
    with Trace() as four:
        mac(x, weights, unit=[Ideal(MockParameter(noise_std=0.0)) for _ in range(4)])
    assert one.runs == four.runs == 4 and len(one.operations) == 1
    assert one.operations[0].time(one.timing) == four.operations[0].time(four.timing)
    host = one.timing.values(100 * 1024)
    assert four.seconds - host == pytest.approx((one.seconds - host) / 4)


def test_a_trace_is_told():
    with Trace() as outer:
        y = mac(np.ones((10, 100)), np.ones((100, 256)), unit=QUIET)
        with Trace() as inner:
            relu(y)
    relu(y)
    assert [each.name for each in outer.operations] == ["mac", "relu"]
    assert [each.name for each in inner.operations] == ["relu"]
    assert outer.utilisation == pytest.approx(100 / 256) and inner.utilisation == 0.0
    rows = outer.table()
    assert rows[0]["runs"] == 1 and rows[0]["macs"] == 256_000 and rows[1]["macs"] == 0
    assert sum(row["seconds"] for row in rows) == pytest.approx(outer.seconds)
    text = str(outer)
    assert "100 x 256" in text and "39 %" in text and len(text.splitlines()) == 5
    assert "MAC/s" not in str(inner)
    assert "all" in str(Trace())


def test_sequences_are_kept_and_run_again(tmp_path):
    torch = pytest.importorskip("torch")
    import saltation.bss2.perceptron as hx

    rng = np.random.default_rng(0)
    x = torch.tensor(rng.integers(0, 32, (20, 256)), dtype=torch.float32)
    w1, w2 = (torch.tensor(rng.integers(-20, 21, shape), dtype=torch.float32) for shape in [(256, 300), (300, 12)])
    path = tmp_path / "trace.npz"
    with hx.hardware(QUIET):
        tracer, nested = hx.InferenceTracer(path), hx.InferenceTracer(tmp_path / "nested.npz")
        tracer.start()
        y = hx.mac(x, w1, num_sends=2)
        nested.start()
        y = hx.converting_relu(hx.add(y, torch.arange(300.0)), shift=1)
        assert nested.stop() == ["add", "converting_relu"]
        y = hx.argmax(hx.relu(hx.mac(y, w2)), dim=1, keepdim=True)
        assert tracer.stop() == ["mac", "add", "converting_relu", "mac", "relu", "argmax"]
        again = hx.inference_trace(x, path)
        assert again.dtype == torch.int64 and torch.equal(again, y)
        inner = hx.inference_trace(hx.mac(x, w1, num_sends=2), nested.filename)
        assert inner.shape == (20, 300) and inner.max() <= 31

        tracer.start()
        y = hx.relu(x)
        with pytest.raises(RuntimeError, match="cannot be traced"):
            hx.relu(y + 2.0)
        assert tracer.stop() == ["relu"]
    assert InferenceTracer(path).filename == path


def test_sequences_that_cannot_be_run(tmp_path):
    path = tmp_path / "trace.npz"
    tracer = InferenceTracer(path)
    with pytest.raises(SimulationError, match="not started"):
        tracer.stop()
    with pytest.raises(FileFormatError, match="does not exist"):
        inference_trace(np.ones(3), path, unit=QUIET)
    tracer.start()
    assert tracer.stop() == []
    with pytest.raises(ParameterError, match="no operations"):
        inference_trace(np.ones(3), path, unit=QUIET)
    whole = path.read_bytes()
    for damaged in (whole[:-20], b"nothing", b""):
        path.write_bytes(damaged)
        with pytest.raises(FileFormatError, match="damaged"):
            inference_trace(np.ones(3), path, unit=QUIET)
    np.savez(path, header=np.array('{"schema_version": 7, "operations": []}'))
    with pytest.raises(FileFormatError, match="schema_version 7"):
        inference_trace(np.ones(3), path, unit=QUIET)
    np.savez(path, header=np.array('{"schema_version": 1, "operations": [{"name": "exit", "numbers": {}}]}'))
    with pytest.raises(FileFormatError, match="unknown operation 'exit'"):
        inference_trace(np.ones(3), path, unit=QUIET)


def test_a_tracer_as_a_context_manager(tmp_path):
    x = np.arange(3)
    with InferenceTracer(tmp_path / "kept.npz"), record("relu", x) as result:
        result.append(relu(x))
    assert inference_trace(np.array([-3, 4]), tmp_path / "kept.npz", unit=QUIET).tolist() == [0, 4]
    with pytest.raises(ZeroDivisionError), InferenceTracer(tmp_path / "none.npz"):
        1 / 0  # noqa: B018
    assert not recording() and not (tmp_path / "none.npz").exists()
