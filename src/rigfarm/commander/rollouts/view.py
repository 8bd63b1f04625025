"""What is shown of roll-outs: on their page, and on their playbook's."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import Environment
from msgspec import Struct

from rigfarm.commander.assignments.actions import Assignments
from rigfarm.commander.playbooks.model import Playbook
from rigfarm.commander.playbooks.view import Section
from rigfarm.commander.rollouts.actions import Rollouts
from rigfarm.commander.rollouts.model import Before, Rollout
from rigfarm.units import duration, hashrate, percent

__all__ = ["RolloutView", "rollout_view", "section"]


class Compared(Struct, frozen=True):
    """One coin on one first rig: before and now."""

    rig_name: str
    coin: str
    before: str
    now: str
    rejects_before: str
    rejects_now: str


class RolloutView(Struct, frozen=True):
    """A roll-out and its stages."""

    rollout: Rollout
    playbook_name: str
    first: list[tuple[int, str]]
    """(id, name) of the rigs that come first."""
    rest: int
    compared: list[Compared]
    watched: str
    watch: str
    stages: list[tuple[str, str]]
    """(words, how it looks: past, now, bad or nothing)."""


def section(templates: Environment, assignments: Assignments, rollouts: Rollouts) -> Section:
    """The roll-out under way on its playbook's page; the latest, as long as it was of the newest revision."""
    template = templates.get_template("rollout_section.html")

    async def html(playbook: Playbook, _: Mapping[str, str], csrf: str) -> str:
        latest = await rollouts.latest(playbook.id)
        if latest is None or (latest.ended and latest.plan.revision != playbook.revision):
            return ""
        return template.render(rollout=rollout_view(latest, assignments))

    return html


def rollout_view(rollout: Rollout, assignments: Assignments) -> RolloutView:
    """A roll-out as its page shows it."""
    rigs = assignments.rigs.rigs
    first = [(rig_id, rigs[rig_id].name if rig_id in rigs else f"rig {rig_id}") for rig_id in rollout.plan.first]
    playbook = assignments.playbooks.playbooks.get(rollout.playbook_id)
    return RolloutView(
        rollout=rollout,
        playbook_name=playbook.name if playbook is not None else f"playbook {rollout.playbook_id}",
        first=first,
        rest=len(rollout.plan.rest),
        compared=[_compared(rollout, rig_id, name, coin) for rig_id, name in first for coin in _coins(rollout, rig_id)],
        watched=duration(rollout.progress.watched_s),
        watch=duration(rollout.plan.watch_s),
        stages=_stages(rollout, [name for _, name in first]),
    )


def _coins(rollout: Rollout, rig_id: int) -> list[str]:
    seen: Mapping[str, object] = rollout.progress.seen.get(rig_id, {})
    return sorted({*rollout.plan.before.get(rig_id, {}), *seen})


def _compared(rollout: Rollout, rig_id: int, name: str, coin: str) -> Compared:
    before = rollout.plan.before.get(rig_id, {}).get(coin, Before())
    seen = rollout.progress.seen.get(rig_id, {}).get(coin)
    return Compared(
        rig_name=name,
        coin=coin,
        before=str(hashrate(before.hashrate)),
        now=str(hashrate(None if seen is None else seen.hashrate)),
        rejects_before=str(percent(before.rejects)),
        rejects_now=str(percent(None if seen is None else seen.rejects)),
    )


_STAGES = {"applying": 0, "starting": 0, "watching": 1, "spreading": 2, "done": 3}


def _stages(rollout: Rollout, first: list[str]) -> list[tuple[str, str]]:
    who = first[0] if len(first) == 1 else f"{len(first)} rigs"
    words = [f"{who} starts", f"watched for {duration(rollout.plan.watch_s)}", f"{len(rollout.plan.rest)} more", "done"]
    at = _STAGES.get(rollout.state)
    if at is None:
        reached = 1 if rollout.progress.watched_s else 0
        looks = ["past" if n < reached else "bad" if n == reached else "" for n in range(4)]
    elif rollout.state == "done":
        looks = ["past"] * 4
    else:
        looks = ["past" if n < at else "now" if n == at else "" for n in range(4)]
    return list(zip(words, looks, strict=True))
