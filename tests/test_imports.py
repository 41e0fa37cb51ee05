"""Imports go one way; the log observes and is never asked for by what it observes."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = ("controlcenter", "accounts", "auditlog")

# Each may import what stands before it. What is in no layer glues: settings, addresses, the server.
LAYERS = [
    ("controlcenter.operations", "controlcenter.masking"),
    ("controlcenter.context",),
    ("controlcenter.fence",),
    ("controlcenter.tracking",),
    ("accounts",),
    ("controlcenter.resources",),
    ("auditlog",),
]


def module_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer_of(module: str) -> int | None:
    for level, packages in enumerate(LAYERS):
        if any(module == package or module.startswith(f"{package}.") for package in packages):
            return level
    return None


def imported_by(file: Path) -> Iterator[tuple[int, str]]:
    """Yield line and module of every import of ours, inside functions too."""
    module = module_of(file)
    package = module.split(".") if file.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*start, node.module] if node.module else start)
            names = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from ((node.lineno, name) for name in names if name.split(".")[0] in OURS)


FILES = sorted(
    file
    for package in OURS
    for file in (ROOT / package).rglob("*.py")
    if layer_of(module_of(file)) is not None and "migrations" not in file.parts and file.name != "urls.py"
)


@pytest.mark.parametrize("file", FILES, ids=module_of)
def test_a_module_imports_only_what_lies_below_it(file: Path) -> None:
    own = layer_of(module_of(file))
    assert own is not None
    above = [
        f"line {line}: {name}"
        for line, name in imported_by(file)
        if (level := layer_of(name)) is not None and level > own
    ]
    assert above == []


def test_all_layers_are_looked_at() -> None:
    assert {layer_of(module_of(file)) for file in FILES} == set(range(len(LAYERS)))


@pytest.mark.parametrize("file", ["operations", "masking"])
def test_the_vocabulary_needs_nothing_of_ours(file: str) -> None:
    assert list(imported_by(ROOT / f"controlcenter/{file}.py")) == []
