"""Plans of imports as they come of real farms: long names, many rigs, and what can't be translated."""

from __future__ import annotations

from rigfarm.commander.imports.model import SOURCES, EditRig, Line, NewRig, Plan, Result, Step
from rigfarm.commander.imports.sources.miners import why_unknown
from rigfarm.commander.imports.view import groups, outcome_of, summary, tokens

__all__ = ["done", "planned", "start"]

WALLET = "kaspa:qqh2vt55p5zsrslk33dyqyz5aqg7qmqyax4hxgp4vr0dpc9fzyzyvdxcalkks"
NOTES = [
    "Mining goes on: nothing of this is sent to a rig until you apply a playbook.",
    "Overclocking, passwords and which flight sheet a worker runs are not imported.",
]


def _lines(rigs: int) -> list[Line]:
    todo = "The file names no version. Enter it, and add its file, on the Software page."
    template = "--algo $GPU_ALGORITHM_1 --pool $GPU_POOL_1_ENDPOINT --tls $GPU_POOL_1_TLS_WORD --user ${GPU_WALLET_1}"
    some = range(7, 7 + rigs)
    return [
        Line("wallet 77", "wallet", "Main Kaspa wallet", "create", f"KAS · {WALLET}"),
        Line("wallet 78", "wallet", "Monero", "skip", why="Already there as XMR cold."),
        Line("flight sheet 4", "pool", "herominers KAS", "create", "KAS · stratum+tcp://de.kaspa.herominers.com:1206"),
        Line("flight sheet 4", "software", "lolMiner unknown-version", "create", "without its file", warnings=[todo]),
        Line("flight sheet 4", "playbook", "Kaspa at HeroMiners, all halls", "create", f"lolMiner · KAS · {template}"),
        Line("flight sheet 5", "playbook", "Old Ergo", "refuse", why=why_unknown("nbminer", "")),
        Line("worker 6", "rig", "antminer-17", "change", "name antminer-17 → A-01; place none → hall-1"),
        *(Line(f"worker {n}", "rig", f"gpu-{n:03}", "create", f"CPU/GPU rig · 10.0.0.{n % 250}") for n in some),
    ]  # fmt: skip


def _plan(rigs: int) -> Plan:
    lines = _lines(rigs)
    steps: dict[int, Step] = {}
    for number, line in enumerate(lines):
        if line.outcome in ("create", "change"):
            new = NewRig(line.name, "cpu-gpu" if number % 2 else "asic", "10.0.0.1", "", ())
            steps[number] = new if line.outcome == "create" else EditRig(1, line.name, "", (), "A-01", "hall-1", ())
    return Plan("hiveos", NOTES, lines, steps)


def start(error: str = "") -> dict[str, object]:
    """Where files are chosen."""
    return {"sources": SOURCES, "source": "", "texts": [], "plan": None, "new_rigs": True, "error": error, "active": ""}


def planned(rigs: int = 5, error: str = "") -> dict[str, object]:
    """A plan."""
    plan = _plan(rigs)
    return start(error) | {"plan": plan, "groups": groups(plan), "summary": summary(plan), "texts": ["{}"]}


def done() -> dict[str, object]:
    """What became of it: one rig failed."""
    plan = _plan(5)
    results = {number: Result(True, href="/rigs/1", token=f"rf_{number:08}") for number in plan.steps}
    results[0] = Result(False, error="It could not be stored: check the Commander's disk, then import again.")
    return {"groups": outcome_of(plan, results), "tokens": tokens(plan, results), "plan": plan, "active": ""}
