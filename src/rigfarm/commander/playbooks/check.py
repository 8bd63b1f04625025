"""From what an operator typed to a revision's content, or to a text beside each field that cannot be right."""

from __future__ import annotations

import difflib
import re

from rigfarm.commander.addresses import AddressBook
from rigfarm.commander.mining_software import Software, SoftwareBook
from rigfarm.commander.names import clean_line, clean_name
from rigfarm.commander.playbooks.form import PlaybookForm, WorkloadForm
from rigfarm.commander.playbooks.model import (
    SLOTS,
    PlaybookContent,
    PoolRef,
    Slot,
    SoftwareRef,
    WalletRef,
    WorkloadPlan,
)
from rigfarm.commander.playbooks.placeholders import known_placeholders, slot_of, values_for
from rigfarm.commander.refusals import Absent, Invalid
from rigfarm.wire.playbooks import Supervision
from rigfarm.wire.template import API_PORT, TemplateError, missing, placeholders

__all__ = ["content_of", "draft_of", "software_ref", "without_value"]

_PCI = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_COIN = re.compile(r"[A-Z0-9][A-Z0-9._+-]{0,15}")
_ALGORITHM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+:-]{0,63}")
MAX_VARIABLES = 50
MAX_VALUE = 500
MAX_DEVICES = 64
MAX_CPUS = 1024


def content_of(form: PlaybookForm, addresses: AddressBook, software: SoftwareBook) -> PlaybookContent:
    """The form as a revision's content. Invalid has a text for each field, and names each placeholder without value."""
    content, wrong = draft_of(form, addresses, software)
    if wrong:
        raise Invalid.of(wrong)
    return content


def draft_of(
    form: PlaybookForm, addresses: AddressBook, software: SoftwareBook
) -> tuple[PlaybookContent, dict[str, str]]:
    """The content as far as it goes, and what is wrong by field: for a preview while somebody types."""
    wrong: dict[str, str] = {}

    def take(error: Invalid | Absent, field: str) -> None:
        wrong.update(error.fields or {field: str(error)})

    program: Software | None = None
    name = ""
    try:
        name = clean_name(form.name, "A playbook", "XMR on all CPUs")
    except Invalid as error:
        take(error, "name")
    try:
        program = software.get(form.software_id)
    except Absent:
        wrong["software_id"] = "Choose a mining program; add one on the software page if there is none."
    workloads = _workloads(form.workloads, addresses, wrong)
    devices = _devices(form.devices, wrong)
    variables = _variables(form.variables, wrong)
    _check_running(form, wrong)
    _check_supervision(form.supervision, wrong)
    if program is not None:
        _check_devices_of(program, workloads, wrong)
    content = PlaybookContent(
        name=name,
        software=software_ref(program) if program is not None else _NO_SOFTWARE,
        template="\n".join(line.rstrip() for line in form.template.strip().splitlines()),
        workloads=workloads,
        devices=devices,
        variables=variables,
        supervision=form.supervision,
        nice=form.nice,
        affinity=sorted(set(form.affinity)),
        run_as=form.run_as.strip() or None,
    )
    _check_template(content, wrong)
    return content, wrong


_NO_SOFTWARE = SoftwareRef(0, "", "", "", "")


def software_ref(software: Software) -> SoftwareRef:
    """A version as revisions refer to it."""
    form = software.form
    return SoftwareRef(software.id, form.name, form.version, form.adapter, form.api_arguments, software.archive())


def without_value(content: PlaybookContent, names: list[str]) -> str:
    """Why each of these placeholders has no value, and what to do about it."""
    return " ".join(_why(content, name) for name in names)


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
        f"${name} has no value: it is none of Rigfarm's placeholders.{meant} "
        "Add it to the variables below; leave its value empty there if every rig has its own."
    )


_TITLES: dict[Slot, str] = {"cpu": "the CPU", "gpu1": "the GPUs", "gpu2": "the GPUs' second algorithm"}


def _workloads(forms: list[WorkloadForm], addresses: AddressBook, wrong: dict[str, str]) -> list[WorkloadPlan]:
    plans: dict[Slot, WorkloadPlan] = {}
    for form in forms:
        slot = form.slot
        if slot in plans:
            wrong[f"{slot}_coin"] = "This workload is there twice."
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
        wrong["gpu1_coin"] = "The second algorithm comes beside a first one: enter that, too."
    return [plans[slot] for slot in SLOTS if slot in plans]


def _devices(lines: list[str], wrong: dict[str, str]) -> list[str]:
    devices = list(dict.fromkeys(line.strip().lower() for line in lines if line.strip()))
    bad = next((one for one in devices if not _PCI.fullmatch(one)), None)
    if bad is not None:
        wrong["devices"] = f"{bad[:40]!r} is no PCI address: expected for example 0000:01:00.0."
    if len(devices) > MAX_DEVICES:
        wrong["devices"] = f"At most {MAX_DEVICES} devices."
    return devices


def _variables(given: dict[str, str], wrong: dict[str, str]) -> dict[str, str]:
    variables: dict[str, str] = {}
    for name, value in given.items():
        name = name.strip().removeprefix("$").upper()
        if not _VARIABLE.fullmatch(name):
            wrong["variables"] = f"{name[:40]!r} is no variable's name: capitals, digits and _, for example $THREADS."
        elif name in known_placeholders():
            wrong["variables"] = f"${name} is filled in by Rigfarm: choose another name."
        else:
            try:
                variables[name] = clean_line(value, "variables", f"The value of ${name}", MAX_VALUE)
            except Invalid as error:
                wrong |= error.fields
    if len(variables) > MAX_VARIABLES:
        wrong["variables"] = f"At most {MAX_VARIABLES} variables."
    return variables


def _check_running(form: PlaybookForm, wrong: dict[str, str]) -> None:
    if form.nice is not None and not -20 <= form.nice <= 19:
        wrong["nice"] = "Niceness is from -20 (first) to 19 (last)."
    if any(not 0 <= cpu < MAX_CPUS for cpu in form.affinity):
        wrong["affinity"] = f"CPUs are numbered from 0 to {MAX_CPUS - 1}."
    if form.run_as.strip() and not _USER.fullmatch(form.run_as.strip()):
        wrong["run_as"] = "Enter a user's name on the rig, for example miner."


def _check_supervision(supervision: Supervision, wrong: dict[str, str]) -> None:
    limits = {
        "stall_s": (30, 86_400),
        "low_fraction": (0, 0.99),
        "backoff_first_s": (0.1, 3600),
        "backoff_max_s": (1, 86_400),
        "restarts_per_hour": (1, 600),
        "reboot_after_failures": (0, 100),
        "reboots_per_day": (0, 72),
    }
    for field, (least, most) in limits.items():
        value = getattr(supervision, field)
        if not least <= value <= most:
            wrong[field] = f"Expected {least} to {most}."
    if supervision.reboot_after_failures and not supervision.reboots_per_day:
        wrong["reboots_per_day"] = "How many reboots a day are allowed? 0 means none."


def _check_devices_of(program: Software, workloads: list[WorkloadPlan], wrong: dict[str, str]) -> None:
    form = program.form
    for workload in workloads:
        kind = "cpu" if workload.slot == "cpu" else "gpu"
        if form.devices not in ("both", kind):
            wrong[f"{workload.slot}_coin"] = f"{form.name} does not mine with {_TITLES[workload.slot]}."
        elif workload.slot == "gpu2" and not form.dual:
            wrong["gpu2_coin"] = f"{form.name} does not mine two coins at once, says its entry on the software page."


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
