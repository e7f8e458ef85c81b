"""The bound that decides who is searched: it may let too many through, and must never keep a crossing back."""

import numpy as np
import pytest

from saltation.kernels.physics import alif, lif, lif_two

TAU = 20e-3
RATIOS = (0.4, 2.0 / 3.0, 1.0 + 1e-9, 1.03, 1.5, 4.0, 20.0)


def parameters(module, ratio):
    tau_syn = TAU / ratio
    primary = {
        lif: (1.0, 0.0, 0.0, 0.0, TAU, tau_syn),
        lif_two: (1.0, 0.0, 0.0, 0.0, TAU, tau_syn, 0.7 * tau_syn),
        alif: (1.0, 0.0, 0.0, 0.0, TAU, tau_syn, 5.0 * TAU, 0.5),
    }[module]
    return tuple(float(np.ravel(value)[0]) for value in module.derive(primary))


def gaps():
    around = np.linspace(650.0, 760.0, 60)
    return TAU * np.concatenate([np.geomspace(1e-6, 1e4, 80), around, around / 4.0, around * 2.5, around / 20.0])


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("module", [lif, lif_two, alif], ids=["lif", "lif_two", "alif"])
def test_whoever_crosses_in_a_gap_is_let_through(module, ratio):
    p = parameters(module, ratio)
    found = 0
    for s in gaps():
        g = module.gap(p, s)
        for v, current in ((0.0, 30.0), (0.9, 8.0), (-2.0, 300.0)):
            for state in ((v, current, 0.0), (v, 0.0, current), (v, current, -0.1 * current)):
                x = state[: module.N_STATE]
                if module.may_cross(p, x) and module.crossing(p, x, s) < np.inf:
                    found += 1
                    assert module.near(p, x, g), (s / TAU, x)
    assert found > 200
