"""How an experiment talks to the terminal: results on stdout, progress on stderr."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["emit", "progress"]


def progress(*, quiet: bool = False) -> Progress:
    """Give a progress display on stderr, to be used as a context.

    Parameters
    ----------
    quiet : bool
        Show nothing; commands pass their ``--json`` here. Where stderr is not a terminal, only the final
        state is shown anyway.

    Examples
    --------
    >>> with progress(quiet=True) as bar:
    ...     for epoch in bar.track(range(3), description="training"):
    ...         pass
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=quiet,
    )


def emit(record: dict[str, Any], *, as_json: bool = False) -> None:
    """Write `record` to stdout: as one line of JSON, or as an aligned table of keys and values.

    Examples
    --------
    >>> emit({"epochs": 10, "test accuracy": 0.98})
    epochs         10
    test accuracy  0.98
    >>> emit({"epochs": 10}, as_json=True)
    {"epochs": 10}
    """
    if as_json:
        from saltation.experiments._tree import pack

        click.echo(json.dumps(pack(record), ensure_ascii=False, allow_nan=False))
        return
    width = max(map(len, record), default=0)
    for key, value in record.items():
        click.echo(f"{key:<{width}}  {'-' if value is None else value}")
