"""What agents of Mining Rig Monitor are answered."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from msgspec import Struct

from rigfarm.common.clock import moment
from rigfarm.wire.playbooks import AssignedPlaybook
from rigfarm.wire.template import API_PORT, TemplateError, render

__all__ = ["ExpectedStatus", "PlaybookAnswer", "playbook_answer", "unsupported"]

PROGRAM = ("xmrig", "6.22.2")
"""The only one that these agents can install."""
AGENTS_PORT = "8080"
"""Stands for `$API_PORT` if a template names it: these agents choose no port."""


class ExpectedStatus(Struct, frozen=True):
    """How an ASIC and its light should be: on or off."""

    name: str
    asic_expected_status: str
    light_expected_status: str


PlaybookAnswer = Mapping[str, int | str | None]
"""A playbook as agents know it."""
_WHAT = ("coin_name", "algorithm", "wallet_address", "pool_address")
_MINED = [f"{scope}_{what}{n}" for scope, n in (("cpu", ""), ("gpu", "_1"), ("gpu", "_2")) for what in _WHAT]


def unsupported(playbook: AssignedPlaybook) -> str:
    """Why an agent can't run a playbook; empty if it can."""
    archive = playbook.archive
    if (archive.software.casefold(), archive.version.removeprefix("v")) != PROGRAM:
        return "This rig's agent can run XMRig 6.22.2 only. Install a Sentry on it to run other programs."
    try:
        _arguments(playbook)
    except TemplateError as error:
        return f"The playbook's arguments can't be made: {error}."
    return ""


def playbook_answer(playbook: AssignedPlaybook, created_ms: int, changed_ms: int) -> PlaybookAnswer:
    """A playbook that is supported. Agents restart the program when `updated_at` is another."""
    archive = playbook.archive
    name = re.sub(r"[^A-Za-z0-9]+", "_", archive.software).upper()
    version = re.sub(r"[^A-Za-z0-9]+", "_", archive.version.removeprefix("v"))
    mined: dict[str, str | None] = dict.fromkeys(_MINED)
    cards = 0
    for workload in playbook.workloads:
        cards += workload.device == "gpu"
        number = f"_{cards}" if workload.device == "gpu" else ""
        said = (workload.coin, workload.algorithm, workload.wallet, workload.pool)
        for what, value in zip(_WHAT, said, strict=True):
            if (key := f"{workload.device}_{what}{number}") in mined:
                mined[key] = value
    return {
        "id": playbook.id,
        "software_name": archive.software,
        "software_version": archive.version.removeprefix("v"),
        "command_argument": shlex.join(_arguments(playbook)),
        "module": f"Elixir.MinerProvision.{name}_{version}",
        "inserted_at": _time(created_ms),
        "updated_at": _time(changed_ms),
        **mined,
    }


def _arguments(playbook: AssignedPlaybook) -> list[str]:
    return render(playbook.template, {**playbook.variables, API_PORT: AGENTS_PORT})


def _time(ms: int) -> str:
    """ISO 8601 without a zone."""
    return moment(ms).strftime("%Y-%m-%dT%H:%M:%S")
