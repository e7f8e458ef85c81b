"""What is given to a metric, as an array."""

from typing import Any

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.model.checks import explain, to_array


def given_array(where: str, value: Any) -> npt.NDArray[Any]:
    """An array of what was given.

    Raises
    ------
    ParameterError
        If it is none, or has a mask, which would be lost.
    """
    if isinstance(value, np.ma.MaskedArray):
        raise ParameterError(
            explain(where, "an array without a mask", "a masked array", "leave out what is masked: values[~mask]")
        )
    return to_array(where, value)
