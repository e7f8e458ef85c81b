"""The matrix mode by the names of hxtorch; what is loaded with it, and what is told where a front end is missing."""

import importlib
import subprocess
import sys

import pytest

import saltation as sal
from saltation.errors import MissingDependencyError


def test_programs_of_hxtorch_run_with_another_import():
    """The parts of its MNIST example that touch the chip."""
    torch = pytest.importorskip("torch")
    import saltation.bss2 as hxtorch
    import saltation.bss2.perceptron.nn as hxann

    torch.manual_seed(0)
    hxtorch.init_hardware(hxtorch.mac.Ideal())  # the one line that differs
    try:
        hxtorch.perceptron.set_mock_parameter(hxtorch.perceptron.measure_mock_parameter())
        model = torch.nn.Sequential(
            hxann.Conv2d(
                in_channels=1,
                out_channels=20,
                kernel_size=10,
                stride=5,
                bias=False,
                padding=1,
                num_sends=None,
                wait_between_events=2,
                mock=False,
                input_transform=hxann.scale_input,
            ),
            hxann.ConvertingReLU(shift=1, mock=False),
            torch.nn.Flatten(),
            hxann.Linear(in_features=5 * 5 * 20, out_features=128, bias=False, num_sends=None, mock=False),
            hxann.ConvertingReLU(mock=False, shift=1),
            hxann.Linear(128, 10, bias=False, num_sends=None, wait_between_events=2, mock=False),
        )
        loss = torch.nn.functional.cross_entropy(model(torch.rand(4, 1, 28, 28)), torch.arange(4))
        loss.backward()
        # as many sends as bring the standard deviation of weights to 21 at most
        assert [model[n].num_sends for n in (0, 3, 5)] == [7, 4, 6]
        assert all(p.grad.abs().sum() > 0 for p in model.parameters())
    finally:
        hxtorch.release_hardware()
        hxtorch.perceptron.set_mock_parameter(hxtorch.perceptron.MockParameter())


def test_all_names_exist():
    pytest.importorskip("torch")
    pytest.importorskip("jax")
    for name in ("", ".mac", ".perceptron", ".perceptron.nn", ".perceptron.constants", ".perceptron_jax"):
        module = importlib.import_module(f"saltation.bss2{name}")
        assert all(hasattr(module, each) for each in module.__all__)
    assert sal.bss2.convert is sal.bss2.perceptron.convert
    with pytest.raises(AttributeError, match="nothing"):
        sal.bss2.nothing  # noqa: B018


@pytest.mark.parametrize(("part", "front_end"), [("perceptron", "torch"), ("perceptron_jax", "jax")])
def test_without_a_front_end_the_message_says_how_to_install_it(monkeypatch, part, front_end):
    monkeypatch.delitem(sys.modules, f"saltation.bss2.{part}", raising=False)
    monkeypatch.setitem(sys.modules, front_end, None)
    with pytest.raises(MissingDependencyError, match=rf'pip install "saltation\[{front_end}\]"'):
        importlib.import_module(f"saltation.bss2.{part}")


def test_the_core_loads_no_front_end():
    code = "import sys, saltation.bss2.mac; print([name for name in ('torch', 'jax') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
