"""Made-up entries of the activity: every kind of actor and result, hostile and long names, one thing and many."""

from __future__ import annotations

from rigfarm.commander.activity.model import Entry, draft_of
from rigfarm.commander.changes import Actor, Change, Outcome

__all__ = ["entries"]

_KIM = Actor("session", "Kim's phone", "0123abcd Firefox on Android")
_WALLET = "48edfHu7V9Z84YzzMa6fUueoELZ9ZRXq9VetWzYGzKt52XU5xvqgzYnDK9URnRoJMk1j8nLwEVsaSWJ4fhdUyZijBGUicoD"


def _change(
    who: Actor, address: str, did: str, action: str, outcome: Outcome = "changed", result: str = "200"
) -> Change:
    change = Change(did, address, who)
    change.action, change.outcome, change.result = action, outcome, result
    return change


def _changes() -> list[Change]:
    renamed = _change(_KIM, "192.168.1.23", "POST /rigs/{rig_id}/name", "rename rig")
    renamed.compared, renamed.targets = {"name": ("rig-04", "rig-07")}, {"rig": {7: "rig-07"}}
    pools = _change(_KIM, "192.168.1.23", "POST /commands", "command: set pools")
    pools.compared = {"pools": ("north.pool.test:3333", "south.pool.test:3333")}
    pools.targets = {"rig": {number: f"asic-{number:03}" for number in range(1, 213)}}
    wallet = _change(Actor("api-key", "night script"), "2001:db8::17", "PATCH /api/addresses/{id}", "change address")
    wallet.compared = {"Wallet": (_WALLET, _WALLET[::-1]), "Name": ("cold", "cold 2"), "Coin": ("XMR", "ZEPH")}
    wallet.targets = {"address": {3: "cold"}}
    commander, stranger = Actor("commander", "Commander"), Actor("stranger", "a browser without a session")
    stopped = _change(commander, "this machine", "roll-outs", "stop roll-out", "changed", "stopped")
    stopped.facts = {"why": "Worse than before. rig-03 lost 14 % of its hashrate."}
    stopped.targets = {"playbook": {2: "XMR on everything"}, "rig": {3: "rig-03", 4: "rig-04"}}
    refused = _change(stranger, "203.0.113.9", "POST /login", "log in", "refused", "401")
    desk = Actor("session", "Chrome on Windows", "9f86d081 Chrome on Windows")
    failed = _change(desk, "10.0.0.4", "POST /rigs", "create rigs", "failed", "500")
    here = "this machine, user 0, process 4711"
    made = _change(Actor("command", "command"), here, "create-key", "create API key", "changed", "done")
    made.targets, made.facts = {"key": {4: "grafana"}}, {"scopes": "read", "key": "grafana"}
    hostile = _change(Actor("enrolment-key", "=cmd|' /c calc'!A0<b>"), "198.51.100.1", "POST /api/enrol", "enrol rigs")
    hostile.targets = {"rig": {8: "\u202egnimocni" + "W" * 54, 9: "<script>alert(1)</script>"}}
    sentry, did = Actor("sentry", "unknown Sentry"), "connect with an unknown token"
    unknown = _change(sentry, "192.168.1.77", "link", did, "refused", "unknown token")
    return [renamed, pools, wallet, stopped, refused, failed, made, hostile, unknown]


def entries(now_ms: int, number: int) -> list[Entry]:
    """So many, the newest first."""
    changes = _changes()
    return [
        Entry(number - at, draft_of(changes[at % len(changes)], now_ms - at * at * 9_000), bytes([at % 256]) * 32)
        for at in range(number)
    ]
