import numpy as np
import pytest
import torch
from torch.utils import _pytree as pytree

import saltation as sal
from saltation.errors import ParameterError
from saltation.torch import Spikes, as_spikes

TIMES = [[0.3, 0.1, torch.inf], [torch.inf, torch.inf, torch.inf], [0.2, 0.2, 0.4]]


def test_numpy_round_trip():
    record = sal.Spikes.from_lists([([0.1, 0.2], [1, 0]), ([], []), ([0.05], [2])], n_units=3)
    spikes = Spikes.from_numpy(record)
    assert (spikes.batch, spikes.n_events, spikes.n_units, len(spikes)) == (3, 3, 3, 3)
    assert spikes.to_numpy() == record
    assert as_spikes(record).to_numpy() == record and as_spikes(spikes) is spikes
    spikes.times.add_(1.0)
    assert record.times[0] == 0.1


def test_a_record_without_a_number_of_units_has_to_be_told():
    record = sal.Spikes([0.1], [0], [0, 1])
    with pytest.raises(ParameterError, match="n_units"):
        as_spikes(record)
    assert as_spikes(record, 4).n_units == 4


def test_views_equal_those_of_the_record():
    record = sal.Spikes.from_lists([([0.1, 0.2, 0.2, 0.5], [1, 0, 1, 1]), ([], []), ([0.05], [2])], n_units=3)
    spikes = Spikes.from_numpy(record)
    for n in (None, 5):
        np.testing.assert_array_equal(spikes.counts(n), record.counts(n))
        np.testing.assert_array_equal(spikes.first(n), record.first(n))
    np.testing.assert_array_equal(spikes.per_sample(), record.per_sample())
    np.testing.assert_array_equal(spikes.sample_index(), record.sample_index())
    empty = Spikes.from_numpy(sal.Spikes.empty(2, 3))
    assert empty.first().shape == (2, 3) and bool(empty.first().isinf().all()) and not empty.counts().any()


def test_latencies_are_differentiable_and_silence_has_no_gradient():
    times = torch.tensor(TIMES, dtype=torch.float64, requires_grad=True)
    spikes = Spikes.from_latencies(times)
    assert spikes.to_numpy() == sal.Spikes.from_latencies(TIMES)
    torch.testing.assert_close(spikes.first(), times.detach(), rtol=0, atol=0)
    (spikes.first() * torch.arange(9.0).view(3, 3)).nan_to_num(posinf=0.0).sum().backward()
    expected = torch.where(torch.isfinite(times), torch.arange(9.0).view(3, 3).double(), 0.0)
    torch.testing.assert_close(times.grad, expected, rtol=0, atol=0)


def test_first_gives_the_gradient_to_the_first_event_alone_even_where_the_loss_sends_nan():
    times = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64, requires_grad=True)
    spikes = Spikes(times, torch.tensor([1, 1, 2]), torch.tensor([0, 3]), n_units=4)
    first = spikes.first()
    assert first.tolist() == [[torch.inf, 0.1, 0.3, torch.inf]]
    first.backward(torch.tensor([[torch.nan, 2.0, 3.0, torch.inf]], dtype=torch.float64))
    assert times.grad.tolist() == [2.0, 0.0, 3.0]


def test_pytree_round_trip():
    spikes = Spikes.from_latencies(torch.tensor(TIMES))
    leaves, structure = pytree.tree_flatten({"a": spikes})
    assert len(leaves) == 3
    back = pytree.tree_unflatten(leaves, structure)["a"]
    assert back.times is spikes.times and back.offsets is spikes.offsets and back.n_units == 3
    shapes = pytree.tree_map(lambda leaf: tuple(leaf.shape), spikes)
    assert (shapes.times, shapes.offsets) == ((5,), (4,))
    paths = [pytree.keystr(path) for path, _ in pytree.tree_flatten_with_path(spikes)[0]]
    assert paths == [".times", ".units", ".offsets"]


def test_detach_and_repr():
    spikes = Spikes.from_latencies(torch.tensor([[1e-3, 2e-3]], dtype=torch.float64, requires_grad=True))
    assert repr(spikes) == "Spikes(batch=1, events=2, units=2, t=0.001 s..0.002 s, requires_grad=True)"
    assert repr(spikes.detach()) == "Spikes(batch=1, events=2, units=2, t=0.001 s..0.002 s)"
    assert repr(Spikes.from_numpy(sal.Spikes.empty(2, 5))) == "Spikes(batch=2, events=0, units=5)"


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"times": [0.1]}, "Spikes.times"),
        ({"times": torch.tensor([0.1])}, r"Spikes.times.*float64.*double"),
        ({"times": torch.zeros(1, 1, dtype=torch.float64)}, "Spikes.times"),
        ({"units": torch.tensor([0.0])}, "Spikes.units"),
        ({"units": torch.tensor([0, 1])}, "Spikes.units"),
        ({"offsets": torch.tensor([0, 1], dtype=torch.int32)}, "Spikes.offsets"),
        ({"n_units": 0}, "Spikes.n_units"),
        ({"n_units": True}, "Spikes.n_units"),
    ],
)
def test_bad_tensors_are_named(changes, name):
    good = {
        "times": torch.tensor([0.1], dtype=torch.float64),
        "units": torch.tensor([0]),
        "offsets": torch.tensor([0, 1]),
        "n_units": 1,
    }
    Spikes(**good)
    with pytest.raises(ParameterError, match=name):
        Spikes(**(good | changes))


def test_other_mistakes_are_named():
    with pytest.raises(ParameterError, match=r"Spikes\.from_latencies\.times"):
        Spikes.from_latencies(torch.tensor([[torch.nan]]))
    with pytest.raises(ParameterError, match=r"Spikes\.from_latencies\.times"):
        Spikes.from_latencies(torch.tensor([0.1]))
    with pytest.raises(ParameterError, match=r"Spikes\.first\.n_units"):
        Spikes.from_latencies(torch.tensor([[0.1, 0.2]])).first(1)
    with pytest.raises(ParameterError, match=r"as_spikes\.value"):
        as_spikes([0.1])
    with pytest.raises(ParameterError, match=r"Spikes\.from_numpy\.spikes"):
        Spikes.from_numpy([0.1])
