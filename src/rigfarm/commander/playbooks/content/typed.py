"""A playbook as a form of a page sends it: text in every field, kept as typed until all of it can be understood."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from rigfarm.commander.addresses import AddressBook
from rigfarm.commander.fields import read_texts, texts_of
from rigfarm.commander.mining_software import MiningSoftware, Software
from rigfarm.commander.numbers import number
from rigfarm.commander.playbooks.content import supervision
from rigfarm.commander.playbooks.content.check import slots_of
from rigfarm.commander.playbooks.content.form import PlaybookForm, WorkloadForm
from rigfarm.commander.playbooks.content.texts import read_template
from rigfarm.commander.playbooks.model import PlaybookFields, Slot
from rigfarm.commander.refusals import Invalid

__all__ = ["TypedPlaybook", "typed_of"]


class TypedPlaybook(Struct, frozen=True):
    """Field name -> what stands in it."""

    fields: Mapping[str, str]

    def get(self, name: str) -> str:
        """What was typed; empty when nothing was."""
        return self.fields.get(name, "")

    def form(self, addresses: AddressBook, software: MiningSoftware) -> PlaybookForm:
        """What it means. Invalid has a text for each field that means nothing."""
        form, wrong = self.draft(addresses, software)
        if wrong:
            raise Invalid.of(wrong)
        return form

    def program(self, software: MiningSoftware) -> Software | None:
        """The program that is chosen."""
        return software.software.get(number(self.get("software_id")) or 0)

    def with_template(self, software: MiningSoftware) -> TypedPlaybook:
        """With the template of the program that is chosen, where nothing else was typed."""
        program = self.program(software)
        suggested = {"", *(one.form.template for one in software.software.values())}
        if program is None or not program.form.template or read_template(self.get("template")).strip() not in suggested:
            return self
        return TypedPlaybook({**self.fields, "template": program.form.template})

    def draft(self, addresses: AddressBook, software: MiningSoftware) -> tuple[PlaybookForm, dict[str, str]]:
        """What it means as far as it goes, and what means nothing."""
        values, wrong = read_texts(PlaybookFields, self.fields)
        recovery, wrong_numbers = supervision.read(self.fields)
        form = PlaybookForm(
            **{"name": "", "template": "", **values},  # type: ignore[arg-type]  # fields of the base, by name
            supervision=recovery,
            software_id=number(self.get("software_id")) or 0,
            workloads=self._workloads(addresses, slots_of(self.program(software))),
        )
        return form, wrong | wrong_numbers

    def _workloads(self, addresses: AddressBook, slots: list[Slot]) -> list[WorkloadForm]:
        """Of what the program mines with: the page hides the rest, and keeps it for the case that another is chosen."""
        found: list[WorkloadForm] = []
        for slot in slots:
            coin, algorithm = self.get(f"{slot}_coin").strip(), self.get(f"{slot}_algorithm").strip()
            pool, wallet = (number(self.get(f"{slot}_{what}")) for what in ("pool", "wallet"))
            if not (coin or algorithm or pool or wallet):
                continue
            if not coin:
                entry = addresses.addresses.get(wallet or pool or 0)
                coin = entry.coin if entry is not None else ""
            found.append(WorkloadForm(slot, coin, algorithm, pool, wallet))
        return found


def typed_of(form: PlaybookForm, revision: int = 0) -> TypedPlaybook:
    """A form as it stands in a page's fields."""
    fields = {
        **texts_of(form),
        **supervision.texts(form.supervision),
        "software_id": str(form.software_id),
        "revision": str(revision),
    }
    for workload in form.workloads:
        fields[f"{workload.slot}_coin"] = workload.coin
        fields[f"{workload.slot}_algorithm"] = workload.algorithm
        fields[f"{workload.slot}_pool"] = str(workload.pool_id or "")
        fields[f"{workload.slot}_wallet"] = str(workload.wallet_id or "")
    return TypedPlaybook(fields)
