"""Check the rules of the house that no linter knows; see CONTRIBUTING.md.

Usage: python tools/check_house.py [root of the repository]

- Imports inside ``src/saltation`` point down the table `LAYERS`, also those inside functions and under
  ``TYPE_CHECKING``. Only ``saltation/__init__.py`` may reach for a front end lazily.
- torch and jax are imported only where `FRONT_END_USERS` says, so that the core runs without them.
- No Python file has more than 500 lines.
- Only the command line prints.
- Every public module has a docstring.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "saltation"
MAX_LINES = 500
FOLDERS_WITH_CODE = ("src", "tests", "benchmarks", "tools", "examples")

# From the ground up. A module may import what stands below its row, and its own folder; not its neighbours.
# "saltation" is the package's own __init__.py: the public names, which only those on top of it use.
LAYERS = (
    ("_version", "_files", "errors"),
    ("model",),
    ("kernels",),
    ("engine",),
    ("torch", "jax"),
    ("bss2",),
    ("io",),
    ("data",),
    ("continual", "neurobench", "plot"),
    (PACKAGE,),
    ("experiments",),
    ("cli",),
    ("__main__",),
)
RANK = {name: rank for rank, row in enumerate(LAYERS) for name in row}

FRONT_ENDS = ("torch", "jax")
# These must work where no front end is installed, although they stand above them.
FRONT_END_FREE = ("data", "io", "plot", PACKAGE, "cli", "__main__")
FRONT_END_USERS = {
    "torch": ("torch", "bss2", "continual", "neurobench", "experiments"),
    "jax": ("jax", "bss2", "continual", "neurobench", "experiments"),
}


def main(root: Path) -> int:
    problems = list(check(root))
    for problem in problems:
        print(problem)
    if problems:
        print(f"check_house: {len(problems)} problem(s); the rules are in CONTRIBUTING.md.")
        return 1
    print("check_house: in order.")
    return 0


def check(root: Path) -> Iterator[str]:
    """Give every violation below `root` as one line, ``path:line: what, and what to do``."""
    for folder in FOLDERS_WITH_CODE:
        for path in sorted((root / folder).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            shown = path.relative_to(root)
            yield from check_length(shown, text)
            package = root / "src" / PACKAGE
            if path.is_relative_to(package):
                yield from check_source(shown, path.relative_to(package), text)


def check_length(shown: Path, text: str) -> Iterator[str]:
    lines = len(text.splitlines())
    if lines > MAX_LINES:
        yield f"{shown}:{MAX_LINES + 1}: {lines} lines, {MAX_LINES} allowed: split the file by its ideas."


def check_source(shown: Path, inner: Path, text: str) -> Iterator[str]:
    """Check one file of the package; `inner` is its path inside ``src/saltation``."""
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        yield f"{shown}:{error.lineno}: does not parse: {error.msg}."
        return
    public = not inner.stem.startswith("_") or inner.stem == "__init__"
    if public and not ast.get_docstring(tree):
        yield f"{shown}:1: no module docstring: say in one line what idea the file holds."
    if inner.parts[0] != "cli.py":
        yield from check_print(shown, tree)
    layer = PACKAGE if inner.parts == ("__init__.py",) else inner.parts[0].removesuffix(".py")
    if layer not in RANK:
        yield f"{shown}:1: '{layer}' has no place in the import order: see LAYERS in {Path(__file__).name}."
        return
    lazy_counts = layer != PACKAGE
    for line, module in imports(tree, inner, lazy_counts=lazy_counts):
        complaint = judge(layer, module)
        if complaint:
            yield f"{shown}:{line}: {complaint}"


def check_print(shown: Path, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield f"{shown}:{node.lineno}: print(): only cli.py talks to the terminal; return it or warn."


def imports(tree: ast.Module, inner: Path, *, lazy_counts: bool) -> Iterator[tuple[int, str]]:
    """Give (line, absolute module name) of each import; names imported from the package itself as modules."""
    inside_functions = set()
    if not lazy_counts:
        functions = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
        type_checks = (n for n in ast.walk(tree) if isinstance(n, ast.If) and is_type_checking(n.test))
        inside_functions = {id(child) for node in (*functions, *type_checks) for child in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in inside_functions:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            module = absolute(node, inner)
            if module == PACKAGE:  # from saltation import x: x may be a folder or a public name
                for alias in node.names:
                    yield node.lineno, f"{PACKAGE}.{alias.name}" if alias.name in RANK else PACKAGE
            else:
                yield node.lineno, module


def is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else test.id if isinstance(test, ast.Name) else ""
    return name == "TYPE_CHECKING"


def absolute(node: ast.ImportFrom, inner: Path) -> str:
    """Resolve ``from ..x import y`` in the file `inner` to ``saltation.x``."""
    if not node.level:
        return node.module or ""
    parents = (PACKAGE, *inner.parts[:-1])
    base = parents[: len(parents) - (node.level - 1)]
    return ".".join((*base, node.module) if node.module else base)


def judge(layer: str, module: str) -> str | None:
    """Say why code of `layer` must not import `module`, or None if it may."""
    top, *rest = module.split(".")
    if top in FRONT_END_USERS and layer not in FRONT_END_USERS[top]:
        allowed = ", ".join(FRONT_END_USERS[top])
        return f"'{layer}' imports {top}, which is optional: only {allowed} may."
    if top != PACKAGE:
        return None
    target = rest[0] if rest else PACKAGE
    if target == layer:
        return None
    if target not in RANK:
        return f"imports {module}, and '{target}' has no place in LAYERS of tools/check_house.py."
    if layer in FRONT_END_FREE and target in FRONT_ENDS:
        return f"'{layer}' imports {PACKAGE}.{target}, but must work where {target} is not installed."
    if RANK[target] < RANK[layer]:
        return None
    if target == PACKAGE:
        return f"'{layer}' imports the package's public names: name the module that defines them instead."
    how = "its neighbour" if RANK[target] == RANK[layer] else "above it"
    return f"'{layer}' imports {PACKAGE}.{target}, {how}: imports point down. Move what both need below them."


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()))
