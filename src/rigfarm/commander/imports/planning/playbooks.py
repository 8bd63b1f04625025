"""Wallets, pools, mining software and playbooks of a plan. What there is already with the same content is used."""

from __future__ import annotations

from msgspec.structs import replace

from rigfarm.commander.addresses import AddressBook, AddressForm
from rigfarm.commander.fields import checked
from rigfarm.commander.imports.model import FoundSheet, FoundWallet, Line, NewAddress, NewPlaybook, NewSoftware, Step
from rigfarm.commander.imports.planning.draft import DraftAddresses, DraftSoftware
from rigfarm.commander.mining_software import MiningSoftware
from rigfarm.commander.mining_software.catalogue.catalogue import program
from rigfarm.commander.names import DistinctNames, clean_name, name_key
from rigfarm.commander.playbooks import PlaybookContent, PlaybookForm, Playbooks, WorkloadForm
from rigfarm.commander.playbooks.content.check import content_of
from rigfarm.commander.refusals import Invalid
from rigfarm.common.pool_url import parse_pool_url

__all__ = ["PlannedPlaybooks"]

Planned = tuple[Line, Step | None]
NO_VERSION = "unknown-version"


class PlannedPlaybooks:
    """Grows with every wallet and flight sheet."""

    def __init__(self, addresses: AddressBook, software: MiningSoftware, playbooks: Playbooks) -> None:
        self._addresses = DraftAddresses(addresses)
        self._software = DraftSoftware(software)
        self._there = {_content(one.content): one.name for one in playbooks.playbooks.values()}
        taken = {name_key(one.name) for one in playbooks.playbooks.values()}
        self._names = DistinctNames(lambda name: name_key(name) in taken)
        self._wallets: dict[str, int] = {}
        """Ids by what flight sheets call them."""
        self._refused: set[str] = set()

    def wallet(self, found: FoundWallet) -> Planned:
        """An entry of the address book."""
        try:
            form = checked(AddressForm(found.name, "wallet", found.coin, wallet=found.wallet))
        except Invalid as why:
            self._refused.add(found.key)
            return Line(found.where, "wallet", found.name, "refuse", why=str(why)), None
        line, step, self._wallets[found.key] = self._address(found.where, form)
        return line, step

    def sheet(self, found: FoundSheet) -> list[Planned]:
        """A playbook, and before it what it needs that isn't there."""
        before: list[Planned] = []
        try:
            wallet = self._wallet_of(found)
            host = parse_pool_url(found.urls[0]).host if found.urls else ""
            name = " ".join([found.pool or host, found.coin])
            pool_form = checked(AddressForm(name[:60], "pool", found.coin, urls=found.urls))
        except ValueError as bad_url:
            return [self._refusal(found, f"Its pool can't be used: {bad_url}")]
        except Invalid as why:
            return [self._refusal(found, str(why))]
        pool_line, pool_step, pool = self._address(found.where, pool_form)
        before += [(pool_line, pool_step)] if pool_step is not None else []
        warnings = list(found.warnings)
        software, software_planned = self._program(found, warnings)
        before += software_planned
        workload = WorkloadForm(found.slot, found.coin, found.algorithm, pool, wallet)
        try:
            form = PlaybookForm(
                name=clean_name(found.name, "A playbook", "XMR on all CPUs"),
                template=found.template,
                software_id=software,
                workloads=[workload],
            )
            content = content_of(form, self._addresses, self._software)
        except Invalid as why:
            return [*before, self._refusal(found, str(why))]
        if (there := self._there.get(_content(content))) is not None:
            return [
                *before,
                (Line(found.where, "playbook", found.name, "skip", why=f"Already there as {there}."), None),
            ]
        form = replace(form, name=self._names.give(content.name))
        self._there[_content(content)] = form.name
        detail = f"{content.software.name} · {found.coin.upper()} · {content.template}"
        return [
            *before,
            (Line(found.where, "playbook", form.name, "create", detail, warnings=warnings), NewPlaybook(form)),
        ]

    def _wallet_of(self, found: FoundSheet) -> int | None:
        if not found.wallet:
            return None
        if found.wallet in self._refused:
            raise Invalid(f"Its wallet {found.wallet} can't be imported.")
        if found.wallet not in self._wallets:
            raise Invalid(f"Its wallet {found.wallet} isn't in the files: add the answer of /wallets.")
        return self._wallets[found.wallet]

    @staticmethod
    def _refusal(found: FoundSheet, why: str) -> Planned:
        return Line(found.where, "playbook", found.name, "refuse", why=why), None

    def _address(self, where: str, form: AddressForm) -> tuple[Line, NewAddress | None, int]:
        """The line, what to do for it, and the id."""
        there = self._addresses.like(form)
        if there is not None:
            why = f"Already there as {there.name}." if there.id > 0 else f"The same as {there.name}."
            return Line(where, form.kind, form.name, "skip", why=why), None, there.id
        form = replace(form, name=self._addresses.names.give(form.name))
        stand_in = self._addresses.add(form)
        warning = self._addresses.addresses[stand_in].warning
        detail = f"{form.coin} · {', '.join(form.urls) or form.wallet}"
        line = Line(where, form.kind, form.name, "create", detail, warnings=[warning] if warning else [])
        return line, NewAddress(stand_in, form), stand_in

    def _program(self, found: FoundSheet, warnings: list[str]) -> tuple[int, list[Planned]]:
        """The version that it would run."""
        known = program(found.program)
        assert known is not None, found.program
        versions = self._software.versions(known.adapter)
        exact = next((one for one in versions if one.form.version == found.version), None)
        if versions:
            chosen = exact or versions[0]
            if found.version and exact is None:
                warnings.append(
                    f"It ran {known.name} {found.version}, and would run {chosen.form.version}, which you have."
                )
            return chosen.id, []
        form = known.form()
        try:
            form = checked(replace(form, version=found.version or NO_VERSION))
        except Invalid:
            form = checked(replace(form, version=NO_VERSION))
        stand_in = self._software.add(form)
        todo = "Add its file on the Software page: until then no rig can run it."
        if form.version == NO_VERSION:
            todo = "The file names no version. Enter it, and add its file, on the Software page."
        line = Line(
            found.where, "software", f"{form.name} {form.version}", "create", "without its file", warnings=[todo]
        )
        return stand_in, [(line, NewSoftware(stand_in, form))]


def _content(content: PlaybookContent) -> tuple[object, ...]:
    """What makes two playbooks the same, whatever they are called."""
    workloads = tuple(
        (
            one.slot,
            one.coin,
            one.algorithm,
            tuple(one.pool.urls) if one.pool else (),
            one.wallet.wallet if one.wallet else "",
        )
        for one in content.workloads
    )
    return content.software.adapter, content.template, workloads
