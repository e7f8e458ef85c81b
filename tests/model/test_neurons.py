"""Neuron models: storage, defaults, and how parameters depend on each other."""

import copy
import pickle

import numpy as np
import pytest

from saltation.errors import ParameterError, SecondsWarning
from saltation.model import ALIF, LI, LIF, Input, Neuron

MODELS = [Input, LIF, LI, ALIF]
SYNAPTIC = [LIF, LI, ALIF]


@pytest.mark.parametrize("model", MODELS)
def test_kind_and_size(model):
    neurons = model(np.int32(3))
    assert isinstance(neurons, Neuron)
    assert type(neurons.size) is int and neurons.size == 3
    assert model.kind == model.__name__.lower()
    assert model.spiking == (model is not LI)
    assert neurons == model(3) != model(4)


def test_parameters_in_order():
    membrane = ["v_th", "v_leak", "v_reset", "t_refrac"]
    assert list(LIF(2).parameters()) == ["tau_mem", "tau_syn", *membrane]
    assert list(LIF(2, v_init=0.5).parameters()) == ["tau_mem", "tau_syn", *membrane, "v_init"]
    two = LIF(2, tau_syn_exc=1e-3, tau_syn_inh=2e-3)
    assert list(two.parameters()) == ["tau_mem", "tau_syn_exc", "tau_syn_inh", *membrane]
    assert list(LI(2).parameters()) == ["tau_mem", "tau_syn", "v_leak"]
    assert list(ALIF(2).parameters()) == ["tau_mem", "tau_syn", "tau_adapt", "beta", *membrane]
    assert Input(2).parameters() == {}


@pytest.mark.parametrize("model", [LIF, LI])
def test_receptors(model):
    assert model(2).receptors == ("syn",)
    assert model(2).tau_syn == 5e-3
    two = model(2, tau_syn_exc=1e-3, tau_syn_inh=2e-3)
    assert two.receptors == ("exc", "inh") and two.tau_syn is None
    with pytest.raises(ParameterError, match=rf"{model.__name__}\.tau_syn_inh must be given"):
        model(2, tau_syn_exc=1e-3)
    with pytest.raises(ParameterError, match=rf"{model.__name__}\.tau_syn_exc must be given"):
        model(2, tau_syn_inh=1e-3)
    with pytest.raises(ParameterError, match=rf"{model.__name__}\.tau_syn must be left out"):
        model(2, tau_syn=1e-3, tau_syn_inh=1e-3)


@pytest.mark.parametrize("model", SYNAPTIC)
@pytest.mark.parametrize("name", ["tau_mem", "tau_syn"])
def test_milliseconds_are_warned_of(model, name):
    with pytest.warns(SecondsWarning, match=rf"{model.__name__}\.{name} is 20 s; .*20 ms is 20e-3") as caught:
        model(2, **{name: [20e-3, 20.0]})
    assert caught[0].filename == __file__
    model(2, **{name: 5.0})  # models without units have such


def test_alif_has_one_receptor():
    assert ALIF(2).receptors == ("syn",) and Input(2).receptors == ()
    with pytest.raises(ParameterError, match=r"ALIF\.tau_syn_exc .*two exponentials"):
        ALIF(2, tau_syn_exc=1e-3, tau_syn_inh=1e-3)


@pytest.mark.parametrize("model", SYNAPTIC)
def test_storage(model):
    given = np.array([0.01, 0.02], dtype=np.float32)
    neurons = model(2, tau_mem=given, tau_syn=np.float32(0.005), v_leak=0)
    given[0] = 1.0
    assert neurons.tau_mem.dtype == neurons.tau_syn.dtype == np.float32
    assert neurons.tau_mem[0] == np.float32(0.01) and neurons.tau_syn.shape == ()
    assert neurons.v_leak.dtype == np.float64
    for array in neurons.parameters().values():
        assert isinstance(array, np.ndarray) and not array.flags.writeable
    for other in (copy.deepcopy(neurons), pickle.loads(pickle.dumps(neurons))):
        assert other == neurons and not other.tau_mem.flags.writeable
    assert model(2, tau_mem=given.astype(np.float64)) != model(2, tau_mem=given)
    with pytest.raises(AttributeError):
        neurons.tau_mem = 0.1


def test_thresholds():
    with pytest.raises(ParameterError, match=r"LIF\.v_reset must be < v_th; got 1\.0 at index \(1,\)"):
        LIF(2, v_th=[2.0, 1.0], v_reset=1.0)
    with pytest.raises(ParameterError, match=r"ALIF\.v_init must be < v_th; got 1\.0"):
        ALIF(2, v_init=1.0)
    with pytest.raises(ParameterError, match=r"LIF\.v_init must be set .*v_init=v_reset"):
        LIF(2, v_leak=[0.0, 1.5])
    by_itself = LIF(2, v_leak=[0.0, 1.5], v_init=0.0)
    assert by_itself.v_leak[1] == 1.5
    assert LIF(2).v_init is None


def test_max_spikes():
    assert LIF(2).max_spikes is None
    assert LIF(2, max_spikes=3).max_spikes.shape == ()
    each = ALIF(2, max_spikes=[1, 5]).max_spikes
    assert each.dtype == np.int64 and not each.flags.writeable
    for bad in (0, 1.5, True, [1, 2, 3], "3"):
        with pytest.raises(ParameterError, match=r"LIF\.max_spikes"):
            LIF(2, max_spikes=bad)


def test_with_parameters():
    neurons = LIF(2, v_init=0.5, max_spikes=3)
    other = neurons.with_parameters(v_th=[1.0, 2.0], v_init=None)
    assert other == LIF(2, v_th=[1.0, 2.0], max_spikes=3)
    assert neurons.v_init == 0.5
    with pytest.raises(ParameterError, match=r"LIF\.with_parameters\.tau_men .*did you mean 'tau_mem'\?"):
        neurons.with_parameters(tau_men=1.0)
    with pytest.raises(ParameterError, match=r"with_parameters\.size"):
        neurons.with_parameters(size=3)
    with pytest.raises(ParameterError, match=r"LIF\.v_reset must be < v_th"):
        neurons.with_parameters(v_th=0.0)
    two = neurons.with_parameters(tau_syn=None, tau_syn_exc=1e-3, tau_syn_inh=2e-3)
    assert two.receptors == ("exc", "inh")


def test_repr():
    assert repr(LI(2, v_leak=[0.9, 1.1])) == "LI(size=2, tau_mem=0.02, tau_syn=0.005, v_leak=array[2] 0.9..1.1)"


def test_abstract():
    with pytest.raises(TypeError):
        Neuron()
