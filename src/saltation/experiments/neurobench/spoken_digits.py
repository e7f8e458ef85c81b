"""Spoken digits in the table: level crossings of MFCC coefficients, on all backends."""

from functools import partial
from typing import Final

from saltation.experiments.neurobench.signals import plan
from saltation.experiments.neurobench.task import Task

__all__ = ["TASK"]

TASK: Final = Task(
    title="Spoken digits",
    metric="ClassificationAccuracy",
    higher_is_better=True,
    percent=True,
    about="Digits of the Free Spoken Digit Dataset, as sequences of 13 MFCC coefficients, ten times faster than they "
    "were spoken. A coefficient that has moved by a deviation is an input spike, up or down, and comes several times, "
    "later and later, from inputs of their own. The class is that of the readout whose voltage gets highest. Trained "
    "on 240 clips of each digit, accuracy on 60 others (with --quick on 400 clips, and on 200 others), drawn at "
    "random: who speaks is not in the data, so that voices of the test are in training too, and an accuracy says "
    "nothing of new voices. Not a task of NeuroBench.",
    published=None,
    plan=partial(plan, "spoken-digits"),
)
