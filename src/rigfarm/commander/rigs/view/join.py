"""How a rig joins: the exact commands, with its token while that is shown, or a place for it afterwards."""

from __future__ import annotations

import shlex

from msgspec import Struct

from rigfarm.commander.channels import Kind
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.view.row import href

__all__ = ["JoinStep", "JoinView", "join_view"]

_NO_TOKEN = "rf_…"  # noqa: S105 - it stands for one


class JoinStep(Struct, frozen=True):
    """One command to run on the rig, and why."""

    text: str
    command: str


class JoinView(Struct, frozen=True):
    """A rig that waits. `token` is empty when it has been shown before."""

    id: int
    name: str
    kind: Kind
    href: str
    token: str
    steps: tuple[JoinStep, ...]
    reported: bool


def join_view(rig: Rig, commander_url: str, token: str = "", *, bundle: JoinStep | None = None) -> JoinView:
    """`commander_url` is how the rig reaches this Commander; `bundle` a one-line install served by the Commander."""
    steps = _asic_steps(commander_url) if rig.kind == "asic" else _rig_steps(commander_url, token or _NO_TOKEN, bundle)
    return JoinView(rig.id, rig.name, rig.kind, href(rig.kind, rig.id), token, steps, rig.first_seen_at is not None)


def _rig_steps(url: str, token: str, bundle: JoinStep | None) -> tuple[JoinStep, ...]:
    install = bundle or JoinStep("Install the Sentry (Python 3.11 or newer)", "pip install 'rigfarm[sentry]'")
    join = f"rigfarm sentry join {shlex.quote(url)} {token}"
    return (
        install,
        JoinStep("Tell it where it belongs; it says what is wrong if anything is", join),
        JoinStep("Keep it running, now and after every boot", "sudo rigfarm sentry install"),
    )


def _asic_steps(url: str) -> tuple[JoinStep, ...]:
    return (
        JoinStep("On the machine in the ASIC's network that runs the Sentry, open its page", "http://127.0.0.1:7777"),
        JoinStep("There, its Commander is", url),
        JoinStep("Add the ASIC with its IP address and the token above", "rigfarm sentry run"),
    )
