"""NeuroBench in one table: models of ours and baselines, what they are worth, and what they cost.

`TASKS` is the table of tasks: a task is a module that holds a `Task` named ``TASK``, and is imported when it is run.
`measuring` runs what is planned, `rows` takes means, `published` holds what others have measured; `table`, `page` and
`plot` are what people read of it. The command is ``saltation bench neurobench``.

References
----------
Yik et al., NeuroBench, arXiv:2304.04640.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from saltation.errors import ParameterError
from saltation.model.checks import suggest

if TYPE_CHECKING:
    from saltation.experiments.neurobench.task import Task

__all__ = ["TASKS", "task_of"]

TASKS = {
    "hapt": "saltation.experiments.neurobench.hapt",
    "mackey-glass": "saltation.experiments.neurobench.mackey_glass",
    "mnist": "saltation.experiments.neurobench.mnist",
    "qubo": "saltation.experiments.neurobench.qubo",
    "spoken-digits": "saltation.experiments.neurobench.spoken_digits",
    "yinyang": "saltation.experiments.neurobench.yinyang",
}
"""Each task by its name, and the module it is in."""


def task_of(name: str) -> "Task":
    """Import a task.

    Raises
    ------
    ParameterError
        If there is none of this name.

    Examples
    --------
    >>> from saltation.experiments.neurobench import task_of
    >>> task_of("yinyang").metric
    'ClassificationAccuracy'
    """
    if name not in TASKS:
        raise ParameterError(f"there is no task {name!r} of NeuroBench; {suggest(name, TASKS)}")
    return import_module(TASKS[name]).TASK
