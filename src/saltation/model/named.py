"""`Named`: a dict that says what it has, when it is asked for something else."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, final

from saltation.errors import UnknownNameError
from saltation.model.checks import suggest

K = TypeVar("K")
V = TypeVar("V")


@final
class Named(dict[K, V]):
    """A dict of what there is, such as the spikes of a run by population.

    Parameters
    ----------
    what : str
        What the values are, for the message: ``Run.spikes``.
    items : mapping or iterable of pairs
        The contents.

    Examples
    --------
    >>> from saltation.model.named import Named
    >>> Named("Run.spikes", {"hid": 1})["hdi"]  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    saltation.errors.UnknownNameError: Run.spikes has no 'hdi'; did you mean 'hid'? known: 'hid'
    """

    def __init__(self, what: str, items: Mapping[K, V] | Iterable[tuple[K, V]] = ()) -> None:
        self.update(items)
        self.what = what

    def __missing__(self, key: Any) -> V:
        raise UnknownNameError(f"{self.what} has no {key!r}; {suggest(key, self)}")

    def __reduce__(self) -> tuple[Any, ...]:
        return Named, (self.what, dict(self))
