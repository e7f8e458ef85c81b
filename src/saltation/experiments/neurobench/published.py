"""Published baselines of NeuroBench: quoted, not measured here."""

import json
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["published"]


@cache
def _data() -> dict[str, Any]:
    return json.loads(Path(__file__).with_name("published.json").read_text(encoding="utf-8"))


def published() -> list[dict[str, Any]]:
    """Rows of the leaderboard, each with its source; None where a value was not given.

    Where operations are not of a sample, ``note`` says of what: a point, or one execution of several. Keys are
    those of the harness, ``metric`` the name of the one that ``correctness`` is in.

    References
    ----------
    Yik et al., NeuroBench, arXiv:2304.04640.

    Examples
    --------
    >>> from saltation.experiments.neurobench.published import published
    >>> [row["correctness"] for row in published() if row["task"] == "Mackey-Glass"]
    [13.37, 14.79]
    """
    data = _data()
    return [{**row, "source": data["sources"][row["source"]]} for row in data["rows"]]
