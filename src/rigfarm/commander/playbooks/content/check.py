"""From what an operator typed to a revision's content, or to a text beside each field that cannot be right."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Protocol

from rigfarm import units
from rigfarm.commander.addresses import Address
from rigfarm.commander.fields import judged
from rigfarm.commander.mining_software import Software
from rigfarm.commander.playbooks.content import supervision
from rigfarm.commander.playbooks.content.form import PlaybookForm, WorkloadForm
from rigfarm.commander.playbooks.content.placeholders import known_placeholders, slot_of, values_for
from rigfarm.commander.playbooks.model import (
    SLOTS,
    PlaybookContent,
    PoolRef,
    Slot,
    SoftwareRef,
    WalletRef,
    WorkloadPlan,
)
from rigfarm.commander.refusals import Absent, Invalid
from rigfarm.wire.template import API_PORT, TemplateError, missing, placeholders

__all__ = ["Entries", "Programs", "content_of", "draft_of", "slots_of", "software_ref", "without_value"]

MAX_EXPLAINED = 5
"""Placeholders without a value of which a person is told why: what each may have been meant for takes long to find."""
_COIN = re.compile(r"[A-Z0-9][A-Z0-9._+-]{0,15}")
_ALGORITHM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+:-]{0,63}")


class Entries(Protocol):
    """The address book, or what it would be."""

    @property
    def addresses(self) -> Mapping[int, Address]:
        """By id."""


class Programs(Protocol):
    """The mining software, or what it would be."""

    def get(self, software_id: int) -> Software:
        """The version, or Absent."""


def content_of(form: PlaybookForm, addresses: Entries, software: Programs) -> PlaybookContent:
    """The form as a revision's content. Invalid has a text for each field, and names each placeholder without value."""
    content, wrong = draft_of(form, addresses, software)
    if wrong:
        raise Invalid.of(wrong)
    return content


def draft_of(form: PlaybookForm, addresses: Entries, software: Programs) -> tuple[PlaybookContent, dict[str, str]]:
    """The content as far as it goes, and what is wrong by field: for a preview while an operator types."""
    values, wrong = judged(form)
    wrong |= supervision.check(form.supervision)
    program: Software | None = None
    try:
        program = software.get(form.software_id)
    except Absent:
        wrong["software_id"] = "Choose a mining program; add one on the software page if there is none."
    workloads = _workloads(form.workloads, addresses, wrong)
    content = PlaybookContent(
        **form.fields | values,  # type: ignore[arg-type]  # fields of the base, by name
        software=software_ref(program) if program is not None else _NO_SOFTWARE,
        workloads=workloads,
    )
    taken = next((name for name in content.variables if name in known_placeholders()), None)
    if taken is not None:
        wrong["variables"] = f"${taken} is filled in by Rigfarm: choose another name."
    if program is not None:
        wrong |= {f"{one.slot}_coin": why for one in workloads if (why := _why_not_with(one.slot, program))}
    _check_template(content, wrong)
    return content, wrong


_NO_SOFTWARE = SoftwareRef(0, "", "", "", "")


def software_ref(software: Software) -> SoftwareRef:
    """A version as revisions refer to it."""
    form = software.form
    return SoftwareRef(software.id, form.name, form.version, form.adapter, form.api_arguments, software.archive())


def without_value(content: PlaybookContent, names: list[str]) -> str:
    """Why these placeholders have no value, and what to do about it; of many, the first few."""
    more = len(names) - MAX_EXPLAINED
    return " ".join(
        [
            *(_why(content, name) for name in names[:MAX_EXPLAINED]),
            *([f"{units.count(more)} more placeholders have no value."] if more > 0 else []),
        ]
    )


def _why(content: PlaybookContent, name: str) -> str:
    slot = slot_of(name)
    if slot is not None:
        workload = content.workload(slot)
        if workload is None:
            return f"${name} has no value: nothing is mined with {_TITLES[slot]}."
        what = "a wallet" if "WALLET" in name else "a pool" if "POOL" in name else "an algorithm"
        return f"${name} has no value: choose {what} for {_TITLES[slot]}."
    close = difflib.get_close_matches(name, known_placeholders(), 1, cutoff=0.8)
    meant = f" Did you mean ${close[0]}?" if close else ""
    return (
        f"${name} has no value: it is not one of Rigfarm's placeholders.{meant} "
        "Add it to the variables below; leave its value empty there if every rig has its own."
    )


_TITLES: dict[Slot, str] = {"cpu": "the CPU", "gpu1": "the GPUs", "gpu2": "the GPUs' second algorithm"}


def _workloads(forms: list[WorkloadForm], addresses: Entries, wrong: dict[str, str]) -> list[WorkloadPlan]:
    plans: dict[Slot, WorkloadPlan] = {}
    for form in forms:
        slot = form.slot
        if slot in plans:
            wrong[f"{slot}_coin"] = "This workload is listed twice."
        coin, algorithm = form.coin.strip().upper(), form.algorithm.strip()
        if not _COIN.fullmatch(coin):
            wrong[f"{slot}_coin"] = "Enter the coin's ticker, for example XMR."
        if algorithm and not _ALGORITHM.fullmatch(algorithm):
            wrong[f"{slot}_algorithm"] = "Enter the algorithm as the mining program calls it, for example rx/0."
        pool: PoolRef | None = None
        wallet: WalletRef | None = None
        if form.pool_id is not None:
            entry = addresses.addresses.get(form.pool_id)
            if entry is None or entry.kind != "pool":
                wrong[f"{slot}_pool"] = "This pool is no longer in the address book: choose another."
            else:
                pool = PoolRef(entry.id, entry.name, entry.urls)
        if form.wallet_id is not None:
            entry = addresses.addresses.get(form.wallet_id)
            if entry is None or entry.kind != "wallet":
                wrong[f"{slot}_wallet"] = "This wallet is no longer in the address book: choose another."
            else:
                wallet = WalletRef(entry.id, entry.name, entry.wallet)
        plans[slot] = WorkloadPlan(slot, coin, algorithm, pool, wallet)
    if not plans:
        wrong["cpu_coin"] = "Say what to mine: enter a coin for the CPU or for the GPUs."
    if "gpu2" in plans and "gpu1" not in plans:
        wrong["gpu1_coin"] = "A second algorithm needs a first one: enter that, too."
    return [plans[slot] for slot in SLOTS if slot in plans]


def slots_of(program: Software | None) -> list[Slot]:
    """What the program mines with; all that there is while none is chosen."""
    return [slot for slot in SLOTS if program is None or not _why_not_with(slot, program)]


def _why_not_with(slot: Slot, program: Software) -> str:
    form = program.form
    if form.devices not in ("both", "cpu" if slot == "cpu" else "gpu"):
        return f"{form.name} does not mine with {_TITLES[slot]}."
    if slot == "gpu2" and not form.dual:
        return f"{form.name} cannot mine two coins at once: see its entry on the software page."
    return ""


def _check_template(content: PlaybookContent, wrong: dict[str, str]) -> None:
    """Every placeholder must have a value here, or be one that every rig brings along."""
    try:
        names = placeholders(content.template)
        if not names:
            wrong["template"] = "The template uses no placeholder: at least wallet and pool should come from this page."
            return
        values = values_for(content, "rig", {}) | dict.fromkeys(content.variables, "x") | {API_PORT: "4000"}
        if absent := missing(content.template, values):
            wrong["template"] = without_value(content, absent)
    except TemplateError as error:
        text = str(error)
        wrong["template"] = f"{text[0].upper()}{text[1:]}."
