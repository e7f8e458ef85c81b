"""The examples of docs/chip_matrix_layers.md run, in their order; the plot."""

import re
from pathlib import Path

import numpy as np
import pytest

from saltation.bss2.mac import MockParameter, release_hardware, set_mock_parameter
from saltation.errors import ParameterError

PAGE = Path(__file__).parents[2] / "docs" / "chip_matrix_layers.md"


def test_examples(capsys):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    names: dict = {}
    try:
        for n, block in enumerate(re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)):
            exec(compile(block, f"docs/chip_matrix_layers.md ({n})", "exec"), names)
    finally:
        release_hardware()
        set_mock_parameter(MockParameter())
    assert names["loss"].isfinite() and names["y"].shape == (1000, 128)
    assert names["difference"].abs().mean() < 0.1
    printed = capsys.readouterr().out
    assert "500 x 128 in 4 blocks" in printed and "MAC/s" in printed
    assert [each.name for each in names["trace"].operations] == ["mac", "converting_relu", "mac", "add"]


def test_times_are_drawn():
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib.figure import Figure

    from saltation.bss2.mac import Ideal, Trace, mac, relu
    from saltation.plot import matrix_times

    with Trace() as trace:
        relu(mac(np.ones((10, 300)), np.ones((300, 20)), unit=Ideal()))
    ax = matrix_times(trace, Figure().subplots())
    tops = np.max([[bar.get_y() + bar.get_height() for bar in part] for part in ax.containers], axis=0)
    np.testing.assert_allclose(tops, [1e3 * each.time(trace.timing).total for each in trace.operations])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["events", "read-out", "weights", "host"]
    with pytest.raises(ParameterError, match="no operations"):
        matrix_times(Trace())
