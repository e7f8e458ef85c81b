"""`band_energies`: how strong signals are in some bands of frequencies."""

import itertools

import numpy as np
import numpy.typing as npt

from saltation.data import Windows
from saltation.errors import ParameterError

__all__ = ["band_energies"]

Floats = npt.NDArray[np.float64]

_EDGES = (1, 3, 5, 8, 13, 25, 65)  # of bands, in lines of the spectrum of a window: 0.39 Hz each in HAPT-6
_LEAST = 1e-3


def band_energies(windows: Windows) -> Floats:
    """Logarithms of energies in six bands of each channel, band after band, [n, 6 channels].

    ::

        log(0.001 + mean of |FFT(hann (x - mean))|^2 over the lines of a band)

    The bands are the lines 1 and 2, 3 and 4, 5 to 7, 8 to 12, 13 to 24, and 25 to 64.

    Raises
    ------
    ParameterError
        If windows have fewer than 128 steps.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.data import Windows
    >>> from saltation.experiments.matrix.spectrum import band_energies
    >>> wave = np.sin(2 * np.pi * 6 * np.arange(128) / 128)[None, :, None]  # line 6
    >>> band_energies(Windows(wave, np.array([0]), ("a",), ("x",), 50.0)).argmax()
    np.int64(2)
    """
    values = windows.values
    if values.shape[1] < 2 * (_EDGES[-1] - 1):
        raise ParameterError(
            f"band_energies.windows must have at least {2 * (_EDGES[-1] - 1)} steps; got {values.shape[1]}"
        )
    centred = values - values.mean(axis=1, keepdims=True)
    power = np.abs(np.fft.rfft(centred * np.hanning(values.shape[1])[:, None], axis=1)) ** 2
    bands = [power[:, a:b].mean(axis=1) for a, b in itertools.pairwise(_EDGES)]
    return np.log(np.concatenate(bands, axis=1) + _LEAST)
