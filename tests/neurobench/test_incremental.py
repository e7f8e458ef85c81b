"""Few-shot class-incremental learning: sessions by sets, scores by a loop, nearest means by distances."""

import numpy as np
import pytest

from saltation.errors import ParameterError
from saltation.model import Spikes
from saltation.neurobench.tasks import Learner, Prototypes, digit_groups, few_shot, few_shot_sessions

TRAINING = np.repeat(np.arange(9), 12)
TEST = np.repeat(np.arange(9), 7)
GROUPS = {"ru": [4, 5], "es": [8], "it": [6, 7]}
BASE = [0, 1, 2, 3]
POINTS = np.random.default_rng(8).normal(size=(9, 3))


@pytest.mark.parametrize("queries", [None, 3])
def test_sessions(queries):
    sessions = few_shot_sessions(TRAINING, TEST, BASE, GROUPS, shots=5, queries=queries, seed=3)
    assert [session.number for session in sessions] == [0, 1, 2, 3]
    assert sessions[0].name == "base" and {session.name for session in sessions[1:]} == set(GROUPS)
    seen, asked = set(), set()
    for session in sessions:
        classes = GROUPS.get(session.name, BASE)
        assert session.classes.tolist() == classes
        counts = np.bincount(TRAINING[session.support], minlength=9)
        assert counts.tolist() == [(5 if session.number else 12) * (c in classes) for c in range(9)]
        assert len(set(session.support.tolist())) == len(session.support)
        seen |= set(classes)
        assert np.flatnonzero(session.seen).tolist() == sorted(seen)
        # what was asked before is asked again, and of each new class as many as was said
        assert asked <= set(session.queries.tolist()) and len(set(session.queries)) == len(session.queries)
        new = TEST[sorted(set(session.queries.tolist()) - asked)]
        of_each = 7 if queries is None or not session.number else queries
        assert sorted(new.tolist()) == sorted(classes * of_each)
        asked = set(session.queries.tolist())


def test_the_seed_decides():
    def drawn(seed):
        return [
            (each.name, each.support.tolist()) for each in few_shot_sessions(TRAINING, TEST, BASE, GROUPS, seed=seed)
        ]

    assert drawn(1) == drawn(1)
    assert len({tuple(name for name, _ in drawn(seed)) for seed in range(30)}) == 6  # all orders of three
    assert drawn(1)[1:] != drawn(2)[1:]


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"groups": {"a": [3]}}, "class 3 in two"),
        ({"shots": 13}, "training must hold 13 examples or more of class"),
        ({"queries": 8}, "test must hold 8 examples or more of class"),
        ({"base": [0, 11]}, "1 examples or more of class 11"),
        ({"groups": {"base": [8]}}, "other names than 'base'"),
        ({"shots": 0}, "shots must be an integer >= 1"),
        ({"groups": [[4, 5]]}, r"groups must be a mapping of names to classes; got \[\[4, 5\]\]"),
    ],
)
def test_refusals(changed, message):
    given = {"base": BASE, "groups": GROUPS, **changed}
    with pytest.raises(ParameterError, match=message):
        few_shot_sessions(TRAINING, TEST, **given)


class Fixed(Learner):
    """Knows its scores, and keeps what it was shown."""

    def __init__(self, table):
        self.table, self.shown = table, []

    def learn(self, examples, labels, session):
        self.shown.append((examples.tolist(), labels.tolist()))

    def scores(self, examples):
        return self.table[examples]


def test_scores_are_masked_and_counted_as_in_a_loop():
    rng = np.random.default_rng(5)
    table = rng.normal(size=(len(TEST), 9))
    sessions = few_shot_sessions(TRAINING, TEST, BASE, GROUPS, seed=2)
    learner = Fixed(table)
    training = np.arange(len(TRAINING)), TRAINING
    result = few_shot(learner, sessions, training, (np.arange(len(TEST)), TEST))
    assert [shown[0] for shown in learner.shown] == [session.support.tolist() for session in sessions]
    for k, session in enumerate(sessions):
        known = [c for s in sessions[: k + 1] for c in s.classes.tolist()]
        right = {c: [] for c in known}
        for i in session.queries.tolist():
            best = max(known, key=lambda c: table[i, c])
            right[TEST[i]].append(best == TEST[i])
        everything = [hit for hits in right.values() for hit in hits]
        new = [hit for c in session.classes.tolist() for hit in right[c]]
        assert result.all_classes[k] == pytest.approx(sum(everything) / len(everything), abs=1e-15)
        assert result.new_classes[k] == pytest.approx(sum(new) / len(new), abs=1e-15)
    assert result.mean == pytest.approx(np.mean(result.all_classes)) and result.base == result.all_classes[0]


@pytest.mark.parametrize("table", [np.zeros((len(TEST), 8)), np.full((len(TEST), 9), np.nan)])
def test_scores_of_another_form_are_refused(table):
    sessions = few_shot_sessions(TRAINING, TEST, BASE, GROUPS)
    with pytest.raises(ParameterError, match="of each query and class"):
        few_shot(Fixed(table), sessions, (TRAINING, TRAINING), (np.arange(len(TEST)), TEST))


def test_prototypes_are_nearest_means_of_what_was_shown():
    rng = np.random.default_rng(6)
    centres = rng.normal(size=(9, 4)) * 2.0
    training, test = (centres[labels] + rng.normal(size=(len(labels), 4)) for labels in (TRAINING, TEST))
    sessions = few_shot_sessions(TRAINING, TEST, BASE, GROUPS, seed=1)
    learner = Prototypes()
    result = few_shot(learner, sessions, (training, TRAINING), (test, TEST))
    means = {}
    for k, session in enumerate(sessions):
        for c in session.classes.tolist():
            means[c] = np.mean([training[i] for i in session.support if TRAINING[i] == c], axis=0)
        hits = [
            min(means, key=lambda c, x=test[i]: np.linalg.norm(x - means[c])) == TEST[i]
            for i in session.queries.tolist()
        ]
        assert result.all_classes[k] == pytest.approx(np.mean(hits), abs=1e-15)
    assert 0.3 < result.mean < 1.0
    # another run begins anew
    assert few_shot(learner, sessions, (training, TRAINING), (test, TEST)) == result
    with pytest.raises(ParameterError, match="give features"):
        learner.scores([[1.0]])


def test_examples_may_be_spikes():
    latencies = np.random.default_rng(7).random((len(TRAINING), 3))
    spikes = Spikes.from_latencies(latencies)

    class Reads(Learner):
        def learn(self, examples, labels, session):
            np.testing.assert_array_equal(examples.first(), latencies[session.support])

        def scores(self, examples):
            return np.zeros((examples.batch, 9))

    sessions = few_shot_sessions(TRAINING, TEST, BASE, GROUPS)
    assert few_shot(Reads(), sessions, (spikes, TRAINING), (spikes[: len(TEST)], TEST)).base == 0.25


def test_digit_groups_are_all_digits_once():
    for base, ways, sessions in ((4, 2, 3), (5, 1, 5), (4, 4, 2), (9, 3, 1)):
        known, groups = digit_groups(7, base, ways)
        assert (len(known), len(groups)) == (base, sessions)
        assert sorted(known + [c for group in groups.values() for c in group]) == list(range(10))
    assert digit_groups(1) != digit_groups(2)
    with pytest.raises(ParameterError, match="at most 9"):
        digit_groups(0, base=10)


def test_the_result_has_what_the_sessions_were_drawn_with():
    sessions = few_shot_sessions(TRAINING, TEST, BASE, GROUPS, shots=10, seed=4)
    result = few_shot(Fixed(np.zeros((len(TEST), 9))), sessions, (TRAINING, TRAINING), (np.arange(len(TEST)), TEST))
    assert (result.shots, result.seed) == (10, 4)


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"learner": Prototypes}, r"few_shot\.learner must be a Learner; .*Prototypes\(\)"),
        ({"sessions": []}, r"few_shot\.sessions must be one or more"),
        ({"training": POINTS[TRAINING]}, r"few_shot\.training must be a pair"),
        (
            {"training": (POINTS[TRAINING], TRAINING[:-1])},
            "training must be as many examples as labels; got 108 and 107",
        ),
        ({"training": (POINTS[TRAINING[:50]], TRAINING[:50])}, "training must be the training examples .*got 50"),
        ({"test": (POINTS[TEST[:9]], TEST[:9])}, "test must be the test examples .*got 9"),
        ({"test": (POINTS[TEST], TEST[::-1])}, "test must be labelled as the sessions were drawn"),
        ({"test": (POINTS[TEST][:, :2], TEST)}, r"Prototypes\.scores\.examples must be of the 3 features .*got 2"),
    ],
)
def test_mistakes_are_named(changed, message):
    given = {
        "learner": Prototypes(),
        "sessions": few_shot_sessions(TRAINING, TEST, BASE, GROUPS),
        "training": (POINTS[TRAINING], TRAINING),
        "test": (POINTS[TEST], TEST),
    }
    few_shot(**given)
    with pytest.raises(ParameterError, match=message):
        few_shot(**{**given, **changed})
