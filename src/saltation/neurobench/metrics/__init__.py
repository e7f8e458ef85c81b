"""Metrics of correctness, from their definitions: of labels, of numbers, of boxes."""

from saltation.neurobench.metrics.detection import Boxes, mean_average_precision
from saltation.neurobench.metrics.labels import accuracy
from saltation.neurobench.metrics.numbers import mse, r2, smape

__all__ = ["Boxes", "accuracy", "mean_average_precision", "mse", "r2", "smape"]
