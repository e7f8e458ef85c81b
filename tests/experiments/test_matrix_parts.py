"""Settings, data and networks of the experiments on the matrix mode."""

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from saltation.bss2.mac import Ideal, MockParameter, hardware  # noqa: E402
from saltation.bss2.perceptron import convert, get_mock_parameter  # noqa: E402
from saltation.data import Windows, features  # noqa: E402
from saltation.errors import GradientError, ParameterError  # noqa: E402
from saltation.experiments.matrix import task as tasks  # noqa: E402
from saltation.experiments.matrix.chips import with_parameter  # noqa: E402
from saltation.experiments.matrix.settings import EXPERIMENTS_OF_MATRICES, Settings, quick, recipe  # noqa: E402
from saltation.experiments.matrix.spectrum import band_energies  # noqa: E402
from saltation.experiments.matrix.task import Labelled, load, network  # noqa: E402
from saltation.experiments.matrix.training import evaluate, fit  # noqa: E402
from saltation.experiments.torch_support import one_thread  # noqa: E402


@pytest.mark.parametrize("experiment", EXPERIMENTS_OF_MATRICES)
def test_settings_survive_json(experiment):
    settings = dataclasses.replace(recipe(experiment), serials=(2, 5))
    values = {name: list(value) if isinstance(value, tuple) else value for name, value in settings.to_config().items()}
    assert Settings.from_dict(values) == settings
    assert quick(settings).epochs < settings.epochs and quick(settings).serials == (2, 5)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"experiment": "mnist"}, "experiment must be one of mnist-mac"),
        ({"serials": ()}, "serials must be different chips"),
        ({"loop_learning_rate": 0.0}, "loop_learning_rate"),
        ({"average": 0}, "average"),
    ],
)
def test_what_settings_refuse(changed, message):
    with pytest.raises(ParameterError, match=message):
        Settings(**changed)


def test_published_network():
    net = network("mnist-mac")
    assert net(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
    # 20 kernels at 5 x 5 places give the 500 inputs of the second layer
    assert net[:3](torch.zeros(1, 1, 28, 28)).shape == (1, 500)
    assert sum(each.numel() for each in net.parameters()) == 20 * 101 + 501 * 128 + 129 * 10


def test_features_are_scaled_by_training_subjects_alone(monkeypatch):
    rng = np.random.default_rng(1)

    def windows(n, scale):
        values = scale * rng.standard_normal((n, 128, 6))
        return Windows(values, rng.integers(0, 6, n), tuple("abcdef"), tuple("uvwxyz"), 50.0)

    sets = {"train": windows(40, 1.0), "test": windows(30, 5.0)}
    monkeypatch.setattr(tasks, "hapt", sets.__getitem__)
    task = load(dataclasses.replace(recipe("har"), test_limit=20))
    assert task.train.x.shape == (40, 99) and task.test.x.shape == (20, 99)
    assert float(task.train.x.mean(dim=0).abs().max()) < 0.2
    for made, columns in ((features, slice(0, 63)), (band_energies, slice(63, 99))):
        of_train = made(sets["train"])
        expected = (made(sets["test"])[:20] - of_train.mean(axis=0)) / of_train.std(axis=0)
        found = task.test.x[:, columns].numpy()
        np.testing.assert_allclose(found, np.clip(expected, -3.0, 3.0), rtol=1e-5, atol=1e-6)
    assert float(task.test.x.abs().max()) == 3.0


def test_band_energies_by_the_sum_over_steps():
    rng = np.random.default_rng(3)
    values = rng.standard_normal((2, 128, 3))
    found = band_energies(Windows(values, np.array([0, 0]), ("a",), ("x", "y", "z"), 50.0)).reshape(2, 6, 3)
    steps = np.arange(128)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * steps / 127)
    for window, channel in ((0, 0), (1, 2)):
        signal = hann * (values[window, :, channel] - values[window, :, channel].mean())
        lines = [abs(sum(signal * np.exp(-2j * np.pi * line * steps / 128))) ** 2 for line in range(65)]
        for band, (first, last) in enumerate([(1, 2), (3, 4), (5, 7), (8, 12), (13, 24), (25, 64)]):
            expected = np.log(np.mean(lines[first : last + 1]) + 0.001)
            np.testing.assert_allclose(found[window, band, channel], expected, rtol=1e-9)
    with pytest.raises(ParameterError, match="at least 128 steps; got 127"):
        band_energies(Windows(values[:, :127], np.array([0, 0]), ("a",), ("x", "y", "z"), 50.0))


def test_chosen_samples_keep_their_labels(monkeypatch):
    x = np.arange(50.0)[:, None]
    monkeypatch.setitem(
        tasks._READERS, "har", lambda: (tasks._labelled(x, np.arange(50)), tasks._labelled(x, np.arange(50)), ("a",))
    )
    train = load(dataclasses.replace(recipe("har"), train_limit=10)).train
    assert len(train) == 10 and torch.equal(train.x[:, 0].long(), train.labels)
    assert len(set(train.labels.tolist())) == 10 and train.labels.tolist() != list(range(10))


def test_fit_learns_and_is_the_same_again():
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(300, 2, generator=generator)
    data = Labelled(x, (x[:, 0] > x[:, 1]).long())

    def trained():
        torch.manual_seed(1)
        model = torch.nn.Linear(2, 2)
        with one_thread():
            history = fit(model, data, epochs=8, batch=32, rate=lambda at: 0.1, seed=2)
        return model, history

    model, history = trained()
    assert evaluate(model, data, 2).accuracy >= 0.9
    assert [record["epoch"] for record in history] == list(range(1, 9))
    assert history[-1]["train_loss"] < history[0]["train_loss"]
    assert torch.equal(trained()[0].weight, model.weight)


def test_learning_rate_falls_within_an_epoch():
    seen = []
    data = Labelled(torch.zeros(6, 1), torch.zeros(6, dtype=torch.long))
    fit(torch.nn.Linear(1, 2), data, epochs=2, batch=2, rate=lambda at: seen.append(at) or 0.1, seed=0)
    np.testing.assert_allclose(seen, [0, 1 / 3, 2 / 3, 1, 4 / 3, 5 / 3])


def test_what_is_not_finite_is_refused():
    data = Labelled(torch.full((4, 1), torch.inf), torch.zeros(4, dtype=torch.long))
    with pytest.raises(GradientError, match="epoch 1, step 1"):
        fit(torch.nn.Linear(1, 2), data, epochs=1, batch=2, rate=lambda at: 0.1, seed=0)


def test_parameter_is_as_it_was():
    before = get_mock_parameter()
    with with_parameter(MockParameter(1.0, 0.5)):
        assert get_mock_parameter().gain == 0.5
    assert get_mock_parameter() == before


def test_averaged_outputs_of_a_converted_model():
    torch.manual_seed(0)
    model, x = network("yinyang-mac"), torch.rand(400, 4)
    found = {}
    for avg in (1, 25):
        with with_parameter(MockParameter()), hardware(Ideal()):
            chip_model = convert(model, x, unit=Ideal(seed=3), avg=avg)
            assert chip_model[2].avg == avg and chip_model[0].avg == 1
            with torch.no_grad():
                # what one run and another give for the same inputs: the noise of 25 neurons is a fifth
                found[avg] = float((chip_model[2](torch.full((400, 128), 3.0))).std(dim=0).mean())
    assert found[25] < 0.35 * found[1]
    with pytest.raises(ParameterError, match="avg must be 1"):
        convert(torch.nn.Sequential(torch.nn.Conv1d(1, 2, 3)), torch.rand(5, 1, 9), mock=True, avg=2)
