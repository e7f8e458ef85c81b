"""`scores`: the numbers of a run, by the names of their definitions."""

from typing import Any

from saltation.continual import (
    Learned,
    average_accuracy,
    backward_transfer,
    forgetting,
    forward_transfer,
    learning_accuracy,
    mean_accuracy,
)

__all__ = ["scores"]


def scores(learned: "Learned") -> dict[str, Any]:
    """Give all metrics of a run; None for those that need two tasks, where there is one.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.continual import Learned
    >>> from saltation.experiments.continual.scoring import scores
    >>> found = np.array([[0.95, 0.1], [0.9, 0.8]])
    >>> numbers = np.zeros((2, 1)), np.ones(2, np.int64), np.ones(2)
    >>> made = scores(Learned(found, np.array([0.1, 0.1]), *numbers, 0))
    >>> round(made["average_accuracy"], 4), round(made["forgetting"]["chaudhry"], 4), made["first_task"]["last"]
    (0.85, 0.05, 0.9)
    """
    matrix, untrained = learned.accuracies, learned.untrained
    several = len(matrix) > 1
    return {
        "average_accuracy": average_accuracy(matrix),
        "learning_accuracy": learning_accuracy(matrix),
        "mean_accuracy": mean_accuracy(matrix),
        "forgetting": {
            "chaudhry": forgetting(matrix, "chaudhry"),
            "avalanche": forgetting(matrix, "avalanche"),
            "mammoth": forgetting(matrix, "mammoth"),
        }
        if several
        else None,
        "backward_transfer": {
            "gem": backward_transfer(matrix, "gem"),
            "diaz-rodriguez": backward_transfer(matrix, "diaz-rodriguez"),
        }
        if several
        else None,
        "forward_transfer": {
            "gem": forward_transfer(matrix, untrained, "gem"),
            "diaz-rodriguez": forward_transfer(matrix, definition="diaz-rodriguez"),
        }
        if several
        else None,
        # what the paper on the tangent ensemble looks at
        "first_task": {
            "first": float(matrix[0, 0]),
            "best": float(matrix[:, 0].max()),
            "last": float(matrix[-1, 0]),
        },
        "memory_bytes": learned.memory,
        "updates": int(learned.updates.sum()),
        "train_seconds": round(float(learned.seconds.sum()), 3),
    }
