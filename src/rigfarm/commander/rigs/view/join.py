"""How a rig joins: the exact commands, with its token while that is shown, or a place for it afterwards."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from msgspec import Struct

from rigfarm.commander.bundle import Bundle, install_line
from rigfarm.commander.channels import Kind
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.view.row import href

__all__ = ["JoinStep", "JoinView", "join_steps", "join_view"]

_NO_TOKEN = "rf_…"  # noqa: S105 - it stands for one
_PYTHON = "/opt/rigfarm"
"""An ordinary installation, in a folder of its own: systems of today let nobody install into their own Python."""


class JoinStep(Struct, frozen=True):
    """What to do, and the command that does it, if one does."""

    text: str
    command: str = ""


class JoinView(Struct, frozen=True):
    """A rig that waits. `token` is empty when it has been shown before."""

    id: int
    name: str
    kind: Kind
    href: str
    token: str
    steps: tuple[JoinStep, ...]
    again: JoinStep
    """For a machine that has joined before and gets another token."""
    reported: bool


def join_view(rig: Rig, commander_url: str, token: str = "", bundles: Sequence[Bundle] = ()) -> JoinView:
    """`commander_url` is how the rig reaches this Commander; `bundles` the self-contained Sentries it has for rigs."""
    shown = token or _NO_TOKEN
    steps = _asic_steps(commander_url, bundles) if rig.kind == "asic" else join_steps(commander_url, bundles, shown)
    again = _again(rig, commander_url, shown)
    reported = rig.first_seen_at is not None
    return JoinView(rig.id, rig.name, rig.kind, href(rig.kind, rig.id), token, steps, again, reported)


def join_steps(url: str, bundles: Sequence[Bundle], token: str = _NO_TOKEN) -> tuple[JoinStep, ...]:
    """What is done on a CPU/GPU rig; without a token as empty pages show it, with a place for one."""
    return _bundle_steps(url, token, bundles) if bundles else _python_steps(url, token)


def _bundle_steps(url: str, token: str, bundles: Sequence[Bundle]) -> tuple[JoinStep, ...]:
    text = (
        "Paste this into a shell on the rig. It fetches the Sentry from this Commander, checks its SHA-256, joins, and "
        "runs from then on at every start; it needs neither Python nor Internet."
    )
    return (JoinStep(text, install_line(bundles, url, token)),)


def _python_steps(url: str, token: str) -> tuple[JoinStep, ...]:
    join = _join(f"{_PYTHON}/bin/rigfarm", url, token) + " --install"
    return (
        JoinStep("Install the Sentry on the rig (Python 3.11 or newer, Internet)", _pip("sentry")),
        JoinStep("Join, and run from then on at every start; it says what is wrong if anything is", join),
    )


def _asic_steps(url: str, bundles: Sequence[Bundle]) -> tuple[JoinStep, ...]:
    install = install_line(bundles, url) or f"{_pip('asic')} && sudo {_PYTHON}/bin/rigfarm sentry install"
    return (
        JoinStep("There is no Sentry in the ASIC's network yet? Install one on any machine there", install),
        JoinStep("On that machine, open its page", "http://127.0.0.1:7777"),
        JoinStep("There, its Commander is", url),
        JoinStep("Add the ASIC with its IP address and the token above."),
    )


def _again(rig: Rig, url: str, token: str) -> JoinStep:
    if rig.kind == "asic":
        return JoinStep("Give it to the ASIC on the page of its Sentry:", "http://127.0.0.1:7777")
    return JoinStep("On the rig:", _join("rigfarm", url, token))


def _join(program: str, url: str, token: str) -> str:
    """The token goes in where other users of the machine cannot see it."""
    return f"echo {token} | sudo {program} sentry join {shlex.quote(url)}"


def _pip(extra: str) -> str:
    return f"sudo python3 -m venv {_PYTHON} && sudo {_PYTHON}/bin/pip install 'rigfarm[{extra}]'"
