"""docs/continual.md: its examples run in their order, and every name that it gives exists."""

import re
from importlib.util import find_spec
from pathlib import Path

from saltation import continual

PAGE = (Path(__file__).parents[2] / "docs" / "continual.md").read_text(encoding="utf-8")


def test_the_examples_run():
    names = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    for i, block in enumerate(blocks):
        if "to_avalanche" in block and find_spec("avalanche") is None:
            continue
        exec(compile(block, f"docs/continual.md ({i})", "exec"), names)
    assert len(blocks) == 5
    assert names["learned"].accuracies.shape == (3, 3) and names["posterior"].examples == 50


def test_the_methods_and_functions_of_the_page_exist():
    named = set(re.findall(r"`([A-Za-z_]+)`", PAGE))
    ours = named & set(continual.__all__)
    assert {"Descent", "Ensemble", "EWC", "SI", "LwF", "Replay", "AGEM", "Joint", "reseed", "rotated"} <= ours
    assert len(ours) > 20
