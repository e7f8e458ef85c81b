"""`Configuration`: the one digital state of a chip, all of its registers; checked, compared, saved and loaded."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from saltation._files import write_bytes
from saltation.bss2 import geometry as g
from saltation.bss2.description import describe, differing
from saltation.bss2.registers import ANALOG, BOTH, DISABLED, EXCITATORY, INHIBITORY, NOT_YET, REGISTERS, node_exists
from saltation.errors import ConfigurationError, FileFormatError
from saltation.model.checks import suggest

Ints = NDArray[np.int32]

# 2: v_rev_coba is the reference of a conductance, and no longer its reversal
SCHEMA_VERSION = 2
_FORMAT = "saltation.bss2.Configuration"


@final
class Configuration(Mapping[str, Ints]):
    """All registers of a chip, by name, as arrays of integers.

    ``configuration[name]`` is the array itself and can be written to; what is in it is checked by :meth:`validate`,
    which every run calls, and by :meth:`set` at once.  ``saltation.bss2.REGISTERS`` lists the names with their ranges.

    Parameters
    ----------
    **values
        Registers that differ from their default, each a number or an array that broadcasts to its shape.

    Raises
    ------
    ConfigurationError
        If a register does not exist, or a value is not allowed.

    Examples
    --------
    >>> from saltation.bss2 import Configuration
    >>> configuration = Configuration(leak_v_leak=500)
    >>> configuration.set("threshold_v_threshold", 600, at=3)
    >>> configuration["threshold_v_threshold"][2:5]
    array([600, 600, 600], dtype=int32)
    >>> configuration.set("synapse_weight", 64, at=(0, 1, 2))
    Traceback (most recent call last):
    saltation.errors.ConfigurationError: synapse_weight must be 0..63; got 64 at (0, 1, 2); ...
    """

    __slots__ = ("_values",)

    def __init__(self, **values: npt.ArrayLike) -> None:
        self._values = {name: np.full(each.shape, each.default, np.int32) for name, each in REGISTERS.items()}
        for name, value in values.items():
            self.set(name, value)

    def __getitem__(self, name: str) -> Ints:
        """The array of a register."""
        if name not in self._values:
            raise _unknown(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        """Names of the registers."""
        return iter(self._values)

    def __len__(self) -> int:
        """Number of kinds of registers."""
        return len(self._values)

    def __repr__(self) -> str:
        written = [f"{name}: {n}" for name, n in differing(self).items()]
        return f"Configuration({', '.join(written) or 'as after a reset'})"

    def set(self, name: str, value: npt.ArrayLike, at: Any = ...) -> None:
        """Write a register, all of it or at an index; nothing is written if a value is not allowed.

        Raises
        ------
        ConfigurationError
            If the register does not exist, the value is not a whole number in its range, or the shape does not fit.
        """
        places, values = resolve(name, value, at)
        self._values[name].reshape(-1)[places] = values

    def write_row(self, hemisphere: int, row: int, weights: npt.ArrayLike, label: npt.ArrayLike = 0) -> None:
        """Write the weights ``[256]`` of a row, whose common sign becomes the row's mode, and its labels.

        Raises
        ------
        ConfigurationError
            If there are weights of both signs: a row drives one input, a signed synapse needs two rows.
        """
        values = np.asarray(weights)
        if values.shape != (g.COLUMNS,):
            raise ConfigurationError(f"a row has {g.COLUMNS} weights; got an array of shape {values.shape}")
        if (values > 0).any() and (values < 0).any():
            raise ConfigurationError(
                f"row {row} of hemisphere {hemisphere} must have weights of one sign; got {int((values > 0).sum())} "
                f"positive and {int((values < 0).sum())} negative ones; a signed synapse takes the two rows of a "
                "driver, the excitatory one for positive weights and the inhibitory one for negative weights"
            )
        self.set("synapse_weight", np.abs(values), at=(hemisphere, row))
        self.set("synapse_label", label, at=(hemisphere, row))
        mode = INHIBITORY if (values < 0).any() else EXCITATORY if (values > 0).any() else DISABLED
        self.set("row_mode", mode, at=(hemisphere, row))

    def validate(self) -> None:
        """Check all registers, and what they must be to one another.

        Raises
        ------
        ConfigurationError
            For the first register that is out of range, or a combination that the chip does not have.
        """
        for name, array in self._values.items():
            _check_range(name, array, None)
        for name in NOT_YET:
            if (used := np.flatnonzero(self[name])).size:
                raise ConfigurationError(
                    f"{name} must be 0: {REGISTERS[name].meaning} is not supported yet; got {int(self[name][used[0]])} "
                    f"for {used.size} circuits, the first {used[0]}"
                )
        for source, target in np.argwhere(self["node_enable"]):
            if not node_exists(int(source), int(target)):
                raise ConfigurationError(
                    f"node_enable must be 0 where the crossbar has no node; got 1 at ({source}, {target}); there are "
                    "76 nodes: see saltation.bss2.registers.node_exists"
                )
        both = np.argwhere(self["row_mode"] == BOTH)
        if both.size:
            hemisphere, row = both[0].tolist()
            raise ConfigurationError(
                f"row_mode must be one sign: {EXCITATORY} or {INHIBITORY}; got {BOTH}, both signs, at ({hemisphere}, "
                f"{row}); a row with two signs would drive both inputs by each weight; take the two rows of a driver"
            )
        connected = np.flatnonzero(self["readout_enable_madc"])
        for parity, word in enumerate(("even", "odd")):
            of_it = connected[connected % 2 == parity]
            if of_it.size > 1:
                raise ConfigurationError(
                    f"readout_enable_madc: the MADC has one input for {word} circuits; got {of_it.size}, "
                    f"{of_it[:4].tolist()}; record one {word} circuit at a time, or all by the CADC"
                )

    def copy(self) -> Configuration:
        """An independent copy."""
        other = Configuration.__new__(Configuration)
        other._values = {name: array.copy() for name, array in self._values.items()}
        return other

    def frozen(self, like: Configuration | None = None, changed: Iterable[str] | None = None) -> Configuration:
        """A copy that cannot be written to; it shares arrays with one that is ``like`` it but for what has changed."""
        other = Configuration.__new__(Configuration)
        copied = self._values.keys() if like is None or changed is None else set(changed)
        other._values = dict((self if like is None else like)._values)
        for name in copied:
            other._values[name] = self._values[name].copy()
            other._values[name].flags.writeable = False
        return other

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Configuration):
            return NotImplemented
        return all(np.array_equal(array, other._values[name]) for name, array in self._values.items())

    __hash__ = None  # type: ignore[assignment]  # its arrays can be written to

    def differences(self, other: Configuration) -> dict[str, int]:
        """Number of places in which it differs from another, for each register that does."""
        found = {name: int(np.count_nonzero(array != other._values[name])) for name, array in self._values.items()}
        return {name: n for name, n in found.items() if n}

    def describe(self) -> str:
        """What it makes use of, part by part, and the registers that differ from those after a reset, as text.

        Examples
        --------
        >>> from saltation.bss2 import Configuration
        >>> configuration = Configuration(leak_v_leak=500)
        >>> configuration.write_row(0, 2, [63, 20] + [0] * 254, label=5)
        >>> print(configuration.describe())
                                    there  in use
        neuron circuits               512       2   2 membranes, 0 can spike, 0 send their spikes
        event outputs of circuits       8       0
        synapses                   131072       2   2 excitatory of 20..63
        synapse rows                  512       1   top 1 excitatory, 0 inhibitory
        synapse drivers               256       1
        buses to drivers                8       1
        crossbar nodes                 76       0
        links from the host             4       0
        links to the host               4       0
        background sources              8       0
        columns of the CADC           512       0
        inputs of the MADC              2       0
        <BLANKLINE>
        analog registers that differ from a reset, in so many places:
          leak_v_leak 512
        digital registers that do:
          synapse_weight 2, synapse_label 256, row_mode 1
        """
        return describe(self)

    def settles(self, other: Configuration) -> bool:
        """Whether an analog value differs, so that one has to wait after the change."""
        return any(name in ANALOG for name in self.differences(other))

    def to_dict(self) -> dict[str, Any]:
        """What differs from the state after a reset, for `from_dict`: places and values."""
        default = Configuration()
        registers: dict[str, Any] = {}
        for name in self.differences(default):
            array = self._values[name]
            places = np.flatnonzero(array != default._values[name])
            registers[name] = {"at": places.tolist(), "value": array.reshape(-1)[places].tolist()}
        return {"format": _FORMAT, "schema_version": SCHEMA_VERSION, "registers": registers}

    @classmethod
    def from_dict(cls, stored: Any, where: str = "the dict") -> Configuration:
        """Make a configuration of what `to_dict` gave.

        Raises
        ------
        FileFormatError
            If it is something else.
        ConfigurationError
            If a value is not allowed.
        """
        if not isinstance(stored, dict) or stored.get("format") != _FORMAT:
            raise FileFormatError(f"{where} does not hold a configuration of a chip")
        if stored.get("schema_version") != SCHEMA_VERSION:
            raise FileFormatError(
                f"{where} has the schema version {stored.get('schema_version')!r}; this version of Saltation reads "
                f"{SCHEMA_VERSION}"
            )
        result = cls()
        try:
            for name, entry in stored["registers"].items():
                places, values = np.asarray(entry["at"], np.int64), np.asarray(entry["value"])
                if places.size:
                    result.set(name, values, at=np.unravel_index(places, REGISTERS[name].shape))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, ConfigurationError):
                raise
            raise FileFormatError(f"{where} is damaged: {type(error).__name__}: {error}") from error
        return result

    def save(self, path: str | Path) -> Path:
        """Write it as JSON, whole or not at all."""
        return write_bytes(path, json.dumps(self.to_dict()).encode())

    @classmethod
    def load(cls, path: str | Path) -> Configuration:
        """Read what `save` wrote.

        Raises
        ------
        FileFormatError
            If the file is not one of them.
        """
        content = Path(path).read_bytes()
        try:
            stored = json.loads(content.decode())
        except ValueError as error:
            hint = f": {error}"
            if content.startswith(b"PK"):
                hint = "; it is an NPZ file: Calibration.load reads a calibration, whose apply(configuration) writes it"
            raise FileFormatError(
                f"{path} does not hold a configuration, which Configuration.save writes as JSON{hint}"
            ) from error
        return cls.from_dict(stored, str(path))


def _unknown(name: object) -> ConfigurationError:
    return ConfigurationError(f"a register must be one of the chip's; got {name!r}; {suggest(name, REGISTERS)}")


def resolve(name: str, value: npt.ArrayLike, at: Any = ...) -> tuple[NDArray[np.int64], Ints]:
    """Places in a register, flat, and the checked value of each; as for `Configuration.set`."""
    if name not in REGISTERS:
        raise _unknown(name)
    register, given = REGISTERS[name], np.asarray(value)
    if given.dtype.kind not in "iub":
        raise ConfigurationError(f"{name} must be whole numbers; got the dtype {given.dtype}; round them first")
    try:
        places = np.asarray(np.arange(math.prod(register.shape)).reshape(register.shape)[at])
        values = np.broadcast_to(given, places.shape)
    except (IndexError, ValueError) as error:
        raise ConfigurationError(
            f"{name} has the shape {register.shape}; got values of shape {given.shape} for {at!r}: {error}"
        ) from None
    _check_range(name, values, places)
    return places.reshape(-1), values.astype(np.int32).reshape(-1)


def _check_range(name: str, values: npt.NDArray[Any], places: npt.NDArray[np.int64] | None) -> None:
    register = REGISTERS[name]
    if values.size == 0 or (values.min() >= register.low and values.max() <= register.high):
        return
    bad = (values < register.low) | (values > register.high)
    first = np.argwhere(bad)[0]
    index = tuple(int(i) for i in first)
    if places is not None:
        flat = int(np.asarray(places)[index]) if np.ndim(places) else int(places)
        index = tuple(int(i) for i in np.unravel_index(flat, register.shape))
    hint = register.meaning
    if name in ANALOG:
        hint += "; 1023 would switch the refresh of the cell off"
    if name == "synapse_weight":
        hint += "; 6 bits: a larger one takes parallel rows"
    got = int(values[tuple(first)]) if np.ndim(values) else int(values)
    raise ConfigurationError(f"{name} must be {register.low}..{register.high}; got {got} at {index}; {hint}")
