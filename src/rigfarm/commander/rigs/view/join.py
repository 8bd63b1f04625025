"""How a rig joins: the exact commands, with its token while that is shown, or a place for it afterwards."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from rigfarm.commander.bundle import Bundle, install_line
from rigfarm.commander.join_address import JoinAddress
from rigfarm.commander.kinds import KINDS, KindName
from rigfarm.commander.rigs.model import Rig

__all__ = ["JoinStep", "JoinView", "join_steps", "join_view"]

_NO_TOKEN = "rf_…"  # noqa: S105 - it stands for one


class JoinStep(Struct, frozen=True):
    """What to do, and the command that does it, if one does."""

    text: str
    command: str = ""


_PASTE = (
    "Paste this into a shell on the rig. It fetches the Sentry from this Commander, checks its SHA-256, "
    "joins, and installs it as a service. The rig doesn't need the Internet."
)
_NO_SENTRY = JoinStep(
    "This Commander has no Sentry to hand to rigs. Build one in the checkout that Rigfarm was installed from, copy "
    "dist/rigfarm-sentry-* to the folder bundles in the Commander's data folder, and reload this page. If a token is "
    "shown here, copy it first.",
    "make bundle",
)


class JoinView(Struct, frozen=True):
    """A rig that waits. `token` is empty when it has been shown before."""

    id: int
    name: str
    kind: KindName
    href: str
    token: str
    steps: tuple[JoinStep, ...]
    again: JoinStep
    """For a machine that has joined before and gets another token."""
    rotated: bool
    """It has reported before, and waits for its new token."""
    reported: bool


def join_view(rig: Rig, address: JoinAddress, token: str = "", bundles: Sequence[Bundle] = ()) -> JoinView:
    """`address` is how the rig reaches this Commander; `bundles` the Sentries it has for rigs."""
    shown = token or _NO_TOKEN
    steps = join_steps(rig.kind, address, bundles, shown)
    again = _again(rig, address, shown)
    seen = rig.first_seen_at is not None
    return JoinView(
        rig.id,
        rig.name,
        rig.kind,
        rig.href,
        token,
        steps,
        again,
        rotated=seen and rig.token_due,
        reported=seen and not rig.token_due,
    )


def join_steps(
    kind: KindName, address: JoinAddress, bundles: Sequence[Bundle], token: str = _NO_TOKEN
) -> tuple[JoinStep, ...]:
    """From a machine without a Sentry to a rig that reports. Empty pages show the steps with a place for the token."""
    if not KINDS[kind].runs_programs:
        return _asic_steps(address, bundles)
    if bundles:
        return (JoinStep(_PASTE, install_line(bundles, address, token)),)
    joins = f"{_join('rigfarm', address, token)} --install"
    return (_NO_SENTRY, JoinStep("Or, if the rig already has a Sentry, run this on it:", joins))


def _asic_steps(address: JoinAddress, bundles: Sequence[Bundle]) -> tuple[JoinStep, ...]:
    text = "No Sentry in the ASIC's network yet? Install one on any machine there:"
    return (
        JoinStep(text, install_line(bundles, address)) if bundles else _NO_SENTRY,
        JoinStep(
            "On that machine, open the Sentry's page, and log in with the code that sudo rigfarm sentry code prints:",
            "http://127.0.0.1:7777",
        ),
        JoinStep(
            "Add the ASIC there, with its IP address, this rig's token and the Commander's address:", address.text
        ),
    )


def _again(rig: Rig, address: JoinAddress, token: str) -> JoinStep:
    if not rig.of.runs_programs:
        return JoinStep("Enter it for the ASIC on its Sentry's page:", "http://127.0.0.1:7777")
    return JoinStep("On the rig:", _join("rigfarm", address, token))


def _join(program: str, address: JoinAddress, token: str) -> str:
    """The token goes in where other users of the machine cannot see it."""
    return f"echo {token} | sudo {program} sentry join {address.arguments}"
