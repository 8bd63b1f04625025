"""A dialog draws every field of its form: one in a group that no dialog draws could not be edited."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

COMMANDER = Path(__file__).parents[2] / "src" / "rigfarm" / "commander"
DRAWN = re.compile(r"""(?:group|columns_in)\((?:\w+, )?"(\w+)"\)|group == "(\w+)"|groups\["(\w+)"\]""")
WHOLE = re.compile(r"fields_of\((\w+)\)")
"""A dialog of all fields of a form, whatever their group."""
OTHERWISE = {"RuleForm.channels"}
"""Drawn as a box for each channel."""


def fields(noun: Path) -> Iterator[tuple[str, str, str]]:
    """(form, field, group) of each field that has a group."""
    for form in nodes(noun):
        if not isinstance(form, ast.ClassDef):
            continue
        for field in form.body:
            for node in ast.walk(field):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "form_field":
                    group = next((one.value for one in node.keywords if one.arg == "group"), None)
                    if isinstance(group, ast.Constant) and isinstance(field, ast.AnnAssign):
                        yield form.name, ast.unparse(field.target), str(group.value)


def groups(noun: Path) -> Iterator[str]:
    """Those that its dialogs draw: named in a template, or given to it as GROUPS."""
    for text in texts(noun, "*.html", "*.py"):
        for found in DRAWN.findall(text):
            yield from filter(None, found)
    for node in nodes(noun):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "GROUPS":
            yield from (str(one.value) for one in ast.walk(node.value) if isinstance(one, ast.Constant))


def texts(noun: Path, *kinds: str) -> list[str]:
    return [path.read_text() for kind in kinds for path in noun.rglob(kind)]


def nodes(noun: Path) -> Iterator[ast.AST]:
    for text in texts(noun, "*.py"):
        yield from ast.walk(ast.parse(text))


NOUNS = sorted(path.parent for path in COMMANDER.glob("*/templates") if any(fields(path.parent)))


@pytest.mark.parametrize("noun", NOUNS, ids=lambda path: path.name)
def test_every_field_is_drawn(noun: Path) -> None:
    drawn, html = set(groups(noun)), "".join(texts(noun, "*.html"))
    whole = {form for text in texts(noun, "*.py") for form in WHOLE.findall(text)}
    left = [
        f"{form}.{name}"
        for form, name, group in fields(noun)
        if group not in drawn and form not in whole and f'name="{name}"' not in html
    ]
    assert set(left) <= OTHERWISE
