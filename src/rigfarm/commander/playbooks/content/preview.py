"""A revision as one rig is sent it: complete, so that it mines on from it when it boots without its Commander."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

from rigfarm.commander.playbooks.content.placeholders import values_for
from rigfarm.commander.playbooks.model import PlaybookContent, WorkloadPlan
from rigfarm.wire.playbooks import Archive, AssignedPlaybook, AssignedWorkload
from rigfarm.wire.template import API_PORT, TemplateError, arguments, missing, placeholders

__all__ = ["EXAMPLE_PORT", "argument_preview", "playbook_for", "why_not"]

EXAMPLE_PORT = 4067
"""Stands for the port that the rig will choose, where arguments are shown."""
_NO_ARCHIVE = Archive("", "", "", 0, "", "executable", "")


def playbook_for(
    content: PlaybookContent,
    rig_name: str,
    variables: Mapping[str, str],
    *,
    id: int = 0,
    revision: int = 0,
    wanted: Literal["running", "stopped"] = "running",
    restart: int = 0,
) -> AssignedPlaybook:
    """As a rig is sent it: fields of the same name go as they are, and only values that its templates use."""
    values = values_for(content, rig_name, variables)
    used = _used(content.template, content.software.api_arguments)
    same = {name: value for name, value in content.fields.items() if name in AssignedPlaybook.__struct_fields__}
    same |= {
        "variables": {name: values[name] for name in used if name in values},
        "run_as": content.run_as or None,
    }
    return AssignedPlaybook(
        **same,  # type: ignore[arg-type]  # fields of the same name
        id=id,
        revision=revision,
        archive=content.software.archive or _NO_ARCHIVE,
        adapter=content.software.adapter,
        api_arguments=content.software.api_arguments,
        workloads=[_workload(plan) for plan in content.workloads],
        wanted=wanted,
        restart=restart,
    )


def argument_preview(content: PlaybookContent, rig_name: str, variables: Mapping[str, str]) -> list[str]:
    """The program's arguments on a rig, with EXAMPLE_PORT for the port. TemplateError says what is missing."""
    return arguments(playbook_for(content, rig_name, variables), EXAMPLE_PORT)


def why_not(content: PlaybookContent, rig_name: str, variables: Mapping[str, str]) -> str:
    """Why a rig cannot run it, for a person; empty when it can."""
    try:
        argument_preview(content, rig_name, variables)
    except TemplateError as error:
        names = _without_value(content, rig_name, variables)
        if names:
            return f"it has no value for {', '.join(f'${name}' for name in names)}: give it one on its page"
        return str(error).removesuffix(".")
    return ""


def _without_value(content: PlaybookContent, rig_name: str, variables: Mapping[str, str]) -> list[str]:
    try:
        return missing(content.template, {**values_for(content, rig_name, variables), API_PORT: str(EXAMPLE_PORT)})
    except TemplateError:
        return []


@lru_cache(maxsize=1024)
def _used(template: str, api_arguments: str) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(placeholders(template) + placeholders(api_arguments)))
    except TemplateError:
        return ()  # such a template cannot be saved; were it in the database, the rig would say what is wrong


def _workload(plan: WorkloadPlan) -> AssignedWorkload:
    return AssignedWorkload(
        coin=plan.coin,
        algorithm=plan.algorithm or None,
        device="cpu" if plan.slot == "cpu" else "gpu",
        pool=None if plan.pool is None else plan.pool.urls[0],
        wallet=None if plan.wallet is None else plan.wallet.wallet,
    )
