"""A playbook as a form of a page sends it: text in every field, kept as typed until all of it can be understood."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from rigfarm.commander.addresses import AddressBook
from rigfarm.commander.numbers import number
from rigfarm.commander.playbooks.form import PlaybookForm, WorkloadForm
from rigfarm.commander.playbooks.model import SLOTS
from rigfarm.commander.refusals import Invalid
from rigfarm.wire.playbooks import Supervision

__all__ = ["TypedPlaybook", "typed_of"]

_NUMBERS: dict[str, type[int] | type[float]] = {
    "stall_s": float,
    "low_fraction": float,
    "backoff_first_s": float,
    "backoff_max_s": float,
    "restarts_per_hour": int,
    "reboot_after_failures": int,
    "reboots_per_day": int,
}
MAX_CPUS = 1024
_N = TypeVar("_N", int, float)
_D = TypeVar("_D")


class TypedPlaybook(Struct, frozen=True):
    """Field name -> what stands in it."""

    fields: Mapping[str, str]

    def get(self, name: str) -> str:
        """What was typed; empty when nothing was."""
        return self.fields.get(name, "")

    def form(self, addresses: AddressBook) -> PlaybookForm:
        """What it means. Invalid has a text for each field that means nothing."""
        form, wrong = self.draft(addresses)
        if wrong:
            raise Invalid.of(wrong)
        return form

    def draft(self, addresses: AddressBook) -> tuple[PlaybookForm, dict[str, str]]:
        """What it means as far as it goes, and what means nothing."""
        wrong: dict[str, str] = {}
        form = PlaybookForm(
            name=self.get("name"),
            software_id=self._number("software_id", int, 0, wrong),
            template=self.get("template").replace("\r\n", "\n"),
            workloads=self._workloads(addresses),
            devices=self.get("devices").replace(",", "\n").split(),
            variables=self._variables(wrong),
            supervision=self._supervision(wrong),
            nice=self._number("nice", int, None, wrong),
            affinity=self._affinity(wrong),
            run_as=self.get("run_as"),
        )
        return form, wrong

    def _workloads(self, addresses: AddressBook) -> list[WorkloadForm]:
        found: list[WorkloadForm] = []
        for slot in SLOTS:
            coin, algorithm = self.get(f"{slot}_coin").strip(), self.get(f"{slot}_algorithm").strip()
            pool, wallet = (number(self.get(f"{slot}_{what}")) for what in ("pool", "wallet"))
            if not (coin or algorithm or pool or wallet):
                continue
            if not coin:
                entry = addresses.addresses.get(wallet or pool or 0)
                coin = entry.coin if entry is not None else ""
            found.append(WorkloadForm(slot, coin, algorithm, pool, wallet))
        return found

    def _variables(self, wrong: dict[str, str]) -> dict[str, str]:
        variables: dict[str, str] = {}
        for line in self.get("variables").splitlines():
            name, _, value = line.partition("=")
            if not line.strip():
                continue
            if name.strip() in variables:
                wrong["variables"] = f"{name.strip()} is there twice."
            variables[name.strip()] = value.strip()
        return variables

    def _supervision(self, wrong: dict[str, str]) -> Supervision:
        supervision = Supervision()
        for name, kind in _NUMBERS.items():
            if self.get(name).strip():
                value = self._number(name, kind, getattr(supervision, name), wrong)
                supervision = replace(supervision, **{name: value})
        return supervision

    def _affinity(self, wrong: dict[str, str]) -> list[int]:
        """`0-3,8` -> 0, 1, 2, 3, 8."""
        cpus: set[int] = set()
        for part in self.get("affinity").replace(" ", ",").split(","):
            if not part:
                continue
            first, dash, last = part.partition("-")
            lowest, highest = number(first), number(last if dash else first)
            if lowest is None or highest is None or highest >= MAX_CPUS:
                wrong["affinity"] = "Expected CPU numbers, for example 0-3,8."
                return []
            cpus.update(range(lowest, highest + 1))
        return sorted(cpus)

    def _number(self, name: str, kind: type[_N], default: _D, wrong: dict[str, str]) -> _N | _D:
        text = self.get(name).strip().replace(",", ".")
        if not text:
            return default
        try:
            return kind(text)
        except ValueError:
            wrong[name] = "Expected a number."
            return default


def typed_of(form: PlaybookForm, revision: int = 0) -> TypedPlaybook:
    """A form as it stands in a page's fields."""
    fields = {
        "name": form.name,
        "software_id": str(form.software_id),
        "template": form.template,
        "devices": "\n".join(form.devices),
        "variables": "\n".join(f"{name}={value}" for name, value in form.variables.items()),
        "nice": "" if form.nice is None else str(form.nice),
        "affinity": ",".join(str(cpu) for cpu in form.affinity),
        "run_as": form.run_as,
        "revision": str(revision),
    }
    for workload in form.workloads:
        fields[f"{workload.slot}_coin"] = workload.coin
        fields[f"{workload.slot}_algorithm"] = workload.algorithm
        fields[f"{workload.slot}_pool"] = str(workload.pool_id or "")
        fields[f"{workload.slot}_wallet"] = str(workload.wallet_id or "")
    default = Supervision()
    for name in _NUMBERS:
        value = getattr(form.supervision, name)
        fields[name] = "" if value == getattr(default, name) else f"{value:g}"
    return TypedPlaybook(fields)
