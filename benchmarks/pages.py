"""A page of the docs with blocks that scripts write: what stands between a block's markers is theirs alone."""

import json
import os
from pathlib import Path
from typing import Any

PERFORMANCE = Path(__file__).parents[1] / "docs" / "performance.md"


def load_record(path: Path, schema_version: int) -> dict[str, Any]:
    """Read what a benchmark has recorded, in the version that a report knows."""
    record = json.loads(path.read_text(encoding="utf-8"))
    if record["schema_version"] != schema_version:
        raise SystemExit(f"{path} has schema version {record['schema_version']}; known is {schema_version}")
    return record


def replace_block(page: Path, name: str, text: str) -> None:
    """Put `text` between the markers of a block of `page`; both are added at its end where they are missing."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    old = page.read_text(encoding="utf-8") if page.exists() else ""
    block = f"{begin}\n\n{text.strip()}\n\n{end}"
    if begin in old and end in old:
        new = old[: old.index(begin)] + block + old[old.index(end) + len(end) :]
    else:
        new = f"{old.rstrip()}\n\n{block}\n".lstrip()
    temporary = page.with_suffix(".tmp")
    temporary.write_text(new, encoding="utf-8")
    os.replace(temporary, page)
