"""An update of Sentries in stages: a few rigs first, then the rest in waves. It stops by itself when one fails."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from rigfarm.commander.bundle import Bundle
from rigfarm.commander.numbers import Number
from rigfarm.commander.rigs.model import Rig
from rigfarm.common.versions import is_older
from rigfarm.wire.commands import UpdateSentry

__all__ = [
    "MAX_AT_ONCE",
    "OnRig",
    "OnRigState",
    "Plan",
    "SentryUpdate",
    "UpdateForm",
    "UpdateState",
    "offer_for",
    "why_not",
]

MAX_AT_ONCE = 1_000
UpdateState = Literal["running", "done", "stopped", "aborted"]
"""stopped: by itself · aborted: by an operator."""
OnRigState = Literal["waiting", "sent", "updated", "failed", "refused", "not-sent"]
"""refused: it cannot be updated · not-sent: it was away, or the update ended first."""


class UpdateForm(Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator decides about an update."""

    first: Annotated[int, Meta(ge=1, le=MAX_AT_ONCE)] = 1
    """So many rigs begin; the others wait until these mine as before."""
    at_once: Annotated[int, Meta(ge=1, le=MAX_AT_ONCE)] = 10
    """So many of the others at once."""
    downgrade: bool = False
    """Also where the Sentry that runs is newer than the one that is offered."""


class Plan(Struct, frozen=True):
    """What was decided at the beginning."""

    form: UpdateForm
    waves: list[list[int]]
    """Rigs, in turn."""
    sentries: dict[str, UpdateSentry]
    """By machine."""


class OnRig(Struct):
    """How it goes on one rig."""

    machine: str = ""
    state: OnRigState = "waiting"
    detail: str = ""
    command: str = ""
    sent_ms: int = 0
    done_ms: int = 0
    """When its Sentry said that it is updated; 0: not yet."""
    settled_s: float = 0.0
    """How long the new Sentry has run with all programs as before."""
    programs: dict[int, int] = {}
    """What ran when it was sent: playbook and process id."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state not in ("waiting", "sent")


class SentryUpdate(Struct):
    """One update. Times are UTC milliseconds."""

    id: int
    state: UpdateState
    plan: Plan
    rigs: dict[Number, OnRig]
    detail: str
    created_at: int
    finished_at: int | None = None

    @property
    def wave(self) -> int | None:
        """The position of the wave that is under way; None: all are over."""
        return next(
            (n for n, wave in enumerate(self.plan.waves) if any(not self.rigs[one].ended for one in wave)), None
        )

    @property
    def version(self) -> str:
        """For people: `0.3.0`, or several."""
        return ", ".join(sorted({one.version for one in self.plan.sentries.values()}))


def offer_for(rig: Rig, offered: tuple[Bundle, ...]) -> Bundle | None:
    """The Sentry that the Commander has for the machine on which this rig's runs."""
    machine = rig.specs.sentry_machine if rig.specs is not None else None
    return next((one for one in offered if one.machine == machine), None)


def why_not(rig: Rig, offered: tuple[Bundle, ...], *, downgrade: bool) -> str:
    """Why this rig's Sentry cannot be updated, in words; empty when it can."""
    specs, offer = rig.specs, offer_for(rig, offered)
    if specs is None:
        return "It has never reported."
    if specs.sentry_updates is None:
        return f"Its Sentry, {specs.sentry_version}, cannot be updated from here: paste the line of New rig once more."
    if specs.sentry_updates == "off":
        return 'Its sentry.toml forbids it (`updates = "off"`).'
    if specs.sentry_updates == "not-a-bundle":
        return "Its Sentry was not installed by the line of New rig: update it where it was installed from."
    if offer is None:
        return f"The Commander has no Sentry for {specs.sentry_machine}."
    if offer.version == specs.sentry_version:
        return f"It already runs Sentry {offer.version}."
    if is_older(offer.version, specs.sentry_version) and not downgrade:
        return f"It runs Sentry {specs.sentry_version}, and the Commander has {offer.version}, which is older."
    return ""
