"""Row 23: nothing an operator or a pool can name becomes a second argument, an option or a command.

A million names (a hundred thousand in the short form) made of what shells and option parsers mind, through templates of
every kind; and hostile ones through a real program on a real rig, which writes down what it got. The
control runs the template by a shell.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
from hypothesis import given, settings
from hypothesis import strategies as st
from promise import record, scaled

from rigfarm.simulate.program.pack import archive_for, pack
from rigfarm.wire.template import TemplateError, render, split
from support.program.depot import Depot
from support.program.rig import Rig, assigned_for

TEMPLATES = (
    "-o $POOL -u $WALLET.$WORKER -p x --tls",
    "--url=$POOL --user='$WALLET' --rig-id \"${WORKER}\"",
    "-o ssl://$POOL:443/$WORKER -u $WALLET+$WALLET -a rx/0 '$WORKER $WORKER'",
    "$POOL $WALLET $WORKER",
)
PIECES = (
    *" \t;|&$`'\"\\(){}[]<>*?!#~%^=-_.,:/@+0aZé中\u202e\u00a0\u2028",
    *("$(touch {canary})", "`touch {canary}`", "; touch {canary};", "| touch {canary}", "&& touch {canary}", "${IFS}"),
    *("--config", "-o", "--", "$WALLET", "${WORKER}", "$$", "../", "\n", "\r", "\0", "\x1b[31m", "%s", "\\\n", "'\"'"),
)


def hostile_names(count: int, canary: Path, seed: int = 23) -> Iterator[str]:
    chance = random.Random(seed)
    pieces = [piece.replace("{canary}", str(canary)) for piece in PIECES]
    for _ in range(count):
        yield "".join(chance.choices(pieces, k=chance.randrange(1, 9)))


def check(template: str, values: dict[str, str]) -> str | None:
    """What is wrong with what came out; None when nothing is. A refusal is right."""
    words = split(template)
    try:
        argv = render(template, values)
    except TemplateError:
        return None
    if len(argv) != len(words):
        return f"{len(argv)} arguments instead of {len(words)}"
    for word, argument in zip(words, argv, strict=True):
        if argument.startswith("-") and not word.startswith("-"):
            return f"{argument!r} became an option"
        if any(ord(character) < 32 for character in argument):
            return f"{argument!r} has a control character"
    return None


def shell_breaks_out(count: int, canary: Path) -> int:
    """The control: the same names, put into the template's text and given to a shell, in a folder for what it makes."""
    folder = canary.parent / "control"
    folder.mkdir()
    broken = 0
    for name in hostile_names(count, canary):
        command = TEMPLATES[0].replace("$POOL", "pool").replace("$WALLET", "w").replace("$WORKER", name)
        command = "printf '%s\\n' " + command.replace("\0", "")
        done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False, cwd=folder)
        broken += len(done.stdout.splitlines()) != 7
    return broken


def test_no_name_gets_out_of_its_argument(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    count = scaled(100_000, 1_000_000)
    bad: list[str] = []
    accepted = 0
    for number, name in enumerate(hostile_names(count, canary)):
        values = {"POOL": "pool.test", "WALLET": "wallet", "WORKER": "rig"}
        values[("POOL", "WALLET", "WORKER")[number % 3]] = name
        problem = check(TEMPLATES[number % len(TEMPLATES)], values)
        if problem:
            bad.append(problem)
        accepted += problem is None
    assert not canary.exists()
    control = shell_breaks_out(60, canary)
    assert control > 20, "the control must be caught, else the test sees nothing"
    assert canary.exists(), "the names are as hostile as they look"
    record(
        23,
        "no generated name becomes a second argument, an option or a command",
        n=count,
        bad=len(bad),
        control="shell=True",
        control_bad=f"{control} of 60 got out, and the canary was written",
        unit="names",
    )
    assert bad == []


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40), st.sampled_from(TEMPLATES))
def test_nor_does_any_text_at_all(first: str, second: str, template: str) -> None:
    assert check(template, {"POOL": "p", "WALLET": first, "WORKER": second}) is None


async def test_a_real_program_gets_each_name_as_one_argument_and_no_shell_is_involved(tmp_path: Path) -> None:
    canary, dump = tmp_path / "canary", tmp_path / "dump"
    content = pack("tar.gz")
    archive = archive_for(content, "tar.gz")
    names = [
        name
        for name in hostile_names(400, canary, seed=7)
        if not name.startswith("-") and name.isprintable() and name.strip()
    ][: scaled(40, 200)]
    assert sum("touch" in name for name in names) > 3
    variables = {f"N{number}": name for number, name in enumerate(names)}
    template = f"--dump {dump} -- " + " ".join(f"x${{{name}}}y ${name}" for name in variables)
    with Depot() as depot:
        depot.put(content, archive.path)
        async with Rig(tmp_path / "sentry", depot.url, depot.token) as rig:
            await rig.runner.apply(
                1, [assigned_for(archive, template=template, variables=variables, api_arguments="-q")]
            )
            status = await rig.when(lambda status: status.pid is not None)
            while not dump.exists():
                await asyncio.sleep(0.02)
            seen = json.loads(dump.read_text().splitlines()[0])
            shells = [psutil.Process(pid).name() for pid in rig.processes()]
    assert status.pid is not None
    assert seen["argv"][4:] == [*(part for name in names for part in (f"x{name}y", name)), "-q"]
    assert not any(name in ("sh", "bash", "dash") for name in shells)
    assert not canary.exists()
