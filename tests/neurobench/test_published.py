"""Static and dense columns of the published baselines, without any data: footprints in bytes, Dense to the unit."""

import pytest

torch = pytest.importorskip("torch")

from reference import published  # noqa: E402
from saltation.neurobench import count_static, count_torch  # noqa: E402

ROWS = [
    # name, model, a sample, footprint, Dense per sample
    ("motor SNN, Indy", lambda: published.motor_snn(96), (1, 96), 19_648, 4_900),
    ("motor SNN, Loco", lambda: published.motor_snn(192), (1, 192), 38_848, 9_700),
    ("motor ANN, Indy", lambda: published.Motor(96, 1), (1, 96), 20_824, 4_704),
    ("motor ANN, Loco", lambda: published.Motor(192, 1), (1, 192), 33_496, 7_776),
    ("motor ANN-3D, Indy", lambda: published.Motor(96, 7), (1, 672), 94_552, 23_136),
    ("motor ANN-3D, Loco", lambda: published.Motor(192, 7), (1, 1344), 180_952, 44_640),
    ("motor SNN-3, Indy", lambda: published.MotorSNN3(96), (1, 7, 96), 24_972, 32_928),
    ("motor SNN-3, Loco", lambda: published.MotorSNN3(192), (1, 7, 192), 43_020, 54_432),
    ("keyword SNN, a step", published.keyword_snn, (1, 20), 583_900, 145_152),
    ("keyword ANN (M5)", lambda: published.m5(35), (1, 1, 8000), 109_228, 1_880_256),
    ("gesture SNN, a step", published.gesture_snn, (1, 2, 32, 32), 304_828, 891_206_400 // 150),
    ("FSCIL ANN (M5)", lambda: published.m5(200, 20, 256, 4, 2, 2), (1, 20, 201), 6_028_096, 25_919_488),
]


@pytest.mark.parametrize("make, shape, footprint, dense", [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_published_row(make, shape, footprint, dense):
    torch.manual_seed(0)
    model = make()
    assert count_static(model).footprint == footprint
    costs = count_torch(model, [torch.ones(shape)])
    assert costs.dense == dense
    # a draw of a weight can be zero; the published column has four digits
    assert round(costs.connection_sparsity, 4) == 0.0


@pytest.mark.parametrize("hidden, footprint, dense", [(100, 490_008, 60_400), (40, 119_928, 14_560)])
def test_the_lstm_of_mackey_glass(hidden, footprint, dense):
    model = published.MackeyGlassLSTM(hidden)
    assert count_static(model).footprint == footprint
    costs = count_torch(model, [torch.randn(750, 1, 50, dtype=torch.float64)])
    assert costs.samples == 750 and costs.dense == dense
    # the first state is zero; the published 6.03E4 is Dense without the recurrent weights of that first point
    cold = 4 * hidden * hidden
    assert costs.total("effective_macs") <= 750 * dense - cold - hidden
    if hidden == 100:
        assert f"{(750 * dense - cold - 2 * hidden) / 750:.2e}" == "6.03e+04"


@pytest.mark.parametrize(
    "units, probability, footprint, dense, macs, sparsity, runs",
    [
        (186, 0.11, 281_248, 35_156, 4_371.6, 0.8757, 30),
        (355, 0.15, 1_016_736, 127_092, 19_975.7, 0.8428, 30),
        (966, 0.97, 7_488_448, 936_056, 908_195, 0.0298, 3),
    ],
)
def test_the_echo_state_networks_of_mackey_glass(units, probability, footprint, dense, macs, sparsity, runs):
    found, zeros = [], []
    for seed in range(runs):
        model = published.EchoState(units, probability, seed)
        costs = count_torch(model, [torch.tensor([[0.3]], dtype=torch.float64)])
        assert (costs.footprint, costs.dense) == (footprint, dense)
        found.append(costs.effective_macs)
        zeros.append(costs.connection_sparsity)
    digits = 0 if units == 966 else 1
    assert round(sum(found) / runs, digits) == macs
    assert round(sum(zeros) / runs, 4) == sparsity
