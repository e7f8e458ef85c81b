"""`NetworkModule`: what all modules that run a network have in common."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from saltation.engine import Backend
from saltation.engine.observation import Record
from saltation.engine.training import IN_SECONDS, TIME_CONSTANTS
from saltation.errors import ParameterError
from saltation.model import Network
from saltation.model.checks import number
from saltation.torch.specification import Slot, Specification, register, specify


class NetworkModule(nn.Module, ABC):
    """A module whose parameters are values of a network; abstract, the modules are final.

    Examples
    --------
    >>> from saltation.torch import LIF
    >>> from saltation.torch.module import NetworkModule
    >>> issubclass(LIF, NetworkModule)
    True
    """

    _specification: Specification
    _names: tuple[str, ...]
    _key: int

    @abstractmethod
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the network."""

    def network(self) -> Network:
        """Build the network with the values of now.

        Examples
        --------
        >>> import saltation as sal
        >>> from saltation.torch import SNN
        >>> net = sal.Network()
        >>> _ = net.add("in", sal.Input(1)); _ = net.add("hid", sal.LIF(1))
        >>> _ = net.connect("in", "hid", weight=[[9.0]])
        >>> snn = SNN(net)
        >>> _ = snn.weight_in_hid.data.fill_(8.0)
        >>> snn.network().projections["in", "hid"].weight
        array([[8.]])
        """
        return self._specification.network([tensor.detach().cpu().numpy() for tensor in self._tensors()])

    def parameter_groups(self, lr: float, *, times: float) -> list[dict[str, Any]]:
        """Give parameter groups for an optimiser: ``lr`` for weights and voltages, ``times`` for what is in seconds.

        Weights are of the order of 1, delays and time constants of 0.01: one step size cannot serve both.

        Parameters
        ----------
        lr : float
            Learning rate of weights, thresholds and other numbers.
        times : float
            Learning rate of delays, time constants and refractory times; Adam moves a value by about it in a step.

        Raises
        ------
        ParameterError
            If a rate is not positive.

        Examples
        --------
        >>> import torch
        >>> import saltation as sal
        >>> from saltation.torch import SNN
        >>> net = sal.Network()
        >>> _ = net.add("in", sal.Input(1)); _ = net.add("hid", sal.LIF(1))
        >>> _ = net.connect("in", "hid", weight=[[9.0]])
        >>> groups = SNN(net, trainable=("weight", "delay")).parameter_groups(lr=1e-2, times=1e-4)
        >>> [(group["lr"], len(group["params"])) for group in groups]
        [(0.01, 1), (0.0001, 1)]
        >>> _ = torch.optim.Adam(groups)
        """
        number("parameter_groups", "lr", lr, minimum=0.0, strict=True)
        number("parameter_groups", "times", times, minimum=0.0, strict=True)
        by_rate: dict[bool, list[nn.Parameter]] = {False: [], True: []}
        for slot, parameter in self._trained():
            by_rate[slot.kind in IN_SECONDS].append(parameter)
        groups = [{"params": by_rate[False], "lr": lr}, {"params": by_rate[True], "lr": times}]
        return [group for group in groups if group["params"]]

    @torch.no_grad()
    def project_(self, *, shortest: float = 1e-4) -> int:
        """Move trained values that a step has carried out of their range back to its edge; give their number.

        Delays, refractory times and ``beta`` are at least 0, time constants at least ``shortest``.

        Parameters
        ----------
        shortest : float
            Smallest time constant in seconds.

        Raises
        ------
        ParameterError
            If ``shortest`` is not positive.

        Examples
        --------
        >>> import saltation as sal
        >>> from saltation.torch import SNN
        >>> net = sal.Network()
        >>> _ = net.add("in", sal.Input(1)); _ = net.add("hid", sal.LIF(1))
        >>> _ = net.connect("in", "hid", weight=[[9.0]])
        >>> snn = SNN(net, trainable=("weight", "delay"))
        >>> _ = snn.delay_in_hid.data.fill_(-1e-3)
        >>> snn.project_(), snn.delay_in_hid.item()
        (1, 0.0)
        """
        number("project_", "shortest", shortest, minimum=0.0, strict=True)
        moved = 0
        for slot, parameter in self._trained():
            if slot.kind in TIME_CONSTANTS:
                least = shortest
            elif slot.kind in ("delay", "t_refrac", "beta"):
                least = 0.0
            else:
                continue
            moved += int((parameter < least).sum())
            parameter.clamp_(min=least)
        return moved

    def _trained(self) -> list[tuple[Slot, nn.Parameter]]:
        """Trained slots and their parameters; those that a parametrisation keeps in range are its own business."""
        own = dict(self.named_parameters(recurse=False))
        slots = zip(self._specification.slots, self._names, strict=True)
        return [(slot, own[name]) for slot, name in slots if name in own]

    def extra_repr(self) -> str:
        """Show the network and what is trained."""
        trained = dict.fromkeys(slot.kind for slot in self._specification.slots if slot.trained)
        return f"{self.network()}, trainable={tuple(trained)}"

    def _tensors(self) -> list[Tensor]:
        # By name, so that a parametrisation of torch.nn.utils.parametrize takes part.
        return [getattr(self, name) for name in self._names]

    # A module that comes out of a pickle, maybe in another process, makes its key known there.
    def __setstate__(self, state: dict[str, Any]) -> None:
        nn.Module.__setstate__(self, state)
        register(self._specification)


def set_up(
    module: NetworkModule,
    network: Network,
    trainable: Sequence[str],
    record: Record | None,
    backend: Backend | None,
    name_of: Callable[[Slot], str],
) -> None:
    """Give a module its specification and values: parameters where they are trained, buffers where not.

    Raises
    ------
    ParameterError
        If an argument is not allowed, or two parameters would get one name.
    """
    nn.Module.__init__(module)
    specification, values = specify(network, trainable, record, backend)
    owners: dict[str, Any] = {}
    for slot, value in zip(specification.slots, values, strict=True):
        name = name_of(slot)
        if name in owners:
            raise ParameterError(
                f"network: the {slot.kind} of {owners[name]!r} and of {slot.target!r} would both be the "
                f"parameter {name!r}; rename a population, or give a projection a name"
            )
        owners[name] = slot.target
        tensor = torch.from_numpy(np.array(value))
        if slot.trained:
            module.register_parameter(name, nn.Parameter(tensor))
        else:
            module.register_buffer(name, tensor)
    module._specification = specification
    module._names = tuple(owners)
    module._key = register(specification)
