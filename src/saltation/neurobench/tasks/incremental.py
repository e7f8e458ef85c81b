"""Few-shot class-incremental learning: base classes, then sessions of new classes with a few examples of each."""

import abc
from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.model.checks import describe, explain, freeze, integer, integer_array
from saltation.neurobench.metrics import accuracy

__all__ = ["FewShotResult", "Learner", "Session", "digit_groups", "few_shot", "few_shot_sessions"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SHOTS: Final = 5
"""Of the benchmark."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class Session:
    """What is learned in a session, and what is tested after it.

    Attributes
    ----------
    number : int
        0 of the base classes.
    name : str
        Of the group of classes, such as a language; "base" of the base classes.
    classes : ndarray of int, [class]
        The new ones.
    support : ndarray of int, [example]
        Which of the training examples may be learned from.
    queries : ndarray of int, [example]
        Which of the test examples are asked: those of all sessions so far.
    seen : ndarray of bool, [all classes]
        The classes up to now; the outputs of others are masked.
    shots, seed : int
        Of `few_shot_sessions`, which drew it.
    """

    number: int
    name: str
    classes: Ints
    support: Ints
    queries: Ints
    seen: npt.NDArray[np.bool_]
    shots: int
    seed: int


@final
@dataclass(frozen=True, slots=True)
class FewShotResult:
    """Accuracies after each session.

    Attributes
    ----------
    names : tuple of str
        Name of each session, in their order.
    all_classes : tuple of float
        On all classes seen so far; a class counts by its number of queries.
    new_classes : tuple of float
        On the classes of the session alone, told from all classes seen so far.
    shots : int
        Examples of each new class.
    seed : int
        Of what was drawn.

    Examples
    --------
    >>> from saltation.neurobench.tasks import FewShotResult
    >>> result = FewShotResult(("base", "it"), (0.9, 0.7), (0.9, 0.5), shots=5, seed=0)
    >>> result.base, round(result.mean, 2)
    (0.9, 0.8)
    """

    names: tuple[str, ...]
    all_classes: tuple[float, ...]
    new_classes: tuple[float, ...]
    shots: int
    seed: int

    @property
    def base(self) -> float:
        """Accuracy after session 0."""
        return self.all_classes[0]

    @property
    def mean(self) -> float:
        """Mean over all sessions, the base session among them, as the benchmark has it."""
        return sum(self.all_classes) / len(self.all_classes)


class Learner(abc.ABC):
    """What learns a session after the other, without what it learned from before."""

    @abc.abstractmethod
    def learn(self, examples: Any, labels: Ints, session: Session) -> None:
        """Learn from the examples of a session."""

    @abc.abstractmethod
    def scores(self, examples: Any) -> npt.ArrayLike:
        """Score of each class, [example, all classes]; those of classes not seen yet may be anything."""


def few_shot_sessions(
    training: npt.ArrayLike,
    test: npt.ArrayLike,
    base: npt.ArrayLike,
    groups: Mapping[str, npt.ArrayLike],
    *,
    shots: int = SHOTS,
    queries: int | None = None,
    seed: int = 0,
) -> list[Session]:
    """Draw the sessions of a run of the benchmark from any labelled data.

    The base classes come first, with all their training and test examples. Then come the groups, in a random order,
    each a session: of each of its classes a few training examples, and test examples that are asked in this session
    and in all later ones.

    In NeuroBench's keywords there are 100 base classes in five languages and ten groups of ten classes, a language
    each; 5 of 100 training examples, and all of 100 test examples, of each new class.

    Parameters
    ----------
    training, test : array_like of int, [example]
        Classes of the examples to learn from, and of those to be asked; two sets without a common example.
    base : array_like of int
        The base classes.
    groups : mapping of str to array_like of int
        Classes of each further session, by name.
    shots : int
        Training examples of each new class.
    queries : int, optional
        Test examples of each new class; by default all.
    seed : int
        Of the order of the groups and of what is drawn.

    Raises
    ------
    ParameterError
        If a class is in two groups, or has too few examples.

    References
    ----------
    Yik et al., NeuroBench, arXiv:2304.04640.

    Examples
    --------
    >>> from saltation.neurobench.tasks import few_shot_sessions
    >>> base, last = few_shot_sessions([0, 0, 1, 2, 2], [0, 1, 2], [0, 1], {"two": [2]}, shots=1)
    >>> base.support.tolist(), last.queries.tolist(), base.seen.tolist()
    ([0, 1, 2], [0, 1, 2], [True, True, False])
    """
    owner = "few_shot_sessions"
    if not isinstance(groups, Mapping):
        hint = "give each group of classes a name: {'it': [6, 7]}"
        raise ParameterError(explain(f"{owner}.groups", "a mapping of names to classes", describe(groups), hint))
    known = integer_array(owner, "training", training, shapes=((None,),), minimum=0)
    asked = integer_array(owner, "test", test, shapes=((None,),), minimum=0)
    shots, seed = integer(owner, "shots", shots, minimum=1), integer(owner, "seed", seed)
    most = None if queries is None else integer(owner, "queries", queries, minimum=1)
    named = {"base": integer_array(owner, "base", base, shapes=((None,),), minimum=0)}
    for name, classes in groups.items():
        if name == "base":
            raise ParameterError(explain(f"{owner}.groups", "of other names than 'base'", "'base'"))
        named[name] = integer_array(owner, f"groups[{name!r}]", classes, shapes=((None,),), minimum=0)
    every = np.concatenate(list(named.values()))
    if len(np.unique(every)) < len(every):
        label = int(np.flatnonzero(np.bincount(every) > 1)[0])
        raise ParameterError(f"{owner}: each class must be in one session alone; got class {label} in two")
    size = int(max(every.max(initial=0), known.max(initial=0), asked.max(initial=0))) + 1
    rng = np.random.default_rng(seed)
    names = ["base", *rng.permutation(list(groups)).tolist()] if groups else ["base"]
    sessions: list[Session] = []
    cumulative, seen = np.empty(0, np.int64), np.zeros(size, np.bool_)
    for number, name in enumerate(names):
        classes = named[name]
        support = [
            _drawn(owner, "training", known, label, shots if number else None, rng) for label in classes.tolist()
        ]
        query = [_drawn(owner, "test", asked, label, most if number else None, rng) for label in classes.tolist()]
        cumulative = np.concatenate([cumulative, *query])
        seen = seen.copy()
        seen[classes] = True
        own, asked_now = np.concatenate([np.empty(0, np.int64), *support]), cumulative.copy()
        sessions.append(
            Session(number, name, classes, freeze(own), freeze(asked_now), freeze(seen.copy()), shots, seed)
        )
    return sessions


def digit_groups(seed: int, base: int = 4, ways: int = 2) -> tuple[list[int], dict[str, list[int]]]:
    """Ten digits as base classes and sessions, for spoken digits in the place of keywords.

    This is no task of NeuroBench: it has the same protocol, with ten classes of one language. Which digits are base and
    which come together is drawn.

    Parameters
    ----------
    seed : int
        Of the draw.
    base : int
        Number of base classes.
    ways : int
        New classes of a session; the last one may have fewer.

    Raises
    ------
    ParameterError
        If there would be no session.

    Examples
    --------
    >>> from saltation.neurobench.tasks import digit_groups
    >>> digit_groups(seed=1)
    ([0, 4, 7, 8], {'1+2': [1, 2], '5+9': [5, 9], '3+6': [3, 6]})
    """
    base, ways = integer("digit_groups", "base", base, minimum=1), integer("digit_groups", "ways", ways, minimum=1)
    if base > 9:
        raise ParameterError(explain("digit_groups.base", "at most 9 of the ten digits", f"{base}"))
    order = np.random.default_rng(integer("digit_groups", "seed", seed)).permutation(10).tolist()
    groups = [sorted(order[at : at + ways]) for at in range(base, 10, ways)]
    return sorted(order[:base]), {"+".join(map(str, group)): group for group in groups}


def few_shot(
    learner: Learner,
    sessions: Sequence[Session],
    training: tuple[Any, npt.ArrayLike],
    test: tuple[Any, npt.ArrayLike],
) -> FewShotResult:
    """Let a learner go through the sessions, and test it after each on all classes seen so far.

    ::

        prediction = argmax over the classes seen so far of the scores

    Parameters
    ----------
    learner : Learner
        What learns; it is given the support of a session and nothing else.
    sessions : sequence of Session
        From `few_shot_sessions`.
    training, test : (examples, labels)
        Examples that an array of indices picks from, such as an array, `Spikes` or `Sequences`, and their classes,
        those that the sessions were drawn from.

    Raises
    ------
    ParameterError
        If examples and classes are not those of the sessions, or scores are of another shape, or NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.neurobench.tasks import Prototypes, few_shot, few_shot_sessions
    >>> labels = np.repeat([0, 1, 2], 10)
    >>> points = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])[labels]
    >>> sessions = few_shot_sessions(labels, labels, [0, 1], {"third": [2]})
    >>> few_shot(Prototypes(), sessions, (points, labels), (points, labels)).all_classes
    (1.0, 1.0)
    """
    if not isinstance(learner, Learner):
        hint = "make one of the class: Prototypes()" if isinstance(learner, type) else "derive it from Learner"
        raise ParameterError(explain("few_shot.learner", "a Learner", describe(learner), hint))
    if not sessions:
        raise ParameterError(explain("few_shot.sessions", "one or more", "none", "draw them by few_shot_sessions"))
    known = _labels_of("training", training, [(each.support, each.classes) for each in sessions])
    asked = _labels_of("test", test, [(each.queries, np.flatnonzero(each.seen)) for each in sessions])
    everywhere, new = [], []
    for session in sessions:
        learner.learn(training[0][session.support], known[session.support], session)
        scores = np.array(learner.scores(test[0][session.queries]), np.float64)
        wanted = asked[session.queries]
        if scores.shape != (len(wanted), len(session.seen)) or np.isnan(scores[:, session.seen]).any():
            must = f"numbers [{len(wanted)}, {len(session.seen)}], of each query and class"
            raise ParameterError(explain("few_shot.learner scores", must, f"shape {scores.shape}, or NaN"))
        scores[:, ~session.seen] = -np.inf
        found = scores.argmax(axis=1)
        own = np.isin(wanted, session.classes)
        everywhere.append(accuracy(found, wanted))
        new.append(accuracy(found[own], wanted[own]))
    names = tuple(session.name for session in sessions)
    return FewShotResult(names, tuple(everywhere), tuple(new), sessions[0].shots, sessions[0].seed)


def _labels_of(which: str, given: Any, drawn: Sequence[tuple[Ints, Ints]]) -> Ints:
    """Classes of the examples, if these are as many, and are of the classes that were drawn from them."""
    where, hint = f"few_shot.{which}", "give the two that few_shot_sessions had"
    if not isinstance(given, Sequence) or len(given) != 2:
        raise ParameterError(explain(where, "a pair (examples, labels)", describe(given)))
    examples, labels = given[0], integer_array("few_shot", f"{which} labels", given[1], shapes=((None,),), minimum=0)
    count = len(examples) if isinstance(examples, Sized) else getattr(examples, "batch", len(labels))
    if count != len(labels):
        raise ParameterError(explain(where, "as many examples as labels", f"{count} and {len(labels)}"))
    for indices, classes in drawn:
        if indices.max(initial=-1) >= count:
            must = f"the {which} examples of the sessions, {int(indices.max()) + 1} or more"
            raise ParameterError(explain(where, must, f"{count}", hint))
        if not np.isin(labels[indices], classes).all():
            raise ParameterError(explain(where, "labelled as the sessions were drawn", "other labels", hint))
    return labels


def _drawn(owner: str, which: str, labels: Ints, label: int, n: int | None, rng: np.random.Generator) -> Ints:
    """Indices of `n` examples of a class, or of all."""
    members = np.flatnonzero(labels == label)
    if len(members) < (1 if n is None else n):
        raise ParameterError(
            f"{owner}.{which} must hold {n or 1} examples or more of class {label}; got {len(members)}; ask for fewer"
        )
    return members if n is None else np.sort(rng.choice(members, n, replace=False))
