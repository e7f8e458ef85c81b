"""`Prototypes`: the nearest class mean, the simplest learner of new classes."""

from typing import Any, final

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.model.checks import describe, explain, float_array
from saltation.neurobench.tasks.incremental import Learner, Session

__all__ = ["Prototypes"]


@final
class Prototypes(Learner):
    """A mean for each class; a new class adds its own and changes no other.

    ::

        score_c(x) = 2 m_c . x - |m_c|^2,    m_c = mean of the examples of class c

    The largest score is that of the nearest mean. It is a linear readout of the features, as in the benchmark's
    baselines, whose features are those of a trained network.

    References
    ----------
    J. Snell, K. Swersky, R. Zemel, Prototypical networks for few-shot learning, arXiv:1703.05175.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.neurobench.tasks import Prototypes, few_shot_sessions
    >>> session, = few_shot_sessions([0, 0, 1], [0, 1], [0, 1], {})
    >>> prototypes = Prototypes()
    >>> prototypes.learn(np.array([[0.0], [2.0], [5.0]]), np.array([0, 0, 1]), session)
    >>> prototypes.scores(np.array([[1.0], [4.0]]))
    array([[  1., -15.],
           [  7.,  15.]])
    """

    def __init__(self) -> None:
        self._means: dict[int, npt.NDArray[np.float64]] = {}
        self._classes = 0

    def learn(self, examples: Any, labels: npt.NDArray[np.int64], session: Session) -> None:
        """Take the mean of each new class."""
        features = self._checked(examples)
        if session.number == 0:
            self._means = {}
        for label in session.classes.tolist():
            self._means[label] = features[labels == label].mean(axis=0)
        self._classes = len(session.seen)

    def scores(self, examples: Any) -> npt.NDArray[np.float64]:
        """Score of each class; minus infinity of those that were not learned."""
        features = self._checked(examples)
        found = np.full((len(features), self._classes), -np.inf)
        width = len(next(iter(self._means.values()), ()))
        if self._means and features.shape[1] != width:
            must = f"of the {width} features that were learned"
            raise ParameterError(explain("Prototypes.scores.examples", must, f"{features.shape[1]}"))
        for label, mean in self._means.items():
            found[:, label] = 2.0 * features @ mean - mean @ mean
        return found

    @staticmethod
    def _checked(examples: Any) -> npt.NDArray[np.float64]:
        if not isinstance(examples, np.ndarray):
            hint = "give features, such as sequences.padded(32).reshape(n, -1) or spikes.counts()"
            raise ParameterError(
                explain("Prototypes examples", "an array [example, feature]", describe(examples), hint)
            )
        return float_array("Prototypes", "examples", examples, shapes=((None, None),)).astype(np.float64)
