"""Rigs of a plan: those that are there get names, places and tags of the file; others are created."""

from __future__ import annotations

from rigfarm.commander.imports.model import EditRig, FoundRig, Line, NewRig, Step
from rigfarm.commander.imports.sources.rows import ip_only, mac_of
from rigfarm.commander.kinds import KINDS
from rigfarm.commander.names import DistinctNames, clean_name, name_key
from rigfarm.commander.refusals import Invalid
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.model import Relabel, Rig
from rigfarm.commander.stats import OperationalStats

__all__ = ["PlannedRigs"]


class PlannedRigs:
    """Grows with every rig of the files."""

    def __init__(self, book: Rigs, stats: OperationalStats, *, new_rigs: bool) -> None:
        self._book = book
        self._new_rigs = new_rigs
        self._names = DistinctNames(book.name_taken)
        self._by_mac: dict[str, Rig] = {}
        self._by_ip: dict[str, Rig] = {}
        self._by_name: dict[str, Rig] = {}
        for rig in book.rigs.values():
            self._by_name[name_key(rig.name)] = rig
            if rig.specs is not None and (mac := mac_of(rig.specs.mac or "")):
                self._by_mac[mac] = rig
            log = stats.rigs[rig.id].log if rig.id in stats.rigs else None
            if log is not None and (ip := ip_only(log.lan_ip or "")):
                self._by_ip[ip] = rig
        self._seen: dict[int | str, str] = {}
        """Where in the files a rig was: by id, or by the address of a new one."""

    def rig(self, found: FoundRig) -> tuple[Line, Step | None]:
        """What becomes of it."""
        try:
            return self._planned(found)
        except Invalid as why:
            return Line(found.where, "rig", found.name, "refuse", why=str(why)), None

    def _planned(self, found: FoundRig) -> tuple[Line, Step | None]:
        labels = Relabel(place=found.place or None, add=found.tags).checked()
        rig = self._by_mac.get(found.mac) or self._by_ip.get(found.ip)
        named = rig is None
        rig = rig or self._by_name.get(name_key(found.name))
        if rig is None:
            return self._new(found, labels)
        if rig.kind != found.kind:
            raise Invalid(f"{rig.name} is {rig.of.article} here.")
        self._only_once(rig.id, found)
        name = rig.name
        if not named and found.name and found.name not in (found.ip, rig.name):
            name = clean_name(found.name, "A rig", "asic-01")
            name = rig.name if name_key(name) == name_key(rig.name) else self._names.give(name)
        new = labels.of(rig)
        changes = [
            f"{what} {before or 'none'} → {after}"
            for what, before, after in (
                ("name", rig.name, name),
                ("place", rig.place, new.place),
                ("tags", ", ".join(rig.tags), ", ".join(new.tags)),
            )
            if before != after
        ]
        if not changes:
            return Line(found.where, "rig", rig.name, "skip", why=f"Already there as {rig.name}."), None
        step = EditRig(rig.id, rig.name, rig.place, rig.tags, name, new.place, labels.add)
        line = Line(found.where, "rig", rig.name, "change", "; ".join(changes), warnings=found.warnings)
        return line, step

    def _new(self, found: FoundRig, labels: Relabel) -> tuple[Line, Step | None]:
        if not self._new_rigs:
            why = "It isn't there: let its Sentry report first, or allow new rigs."
            return Line(found.where, "rig", found.name, "skip", why=why), None
        name = clean_name(found.name, "A rig", "asic-01")
        if address := found.mac or found.ip:
            self._only_once(address, found)
        name = self._names.give(name)
        place = labels.place or ""
        detail = " · ".join(one for one in (KINDS[found.kind].full, found.ip, place, ", ".join(labels.add)) if one)
        line = Line(found.where, "rig", name, "create", detail, warnings=found.warnings)
        return line, NewRig(name, found.kind, found.ip, place, labels.add)

    def _only_once(self, key: int | str, found: FoundRig) -> None:
        if key in self._seen:
            raise Invalid(f"It is the same as {self._seen[key]}.")
        self._seen[key] = found.where
