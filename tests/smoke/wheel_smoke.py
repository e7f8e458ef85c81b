"""What an installed wheel must do without PyTorch; CI runs it outside the source tree."""

import importlib.util
import sys

import numpy as np

import saltation as sal
from saltation.errors import MissingDependencyError


def check_missing_torch() -> None:
    assert importlib.util.find_spec("torch") is None, "this check is for an environment without torch"
    try:
        importlib.import_module("saltation.torch")
    except MissingDependencyError as error:
        assert 'pip install "saltation[torch]"' in str(error), f"the message has no command: {error}"
    else:
        raise AssertionError("saltation.torch was imported without torch")


def check_simulation_and_gradient() -> None:
    rng = np.random.default_rng(0)
    net = sal.Network()
    net.add("in", sal.Input(5))
    net.add("hid", sal.LIF(20, tau_mem=20e-3, tau_syn=5e-3))
    net.add("out", sal.LI(3))
    net.connect("in", "hid", weight=rng.normal(1.5, 0.8, size=(5, 20)))
    net.connect("hid", "out", weight=rng.normal(0.5, 0.1, size=(20, 3)))
    samples = [(np.sort(rng.uniform(0, 30e-3, 5)), np.arange(5)) for _ in range(4)]
    stimulus = sal.Spikes.from_lists(samples, n_units=5)

    run = sal.simulate(net, {"in": stimulus}, duration=60e-3, record={"out": sal.MaxVoltage()})
    times = run.spikes["hid"].times
    assert len(times) > 0 and np.all((times > 0) & (times < 60e-3))
    assert run.voltage["out"].shape == (4, 3) and np.all(run.voltage["out"] > 0)

    gradient = run.gradient(voltage={"out": np.ones((4, 3))})
    for pair, shape in ((("in", "hid"), (5, 20)), (("hid", "out"), (20, 3))):
        assert gradient.weight[pair].shape == shape
        assert np.all(np.isfinite(gradient.weight[pair])) and np.any(gradient.weight[pair] != 0)


def main() -> None:
    assert "src" not in sal.__file__.split("/"), f"not the installed wheel: {sal.__file__}"
    check_missing_torch()
    check_simulation_and_gradient()
    sys.stdout.write(f"wheel smoke test: saltation {sal.__version__} in order.\n")


if __name__ == "__main__":
    main()
