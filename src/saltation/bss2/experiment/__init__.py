"""The workflow of an experiment: describe, compile, write what differs, run, read by tickets; save and replay."""

from saltation.bss2.experiment.described import SectionBuilder
from saltation.bss2.experiment.experiment import Experiment
from saltation.bss2.experiment.health import Finding, Health
from saltation.bss2.experiment.record import Record
from saltation.bss2.experiment.result import Result, Statistics
from saltation.bss2.experiment.tickets import Samples, Ticket

__all__ = [
    "Experiment",
    "Finding",
    "Health",
    "Record",
    "Result",
    "Samples",
    "SectionBuilder",
    "Statistics",
    "Ticket",
]
