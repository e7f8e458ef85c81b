"""The exceptions of Saltation.

Every message says what was got, what is allowed, the likely cause and the next step, and is raised by the
call that made the mistake. All exceptions derive from `SaltationError`, and each also from the built-in one
that plain Python code would expect, so that ``except ValueError`` keeps working.
"""

from collections.abc import Iterable


class SaltationError(Exception):
    """The root of all exceptions raised on purpose by Saltation.

    Examples
    --------
    >>> from saltation.errors import ParameterError, SaltationError
    >>> issubclass(ParameterError, SaltationError)
    True
    """


class ParameterError(SaltationError, ValueError):
    """A bad argument or parameter; the message names it as ``Class.argument``.

    Examples
    --------
    >>> from saltation.model import LIF
    >>> LIF(3, tau_mem=-0.02)  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    saltation.errors.ParameterError: LIF.tau_mem must be > 0; got -0.02; ...
    """


class RangeError(ParameterError, OverflowError):
    """A value is beyond what the bits of the hardware hold, and nobody asked for it to be clipped.

    Examples
    --------
    >>> from saltation.errors import RangeError
    >>> issubclass(RangeError, OverflowError)
    True
    """


class UnknownNameError(ParameterError, KeyError):
    """A name, of a population or a projection, that is not there; the message lists those that are.

    Examples
    --------
    >>> from saltation.errors import UnknownNameError
    >>> issubclass(UnknownNameError, KeyError)
    True
    """

    def __str__(self) -> str:
        # KeyError would show the message in quotes
        return ParameterError.__str__(self) if not self.args else str(self.args[0])


class NetworkError(SaltationError, ValueError):
    """The structure of a network is wrong: an unknown name, a clash, sizes that do not fit.

    Examples
    --------
    >>> from saltation.model import Network
    >>> Network().connect("in", "out", weight=[[1.0]])  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    saltation.errors.NetworkError: Network.connect.pre must be the name of a population; ...
    """


class SimulationError(SaltationError, RuntimeError):
    """A run did not succeed for some samples.

    Parameters
    ----------
    message : str
        What happened, the likely cause and the next step.
    samples : iterable of int
        Indices, in the batch, of the samples that failed.

    Attributes
    ----------
    samples : tuple of int
        Indices, in the batch, of the samples that failed.

    Examples
    --------
    >>> from saltation.errors import SimulationError
    >>> SimulationError("samples 3 and 7 used up their events", samples=[3, 7]).samples
    (3, 7)
    """

    samples: tuple[int, ...]

    def __init__(self, message: str, samples: Iterable[int] = ()) -> None:
        RuntimeError.__init__(self, message)
        self.samples = tuple(int(sample) for sample in samples)


class GradientError(SaltationError, RuntimeError):
    """A gradient does not exist or is not defined at this point.

    Examples
    --------
    >>> from saltation.errors import GradientError
    >>> issubclass(GradientError, RuntimeError)
    True
    """


class ConfigurationError(SaltationError, ValueError):
    """A register of an emulated chip would be out of range, or registers do not go together.

    Examples
    --------
    >>> from saltation.errors import ConfigurationError
    >>> issubclass(ConfigurationError, ValueError)
    True
    """


class CalibrationError(SaltationError, ValueError):
    """A calibration was asked for what the circuits of a chip do not reach, or does not belong to the chip.

    Examples
    --------
    >>> from saltation.errors import CalibrationError
    >>> issubclass(CalibrationError, ValueError)
    True
    """


class PlacementError(SaltationError, ValueError):
    """A network does not fit on a chip; the message says what it needs and what there is.

    Examples
    --------
    >>> from saltation.errors import PlacementError
    >>> issubclass(PlacementError, ValueError)
    True
    """


class FileFormatError(SaltationError, ValueError):
    """A file is damaged, or not of the format its reader expects.

    Examples
    --------
    >>> from saltation.errors import FileFormatError
    >>> issubclass(FileFormatError, ValueError)
    True
    """


class MissingDataError(SaltationError, FileNotFoundError):
    """The files of a data set are not on this machine; the message says where to get them.

    Examples
    --------
    >>> from saltation.errors import MissingDataError
    >>> issubclass(MissingDataError, OSError)
    True
    """


class ExchangeWarning(UserWarning):
    """A file holds what was meant, and the program that it is for is known to take something in it differently.

    Examples
    --------
    >>> from saltation.errors import ExchangeWarning
    >>> issubclass(ExchangeWarning, UserWarning)
    True
    """


class ChipWarning(UserWarning):
    """An emulated chip lost events, or a value was cut to its range; the result holds, for what was left.

    Examples
    --------
    >>> from saltation.errors import ChipWarning
    >>> issubclass(ChipWarning, UserWarning)
    True
    """


class SecondsWarning(UserWarning):
    """A time constant is so long that it was probably meant in milliseconds; the run is as it was asked for.

    Examples
    --------
    >>> import warnings
    >>> from saltation.errors import SecondsWarning
    >>> warnings.simplefilter("ignore", SecondsWarning)  # for models in other units of time
    """


class MissingDependencyError(SaltationError, ImportError):
    """An optional dependency is not installed; the message gives the command that installs it.

    Examples
    --------
    >>> from saltation.errors import MissingDependencyError
    >>> issubclass(MissingDependencyError, ImportError)
    True
    """
