"""HAPT-6 in the table: activities of people whom the network has not met, on all backends."""

from functools import partial
from typing import Final

from saltation.experiments.neurobench.signals import plan
from saltation.experiments.neurobench.task import Task

__all__ = ["TASK"]

TASK: Final = Task(
    title="HAPT-6",
    metric="ClassificationAccuracy",
    higher_is_better=True,
    percent=True,
    about="Six activities, from windows of 2.56 s of the accelerometer and the gyroscope of a phone. Each of 63 simple "
    "features of a window (means, deviations, quartiles, correlations) is two input spikes, one the earlier the "
    "smaller it is, one the later. The class is that of the readout whose voltage has the largest integral. Trained on "
    "21 people; accuracy on the windows of 9 others, those that UCI tests on (the first 200 windows with --quick), "
    "which are looked at once. Not a task of NeuroBench, and not the windows of UCI HAR.",
    published=None,
    plan=partial(plan, "hapt"),
)
