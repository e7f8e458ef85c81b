"""Sound files: WAV with integers of 8 to 32 bits as it is, everything else where soundfile is installed."""

import wave
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from saltation.errors import FileFormatError, MissingDataError, MissingDependencyError, ParameterError
from saltation.model.checks import explain, integer

__all__ = ["fitted", "read_audio", "resampled"]

Floats = npt.NDArray[np.float64]


def read_audio(path: str | Path) -> tuple[Floats, int]:
    """Read a sound file.

    WAV files of integers with 8, 16, 24 or 32 bits need nothing else. Other kinds of WAV, and FLAC, Ogg Vorbis and
    Opus, need the package soundfile.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    signal : ndarray of float64, [sample]
        From -1 to 1, the mean of its channels.
    rate : int
        Samples in a second.

    Raises
    ------
    MissingDataError
        If there is no such file.
    FileFormatError
        If the file is damaged.
    MissingDependencyError
        If it is of another kind and soundfile is not installed.

    Examples
    --------
    >>> import tempfile, wave
    >>> from pathlib import Path
    >>> from saltation.data import read_audio
    >>> path = Path(tempfile.mkdtemp()) / "tone.wav"
    >>> with wave.open(str(path), "wb") as file:
    ...     file.setparams((1, 2, 8000, 0, "NONE", ""))
    ...     file.writeframes(bytes([0, 0, 0, 64, 0, 192]))
    >>> read_audio(path)
    (array([ 0. ,  0.5, -0.5]), 8000)
    """
    path = Path(path)
    if not path.is_file():
        raise MissingDataError(f"{path} is not there, or is no file; read_audio reads one sound file: check its path")
    with path.open("rb") as content:
        try:
            with wave.open(content, "rb") as file:
                width, channels = file.getsampwidth(), file.getnchannels()
                rate, frames = file.getframerate(), file.getnframes()
                raw = file.readframes(frames)
        except (wave.Error, EOFError) as error:
            return _by_soundfile(path, error)
    if len(raw) != frames * width * channels:
        raise FileFormatError(f"{path} must hold {frames} frames; got {len(raw)} bytes of them: it was cut short.")
    signal = _values(raw, width).reshape(-1, channels)
    return signal.mean(axis=1), rate


def resampled(signal: Floats, rate: int, to: int) -> Floats:
    """Change the rate of a signal, by a polyphase filter; needs SciPy.

    Raises
    ------
    MissingDependencyError
        If SciPy is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.data.audio import resampled
    >>> len(resampled(np.zeros(44100), 44100, 8000))
    8000
    """
    rate, to = integer("resampled", "rate", rate, minimum=1), integer("resampled", "to", to, minimum=1)
    if rate == to:
        return signal
    try:
        from scipy.signal import resample_poly
    except ImportError as error:
        raise MissingDependencyError(
            'Changing the rate of sound needs SciPy, which is not installed: pip install "saltation[data]"'
        ) from error
    common = gcd(rate, to)
    found: Any = resample_poly(signal, to // common, rate // common)
    return found


def fitted(signal: Floats, length: int) -> Floats:
    """Cut a signal to a length, or fill it with zeros at its end.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.data.audio import fitted
    >>> fitted(np.ones(2), 3), fitted(np.ones(4), 3)
    (array([1., 1., 0.]), array([1., 1., 1.]))
    """
    length = integer("fitted", "length", length, minimum=1)
    found = np.zeros(length)
    found[: min(length, len(signal))] = signal[:length]
    return found


def _values(raw: bytes, width: int) -> Floats:
    """Integers of 1 to 4 bytes as numbers from -1 to 1; those of one byte have no sign."""
    if width == 1:
        return (np.frombuffer(raw, np.uint8).astype(np.float64) - 128.0) / 128.0
    if width == 3:
        # into the upper three bytes of four, so that the sign comes out right
        wide = np.zeros((len(raw) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(raw, np.uint8).reshape(-1, 3)
        return wide.reshape(-1).view("<i4").astype(np.float64) / 2.0**31
    if width not in (2, 4):
        raise ParameterError(explain("read_audio: width of a sample", "1, 2, 3 or 4 bytes", f"{width}"))
    return np.frombuffer(raw, f"<i{width}").astype(np.float64) / 2.0 ** (8 * width - 1)


def _by_soundfile(path: Path, reason: Exception) -> tuple[Floats, int]:
    try:
        import soundfile  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingDependencyError(
            f"{path} is no WAV file of integers ({reason or type(reason).__name__}); other kinds need soundfile, which "
            'is not installed: pip install "saltation[audio]". If it should be one, it may be damaged.'
        ) from error
    try:
        signal, rate = soundfile.read(path, dtype="float64", always_2d=True)
    except (RuntimeError, OSError) as error:  # what soundfile and its library raise on a damaged file
        raise FileFormatError(f"{path} is damaged or of a kind that soundfile does not read ({error}).") from error
    return signal.mean(axis=1), int(rate)
