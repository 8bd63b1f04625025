"""Every command in README.md, CONTRIBUTING.md, docs/ and on pages exists as it is written: a reader pastes it."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest

from rigfarm.cli import main

ROOT = Path(__file__).resolve().parents[1]
TEXTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "src").glob("rigfarm/**/templates/*.html")),
]
CODE = re.compile(r"`([^`\n]+)`|<code[^>]*>([^<]+)</code>")
BLOCK = re.compile(r"^```(?:sh)?\n(.*?)^```|((?:^    [^ \n].*\n)+)", re.MULTILINE | re.DOTALL)


def commands(program: str) -> list[tuple[str, str]]:
    """(where, command line) of every use of a program."""
    found = []
    for path in TEXTS:
        text = path.read_text()
        pieces = [one for pair in CODE.findall(text) for one in pair if one]
        pieces += [line.strip() for pair in BLOCK.findall(text) for block in pair for line in block.splitlines()]
        for piece in pieces:
            for part in re.split(r"&&|\||;", piece):
                words = re.sub(r"(^|\s)#.*", "", part).strip()
                words = re.sub(r"^(sudo( -u \S+)?|\$)\s+", "", words)
                if re.match(rf"(\S*/)?{program}\s", f"{words} "):
                    found.append((path.relative_to(ROOT).as_posix(), words))
    return found


OURS = commands("rigfarm")
MADE = commands("make")


def test_there_are_some() -> None:
    assert len(OURS) > 30
    assert len(MADE) > 10
    assert any(where.endswith(".html") for where, _ in OURS)


@pytest.mark.parametrize(("where", "line"), sorted(set(OURS)))
def test_a_command_of_rigfarm_is_one(where: str, line: str) -> None:
    words = [word for word in shlex.split(re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "X", line))[1:] if word not in ("…", "...")]
    command: click.Command = main
    context = click.Context(main, info_name="rigfarm")
    while isinstance(command, click.Group) and words:
        name = words.pop(0)
        if name.startswith("-"):
            own = next((one for one in command.params if name in one.opts), None)
            assert own is not None or name == "--help", f"{where}: {line!r} has no option {name}"
            if isinstance(own, click.Option) and not own.is_flag:
                words.pop(0)
            continue
        chosen = command.get_command(context, name)
        assert chosen is not None, f"{where}: there is no {name} in {line!r}"
        command, context = chosen, click.Context(chosen, info_name=name, parent=context)
    options = {name for option in command.params if isinstance(option, click.Option) for name in option.opts}
    options |= {name for option in command.params if isinstance(option, click.Option) for name in option.secondary_opts}
    options.add("--help")
    for word in words[: words.index("--")] if "--" in words else words:
        if word.startswith("--"):
            assert word.partition("=")[0] in options, f"{where}: {line!r} has no option {word}"


@pytest.mark.parametrize(("where", "line"), sorted(set(MADE)))
def test_a_target_of_make_is_one(where: str, line: str) -> None:
    words = shlex.split(line)[1:]
    if words[:1] == ["-C"]:
        words = words[2:]
    targets = [word for word in words if "=" not in word and not word.startswith("-")]
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert targets[:1] == [] or targets[0] in known, f"{where}: make has no target {targets[0]}"


def test_make_lists_what_it_can() -> None:
    said = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, check=True).stdout
    for target in ("install", "demo", "test", "lint", "bench", "bundle"):
        assert re.search(rf"^{target} ", said, re.MULTILINE), target
