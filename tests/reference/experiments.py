"""Small experiments on a chip that several test files run."""

import numpy as np

import saltation as sal
from saltation.bss2 import Chip, Configuration, Experiment, Variation

# circuits that spike without a calibration, all a little different
MILD = Variation().replace(leak=5e-3, reset=5e-3, threshold=5e-3, input_offset=1.0)


def mild_chip(serial=5, **more):
    return Chip(serial, variation=MILD, **more)


def responsive(**more):
    values = {
        "leak_v_leak": 300,
        "reset_v_reset": 300,
        "threshold_v_threshold": 360,
        "excitatory_input_enable": 1,
        "inhibitory_input_enable": 1,
        "excitatory_input_i_bias_gm": 500,
        "inhibitory_input_i_bias_gm": 500,
    }
    return Configuration(**values | more)


def network(n_in=10, hidden=20, out=3, seed=0, largest=63):
    """Recurrent, with whole weights."""
    rng = np.random.default_rng(seed)
    net = sal.Network()
    net.add("in", sal.Input(n_in))
    net.add("hid", sal.LIF(hidden))
    net.add("out", sal.LI(out))
    net.connect("in", "hid", weight=rng.integers(-10, largest + 1, (n_in, hidden)))
    net.connect("hid", "hid", weight=rng.integers(-20, 20, (hidden, hidden)))
    net.connect("hid", "out", weight=rng.integers(-20, 21, (hidden, out)))
    return net


def stimulus(batch, n_in=10, events=6, seed=1, until=50e-6):
    rng = np.random.default_rng(seed)
    return sal.Spikes.from_lists(
        [(rng.uniform(0.0, until, events * n_in), rng.integers(0, n_in, events * n_in)) for _ in range(batch)],
        n_units=n_in,
        sort=True,
    )


def placed_experiment(chip=None, **more):
    experiment = Experiment(mild_chip() if chip is None else chip, configuration=responsive(), **more)
    experiment.place(network())
    return experiment
