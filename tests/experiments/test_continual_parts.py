"""Parts of the experiment continual: streams, networks, methods, checkpoints, what several runs say, figures."""

import dataclasses

import numpy as np
import pytest
import torch

from saltation.continual import AGEM, EWC, SI, Descent, Ensemble, Joint, LwF, Replay, rotated
from saltation.continual.streams import Arrays
from saltation.data import Images, digits
from saltation.errors import FileFormatError, GradientError, ParameterError
from saltation.experiments.continual import Settings, problems, recipe, scores, train
from saltation.experiments.continual.comparing import runs_of, summary
from saltation.experiments.continual.networks import make_mlp
from saltation.experiments.continual.problems import STREAMS, make_stream
from saltation.experiments.continual.settings import METHODS, sub_seed
from saltation.experiments.continual.ways import make_method
from saltation.experiments.results import ResultFolder

pytest.importorskip("sklearn")

SMALL = {"stream": "permuted-digits", "tasks": 2, "hidden": 8, "batch": 16, "train_limit": 60, "test_limit": 40}


def small(method, **changed):
    return dataclasses.replace(recipe(method), **(SMALL | {"lr": 0.05} | changed))


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# --------------------------------------------------------------------------------------------------- streams
def test_a_permuted_stream_has_the_pictures_in_another_order_of_pixels():
    stream = make_stream("permuted-digits", tasks=3, seed=4, train_limit=50)
    images = digits("train")
    x, y = stream.tasks[1].part("train")
    np.testing.assert_array_equal(y, images.labels[:50])
    assert x.shape == (50, 64) and x.dtype == np.float32 and len(stream) == 3
    for row, picture in zip(x, images.pixels, strict=False):
        np.testing.assert_array_equal(np.sort(row), np.sort(picture.ravel() / 16).astype(np.float32))
    assert not np.array_equal(x, stream.tasks[0].part("train")[0])
    assert not np.array_equal(x, make_stream("permuted-digits", seed=5, train_limit=50).tasks[1].part("train")[0])
    longer = make_stream("permuted-digits", tasks=4, seed=4, train_limit=50)
    np.testing.assert_array_equal(x, longer.tasks[1].part("train")[0])


@pytest.mark.parametrize(("dataset", "mean", "deviation"), [("mnist", 0.1307, 0.3081), ("fashion", 0.286, 0.353)])
def test_pictures_are_standardised_or_bright(dataset, mean, deviation, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 28, 28)).astype(np.uint8)
    images = Images(pixels, np.arange(20) % 10, tuple("0123456789"))
    monkeypatch.setitem(problems.READERS, dataset, lambda part: images)
    x = make_stream(f"classes-{dataset}").tasks[0].part("test")[0]
    bright = pixels[images.labels < 2].reshape(4, -1) / 255
    np.testing.assert_allclose(x, (bright - mean) / deviation, rtol=1e-5, atol=1e-6)
    plain = make_stream(f"classes-{dataset}", standardised=False).tasks[0].part("test")[0]
    np.testing.assert_allclose(plain, bright, rtol=1e-15)
    smaller = make_stream(f"classes-{dataset}", standardised=False, pixels=14).tasks[0].part("test")[0]
    np.testing.assert_allclose(smaller, bright.reshape(4, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(4, -1), rtol=1e-12)


def test_turned_pictures_keep_their_background(monkeypatch):
    pixels = np.zeros((10, 28, 28), np.uint8)
    pixels[:, 10:18, 13:15] = 255
    images = Images(pixels, np.arange(10), tuple("0123456789"))
    monkeypatch.setitem(problems.READERS, "mnist", lambda part: images)
    stream = make_stream("rotated-mnist", tasks=4, degrees=90.0)
    assert [task.name for task in stream.tasks] == ["0 degrees", "30 degrees", "60 degrees", "90 degrees"]
    dark, light = -0.1307 / 0.3081, (1 - 0.1307) / 0.3081
    for task in stream.tasks:
        turned = task.part("test")[0]
        assert turned.shape == (10, 784) and turned.min() == pytest.approx(dark, rel=1e-5)
        assert turned[:, 0] == pytest.approx(dark, rel=1e-5)  # a corner, which comes from outside
    quarter = stream.tasks[3].part("test")[0][0].reshape(28, 28)
    expected = np.where(np.rot90(pixels[0]) > 0, light, dark)
    np.testing.assert_allclose(quarter, expected, rtol=1e-5)


def test_square_pictures_may_be_rows():
    pictures = np.random.default_rng(1).random((5, 8, 8))
    y = np.arange(5)
    flat = rotated(Arrays(pictures.reshape(5, 64), y, pictures.reshape(5, 64), y), [20.0], outside=0.5)
    whole = rotated(Arrays(pictures, y, pictures, y), [20.0], outside=0.5)
    np.testing.assert_array_equal(flat.tasks[0].part("train")[0].reshape(5, 8, 8), whole.tasks[0].part("train")[0])


def test_divided_streams():
    scenarios = {"split": ("task", 10), "domain": ("domain", 2), "classes": ("class", 10)}
    for kind, (scenario, labels) in scenarios.items():
        stream = make_stream(f"{kind}-digits")
        assert (stream.scenario, stream.labels, len(stream)) == (scenario, labels, 5)
    assert make_stream("domain-digits", tasks=2).labels == 5
    with pytest.raises(ParameterError, match="tasks must be 2 or 5"):
        make_stream("split-digits", tasks=3)
    with pytest.raises(ParameterError, match="one of permuted-mnist"):
        make_stream("permuted-cifar")
    assert len(STREAMS) == 15


# ---------------------------------------------------------------------------------------- networks, methods
def test_an_mlp_begins_as_torch_makes_it_and_leaves_the_global_generator_alone():
    torch.manual_seed(0)
    untouched = torch.rand(3)
    torch.manual_seed(0)
    module = make_mlp(12, 4, hidden=5, layers=2, seed=9)
    assert torch.equal(torch.rand(3), untouched)
    torch.manual_seed(9)
    expected = [torch.nn.Linear(12, 5), torch.nn.Linear(5, 5), torch.nn.Linear(5, 4)]
    x = torch.randn(7, 12)
    by_hand = expected[2](expected[1](expected[0](x).relu()).relu())
    assert torch.equal(module(x), by_hand)


def test_methods_by_name():
    kinds = {"sgd": Descent, "momentum": Descent, "adam": Descent, "ewc": EWC, "si": SI, "lwf": LwF}
    kinds |= {"replay": Replay, "agem": AGEM, "joint": Joint, "nte": Ensemble, "nte-sum": Ensemble}
    assert {*kinds, "scaled-sgd"} == set(METHODS)
    for name, kind in kinds.items():
        method = make_method(small(name), make_mlp(64, 10, hidden=8))
        assert type(method) is kind
        group = method._optimiser.param_groups[0]
        assert group["lr"] == 0.05
        if name == "adam":
            assert group["betas"] == (0.9, 0.99)
        elif kind is not Ensemble:
            assert group["momentum"] == (0.9 if name == "momentum" else 0.0)
    assert [recipe(name).lr for name in ("sgd", "adam", "nte")] == [0.01, 0.001, 0.01]
    assert recipe("nte").batch == 128 and recipe("nte").epochs == 2 and recipe("nte", "spiking").max_delta is None


def test_the_ensembles_differ_as_they_say():
    module = make_mlp(64, 10, hidden=8)
    assert module[2].weight.abs().max() > 0.2  # 1 / sqrt(8)
    nte = make_method(small("nte", max_delta=0.2), module)._optimiser
    assert float(module[2].weight.detach().abs().max()) == pytest.approx(0.2)
    assert not nte.sums and nte._renormalise and nte.param_groups[0]["max_delta"] == 0.2
    assert make_method(small("nte-sum"), make_mlp(64, 10, hidden=8))._optimiser.sums
    assert not make_method(small("scaled-sgd"), make_mlp(64, 10, hidden=8))._optimiser._renormalise
    module = make_mlp(64, 10, hidden=8)
    optimiser = make_method(small("nte", gradient_at="seed", reseed_every=5), module)._optimiser
    before = module[0].weight.detach().clone()
    with torch.no_grad():
        module[0].weight += 1.0
    with optimiser.at_gradient_point():
        assert torch.equal(module[0].weight, before)


def test_what_settings_refuse():
    for changed, message in (
        ({"method": "gem"}, "method must be one of"),
        ({"momentum": 1.0}, "momentum must be < 1"),
        ({"reseed_every": 5}, "take gradient_at='seed'"),
        ({"max_delta": 0.0}, "max_delta must be"),
        ({"hidden": 0}, "hidden must be"),
        ({"stream": "split-mnist", "tasks": 4}, "must be 2 or 5"),
    ):
        with pytest.raises(ParameterError, match=message):
            Settings(**changed)


def test_seeds_of_different_things_differ():
    seeds = {sub_seed(seed, what) for seed in range(50) for what in ("stream", "network", "order", "method")}
    assert len(seeds) == 200


# -------------------------------------------------------------------------------------------------- training
class Stop(Exception):
    """Raised where a run is interrupted."""


@pytest.mark.parametrize("method", METHODS)
def test_an_interrupted_run_goes_on_bit_for_bit(method, tmp_path):
    settings = small(method, epochs=1)
    whole = train(settings)
    folder = ResultFolder(tmp_path / "run")

    def stop(task, epoch):
        if task == 2:
            raise Stop

    with pytest.raises(Stop):
        train(settings, folder, on_epoch=stop)
    assert folder.load_checkpoint().epoch == 1
    seen = []
    resumed = train(settings, folder, on_task=lambda now: seen.append(now.epoch))
    assert seen == [1, 2]
    for name, array in whole.weights.items():
        assert array.dtype == resumed.weights[name].dtype
        np.testing.assert_array_equal(array, resumed.weights[name])
    for part in ("accuracies", "untrained", "losses", "updates", "memory"):
        np.testing.assert_array_equal(getattr(whole.learned, part), getattr(resumed.learned, part))
    timeless = [[{**each, "seconds": 0} for each in done.history] for done in (whole, resumed)]
    assert timeless[0] == timeless[1]


def test_a_run_that_diverges_says_where(tmp_path):
    folder = ResultFolder(tmp_path / "run")
    with pytest.raises(GradientError, match=r"stopped in task 1, learning rate 1e\+20: .* smaller learning rate"):
        train(small("sgd", lr=1e20), folder)
    assert folder.load_checkpoint().epoch == 0


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    folder = ResultFolder(tmp_path / "run")
    train(small("sgd", epochs=1), folder)
    with pytest.raises(FileFormatError, match="not one of this experiment"):
        train(small("ewc", epochs=1), folder)


def test_scores_are_those_of_the_matrix():
    done = train(small("momentum", tasks=3, epochs=3))
    matrix, found = done.learned.accuracies, scores(done.learned)
    assert found["average_accuracy"] == pytest.approx(matrix[-1].mean())
    assert found["forgetting"]["avalanche"] == pytest.approx(np.mean(np.diag(matrix)[:2] - matrix[-1, :2]))
    assert found["backward_transfer"]["gem"] == pytest.approx(-found["forgetting"]["avalanche"])
    gained = np.mean([matrix[0, 1] - done.learned.untrained[1], matrix[1, 2] - done.learned.untrained[2]])
    assert found["forward_transfer"]["gem"] == pytest.approx(gained)
    assert found["first_task"] == {"first": matrix[0, 0], "best": matrix[:, 0].max(), "last": matrix[-1, 0]}
    assert found["updates"] == 3 * 3 * 4 and done.parameters == 64 * 8 + 8 + 8 * 8 + 8 + 8 * 10 + 10
    single = scores(train(small("sgd", tasks=1, epochs=1)).learned)
    assert single["forgetting"] is None and single["backward_transfer"] is None and single["forward_transfer"] is None


# ------------------------------------------------------------------------------------------------ comparisons
def test_runs_are_all_combinations():
    runs = runs_of(small("sgd"), {"momentum": [0.0, 0.5], "hidden": [4, 6], "seed": [3, 4, 5]})
    assert len(runs) == 12 == len({dataclasses.astuple(each) for each in runs.values()})
    assert runs["momentum-0.5_hidden-4_seed-5"] == small("sgd", momentum=0.5, hidden=4, seed=5)
    with pytest.raises(ParameterError, match="momentum must be"):
        runs_of(small("sgd"), {"momentum": [0.0, -1.0]})


def test_a_summary_leaves_out_what_one_run_does_not_have():
    result = {"momentum": 0.0, "hidden": 3, "seed": 1, "parameters": 9, "average_accuracy": 0.5, "forgetting": None}
    result |= {"learning_accuracy": 0.5, "first_task": {"first": 0.5, "last": 0.5}, "train_seconds": 1.0}
    row = summary([result])[0]
    assert row["forgetting"] is None and row["average_accuracy"] == {"mean": 0.5, "std": None}


# --------------------------------------------------------------------------------------------------- figures
def test_figures_show_the_numbers():
    pytest.importorskip("matplotlib")
    from saltation.experiments.continual import drawing
    from saltation.experiments.output import new_figure

    def panel():
        return new_figure(4.0, 3.0).subplots()

    matrix = np.array([[0.9, 0.2, 0.1], [0.7, 0.8, 0.3], [0.5, 0.6, 0.95]])
    ax = drawing.accuracy_matrix(matrix, panel())
    np.testing.assert_allclose(ax.get_images()[0].get_array(), 100 * matrix)
    assert [float(text.get_text()) for text in ax.texts] == pytest.approx((100 * matrix).ravel())
    assert [text.get_style() for text in ax.texts[3:6]] == ["normal", "normal", "italic"]

    ax = drawing.accuracy_over_time(matrix, [0.1, 0.11, 0.12], panel())
    lines = {line.get_label(): line for line in ax.get_lines() if line.get_label() != "_before"}
    np.testing.assert_allclose(lines["task 2"].get_xdata(), [2, 3])
    np.testing.assert_allclose(lines["task 2"].get_ydata(), [80, 60])

    ax = drawing.losses([[0.9, 0.5], [1.2, 0.7]], panel())
    np.testing.assert_allclose(ax.get_lines()[1].get_xdata(), [3, 4])
    np.testing.assert_allclose(ax.get_lines()[1].get_ydata(), [1.2, 0.7])

    values = [[0.1, 0.2, 0.4], [0.5, 0.5, 0.8]]
    for draw in (drawing.against_momentum, drawing.against_width):
        ax = draw([1.0, 9.0], {"a": values, "b": values}, panel())
        bars = ax.containers[0]
        np.testing.assert_allclose(bars.lines[0].get_ydata(), 100 * np.mean(values, axis=1))
        ends = np.array([segment[:, 1] for segment in bars.lines[2][0].get_segments()])
        np.testing.assert_allclose(np.diff(ends, axis=1)[:, 0], 2 * 100 * np.std(values, axis=1, ddof=1))
        assert draw([1.0, 9.0], {"one seed": [[0.1], [0.2]]}, panel()).containers[0].has_yerr is False
        with pytest.raises(ParameterError, match=r"must be of shape \[2, seed\]"):
            draw([1.0, 9.0], {"a": [[0.1]]}, panel())
