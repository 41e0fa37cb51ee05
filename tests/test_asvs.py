"""The page on OWASP ASVS 5.0, chapter V16, is whole, and what it names is there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
CHAPTER = {1: 1, 2: 5, 3: 4, 4: 3, 5: 4}
"""How many requirements each section of V16 has."""
ROW = re.compile(r"^\| (16\.\d\.\d) \|(.*)\|$", re.MULTILINE)
TEST = re.compile(r"`([\w.]+)::(\w+)`")


def rows() -> list[tuple[str, str]]:
    return ROW.findall((ROOT / "docs" / "asvs.md").read_text())


def defined_in(module: str) -> set[str]:
    tree = ast.parse((ROOT / "tests" / f"{module.replace('.', '/')}.py").read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_page_names_every_requirement() -> None:
    wanted = [f"16.{section}.{number}" for section, count in CHAPTER.items() for number in range(1, count + 1)]
    assert [number for number, _ in rows()] == wanted


def test_each_has_tests_and_they_exist() -> None:
    missing = []
    for number, row in rows():
        named = TEST.findall(row)
        assert named, number
        missing += [f"{module}::{name}" for module, name in named if name not in defined_in(module)]
    assert missing == []
