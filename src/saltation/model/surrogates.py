"""Surrogate derivatives of a spike, for gradients through a time grid."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, final

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from saltation.model.checks import number


@dataclass(frozen=True, slots=True)
class Surrogate(ABC):
    """What stands for the derivative of a spike ``z = H(x)`` by ``x = V - v_th``; abstract, the surrogates are final.

    ::

        dz/dx := height f(|x| sharpness),    f(0) = 1

    Examples
    --------
    >>> import saltation as sal
    >>> sal.SuperSpike(beta=10.0).derivative([-0.1, 0.0, 0.1])
    array([0.25, 1.  , 0.25])
    """

    def __post_init__(self) -> None:
        """Check the arguments: all are positive numbers."""
        for field in fields(self):
            number(type(self).__name__, field.name, getattr(self, field.name), minimum=0.0, strict=True)

    @property
    @abstractmethod
    def height(self) -> float:
        """Its value at the threshold."""

    @property
    @abstractmethod
    def sharpness(self) -> float:
        """By how much a distance is multiplied, per unit of the voltage."""

    @abstractmethod
    def shape(self, u: Any, maths: Any) -> Any:
        """``f(u)`` for ``u >= 0``, with the functions of ``maths``: ``numpy``, or what is like it."""

    def derivative(self, x: npt.ArrayLike) -> NDArray[np.float64]:
        """Value at distances from the threshold, in the unit of the voltage.

        Examples
        --------
        >>> import saltation as sal
        >>> sal.Boxcar(width=2.0).derivative([0.0, 0.9, 1.1])
        array([0.5, 0.5, 0. ])
        """
        return self.height * self.shape(np.abs(np.asarray(x, np.float64)) * self.sharpness, np)


@final
@dataclass(frozen=True, slots=True)
class SuperSpike(Surrogate):
    """``dz/dx := 1 / (1 + beta |x|)^2``, the derivative of a fast sigmoid.

    Parameters
    ----------
    beta : float
        Sharpness, per unit of the voltage.

    Raises
    ------
    ParameterError
        If it is not positive.

    References
    ----------
    Zenke and Ganguli, Neural Computation 30, 1514 (2018), doi:10.1162/neco_a_01086.

    Examples
    --------
    >>> import saltation as sal
    >>> sal.SuperSpike(beta=1.0).derivative(1.0)
    np.float64(0.25)
    """

    beta: float = 10.0

    @property
    def height(self) -> float:
        """Its value at the threshold."""
        return 1.0

    @property
    def sharpness(self) -> float:
        """By how much a distance is multiplied."""
        return float(self.beta)

    def shape(self, u: Any, maths: Any) -> Any:
        """``f(u)``."""
        return 1.0 / (1.0 + u) ** 2


@final
@dataclass(frozen=True, slots=True)
class Sigmoid(Surrogate):
    """``dz/dx := beta s (1 - s),  s = 1 / (1 + exp(-beta x))``, the derivative of a sigmoid.

    Parameters
    ----------
    beta : float
        Sharpness, per unit of the voltage.

    Raises
    ------
    ParameterError
        If it is not positive.

    References
    ----------
    Neftci, Mostafa and Zenke, IEEE Signal Processing Magazine 36, 51 (2019), doi:10.1109/MSP.2019.2931595.

    Examples
    --------
    >>> import saltation as sal
    >>> sal.Sigmoid(beta=4.0).derivative(0.0)
    np.float64(1.0)
    """

    beta: float = 4.0

    @property
    def height(self) -> float:
        """Its value at the threshold."""
        return 0.25 * self.beta

    @property
    def sharpness(self) -> float:
        """By how much a distance is multiplied."""
        return float(self.beta)

    def shape(self, u: Any, maths: Any) -> Any:
        """``f(u)``."""
        fallen = maths.exp(-u)
        return 4.0 * fallen / (1.0 + fallen) ** 2


@final
@dataclass(frozen=True, slots=True)
class Triangle(Surrogate):
    """``dz/dx := scale max(0, 1 - |x| / width)``.

    Parameters
    ----------
    width : float
        Distance from the threshold at which it ends, in the unit of the voltage.
    scale : float
        Its height; 0.3 in the reference.

    Raises
    ------
    ParameterError
        If one is not positive.

    References
    ----------
    Bellec et al., NeurIPS 31 (2018), doi:10.48550/arXiv.1803.09574.

    Examples
    --------
    >>> import saltation as sal
    >>> sal.Triangle(width=2.0).derivative(1.0)
    np.float64(0.5)
    """

    width: float = 1.0
    scale: float = 1.0

    @property
    def height(self) -> float:
        """Its value at the threshold."""
        return float(self.scale)

    @property
    def sharpness(self) -> float:
        """By how much a distance is multiplied."""
        return 1.0 / self.width

    def shape(self, u: Any, maths: Any) -> Any:
        """``f(u)``."""
        return maths.maximum(0.0, 1.0 - u)


@final
@dataclass(frozen=True, slots=True)
class ATan(Surrogate):
    """``dz/dx := (alpha / 2) / (1 + (pi alpha x / 2)^2)``, the derivative of an arcus tangens.

    Parameters
    ----------
    alpha : float
        Sharpness, per unit of the voltage.

    Raises
    ------
    ParameterError
        If it is not positive.

    References
    ----------
    Fang et al., ICCV (2021), doi:10.48550/arXiv.2007.05785.

    Examples
    --------
    >>> import saltation as sal
    >>> sal.ATan(alpha=2.0).derivative(0.0)
    np.float64(1.0)
    """

    alpha: float = 2.0

    @property
    def height(self) -> float:
        """Its value at the threshold."""
        return 0.5 * self.alpha

    @property
    def sharpness(self) -> float:
        """By how much a distance is multiplied."""
        return 0.5 * math.pi * self.alpha

    def shape(self, u: Any, maths: Any) -> Any:
        """``f(u)``."""
        return 1.0 / (1.0 + u * u)


@final
@dataclass(frozen=True, slots=True)
class Boxcar(Surrogate):
    """``dz/dx := 1 / width  where |x| <= width / 2``, else 0.

    Parameters
    ----------
    width : float
        In the unit of the voltage.

    Raises
    ------
    ParameterError
        If it is not positive.

    References
    ----------
    Wu et al., Frontiers in Neuroscience 12, 331 (2018), doi:10.3389/fnins.2018.00331.

    Examples
    --------
    >>> import saltation as sal
    >>> sal.Boxcar(width=0.5).derivative([0.2, 0.3])
    array([2., 0.])
    """

    width: float = 1.0

    @property
    def height(self) -> float:
        """Its value at the threshold."""
        return 1.0 / self.width

    @property
    def sharpness(self) -> float:
        """By how much a distance is multiplied."""
        return 2.0 / self.width

    def shape(self, u: Any, maths: Any) -> Any:
        """``f(u)``."""
        return maths.where(u <= 1.0, 1.0, 0.0)


@final
@dataclass(frozen=True, slots=True)
class Gaussian(Surrogate):
    """``dz/dx := exp(-x^2 / (2 sigma^2)) / (sqrt(2 pi) sigma)``, a normal density.

    Parameters
    ----------
    sigma : float
        Its width, in the unit of the voltage.

    Raises
    ------
    ParameterError
        If it is not positive.

    References
    ----------
    Yin, Corradi and Bohté, Nature Machine Intelligence 3, 905 (2021), doi:10.1038/s42256-021-00397-w.

    Examples
    --------
    >>> import saltation as sal
    >>> sal.Gaussian(sigma=0.5).derivative(0.0).round(3)
    np.float64(0.798)
    """

    sigma: float = 0.5

    @property
    def height(self) -> float:
        """Its value at the threshold."""
        return 1.0 / (math.sqrt(2.0 * math.pi) * self.sigma)

    @property
    def sharpness(self) -> float:
        """By how much a distance is multiplied."""
        return 1.0 / self.sigma

    def shape(self, u: Any, maths: Any) -> Any:
        """``f(u)``."""
        return maths.exp(-0.5 * u * u)


SURROGATES = (SuperSpike, Sigmoid, Triangle, ATan, Boxcar, Gaussian)
"""All of them, in the order in which the kernels number them."""
