"""What fits into a network and what does not: the checks behind `Network`."""

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from saltation.errors import NetworkError
from saltation.model.checks import describe, explain, is_array, suggest
from saltation.model.neurons import Input, Population
from saltation.model.projection import Projection, ProjectionKey
from saltation.model.record import Record

Populations = Mapping[str, Population]
Projections = Mapping[ProjectionKey, Projection]

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def checked_population(value: object) -> Population:
    """Check that a value is a population; the class instead of an instance is the likely mistake."""
    if isinstance(value, Population):
        return value
    hint = "pass an instance, e.g. LIF(120)"
    raise NetworkError(explain("Network.add.population", "an Input, LIF, LI or ALIF", describe(value), hint))


def check_known(owner: str, name: object, populations: Populations) -> None:
    """Check that a name is that of a population."""
    if not isinstance(name, str) or name not in populations:
        raise NetworkError(explain(owner, "the name of a population", describe(name), suggest(name, populations)))


def check_free(owner: str, name: str, populations: Populations, projections: Projections) -> None:
    """Check that no population and no projection bears a name yet."""
    if name in populations or name in projections:
        taken = [*populations, *(key for key in projections if isinstance(key, str))]
        raise NetworkError(explain(owner, "a name not yet taken", repr(name), f"taken: {', '.join(map(repr, taken))}"))


def check_fit(owner: str, projection: Projection, populations: Populations) -> None:
    """Check that a projection fits the populations it connects."""
    pre, post = populations[projection.pre], populations[projection.post]
    if not pre.spiking:
        hint = f"{type(pre).__name__} neurons emit no spikes: use LIF"
        raise NetworkError(explain(f"{owner}.pre", "a population that spikes", repr(projection.pre), hint))
    if isinstance(post, Input):
        hint = "an Input emits the stimulus and receives nothing; swap pre and post?"
        raise NetworkError(explain(f"{owner}.post", "LIF, LI or ALIF", repr(projection.post), hint))
    shape = (pre.size, post.size)
    if projection.shape != shape:
        what = "weight" if projection.connectivity is None else "connectivity"
        hint = "it looks transposed" if projection.shape == shape[::-1] else ""
        hint += ": pass weight.T" if hint and what == "weight" else ""
        must = f"of shape {shape}, {projection.pre!r} to {projection.post!r}"
        raise NetworkError(explain(f"{owner}.{what}", must, f"shape {projection.shape}", hint))
    if projection.receptor is not None and projection.receptor not in post.receptors:
        must = f"left out where the target ({projection.post!r}) has a single receptor"
        hint = "give the target tau_syn_exc and tau_syn_inh for two"
        raise NetworkError(explain(f"{owner}.receptor", must, repr(projection.receptor), hint))


def check_receptors(name: str, old: Population, new: Population) -> None:
    """Check that a changed population kept its receptors, to which projections refer."""
    if old.receptors != new.receptors:
        hint = "build a new network: projections refer to receptors"
        raise NetworkError(
            explain(f"Network.replace of {name!r}", f"of receptors {old.receptors}", str(new.receptors), hint)
        )


def by_target(
    owner: str, changes: Mapping[str, Mapping[_Key, _Value]], known: Mapping[_Key, object], what: str
) -> dict[_Key, dict[str, _Value]]:
    """Turn {parameter: {target: value}} into {target: {parameter: value}}, refusing unknown targets."""
    result: dict[_Key, dict[str, _Value]] = {}
    for name, values in changes.items():
        where = f"{owner}.{name}"
        if not isinstance(values, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise NetworkError(explain(where, f"a dict whose keys are {what}", describe(values)))
        for target, value in values.items():
            if target not in known:
                raise NetworkError(explain(f"{where} key", what, repr(target), suggest(target, known)))
            result.setdefault(target, {})[name] = value
    return result


def same_layout(old: Record, new: Record) -> bool:
    """Whether each array has kept its dimensions and dtype, on which what is compiled for a record may rely."""
    return all(_alike(getattr(old, field.name), getattr(new, field.name)) for field in dataclasses.fields(old))


def _alike(old: Any, new: Any) -> bool:
    if old is new:
        return True
    if is_array(old) and is_array(new):
        return old.ndim == new.ndim and old.dtype == new.dtype
    return not is_array(old) and not is_array(new)
