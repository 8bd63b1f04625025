"""HiveOS: answers of its public API (wallets, flight sheets, workers, tags), and flight sheets that people export.

Passwords, VPN settings and everything else that an answer has besides are not even read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import Raw, Struct

from rigfarm.commander.imports.model import Found, FoundItem, FoundRig, FoundWallet, Refused, What
from rigfarm.commander.imports.sources.document import Document, Scalar, fields_of, words
from rigfarm.commander.imports.sources.flight_sheet import Item, translated
from rigfarm.commander.imports.sources.rows import ip_of, mac_of, one_line, tags_of
from rigfarm.commander.refusals import Invalid
from rigfarm.units import counted

__all__ = ["knows", "read"]

MAX_ITEMS = 20
"""Programs of one flight sheet."""
MAX_OF_WORKER = 100
"""Addresses, interfaces and tags of one worker that are read."""
_ASIC = 2
_KNOWN = frozenset(("wal", "items", "platform", "color"))
"""One of them is in everything that is read."""


class _Wallet(Struct):
    wal: Scalar
    id: Scalar = None
    name: Scalar = None
    coin: Scalar = None


class _Sheet(Struct):
    items: list[Raw]
    name: Scalar = None


class _Tag(Struct):
    id: Scalar = None
    name: Scalar = None


class _Interface(Struct):
    mac: Scalar = None


class _Hardware(Struct):
    net_interfaces: list[_Interface] = []


class _Worker(Struct):
    platform: Scalar
    name: Scalar = None
    ip_addresses: list[Scalar] | None = None
    tag_ids: list[Scalar] | None = None
    hardware_info: _Hardware | None = None


def knows(document: Document) -> bool:
    """Whether it is JSON: nothing else of these products but Awesome Miner's is."""
    return bool(document.fields or document.entries)


def read(documents: Sequence[Document]) -> Found:
    """Wallets, flight sheets and workers; several files belong together."""
    entries = [entry for document in documents for entry in document.entries]
    tags = dict(_tags(entries))
    items = [item for number, entry in enumerate(entries, 1) for item in _items(number, entry, tags)]
    order = {FoundWallet: 0, Refused: 1, FoundRig: 3}
    items.sort(key=lambda item: order.get(type(item), 2))
    strange = sum(not _KNOWN & fields_of(entry).keys() for entry in entries)
    notes = [f"{counted(strange, 'entry', 'entries')} of the files not understood."] if strange else []
    notes.append("Mining goes on: nothing of this is sent to a rig until you apply a playbook.")
    if any(isinstance(item, FoundRig) for item in items):
        notes.append("Overclocking, passwords and which flight sheet a worker runs are not imported.")
    return Found("hiveos", items, notes)


def _tags(entries: Sequence[Raw]) -> Iterator[tuple[str, str]]:
    for entry in entries:
        if {"color", "name", "id"} <= fields_of(entry).keys():
            tag = msgspec.json.decode(entry, type=_Tag)
            yield words(tag.id), words(tag.name)


def _items(number: int, entry: Raw, tags: Mapping[str, str]) -> Iterator[FoundItem]:
    """What one entry of a list is."""
    fields = fields_of(entry)
    name = one_line(words(fields["name"])) if "name" in fields else ""
    try:
        if "wal" in fields:
            yield _wallet(number, msgspec.json.decode(entry, type=_Wallet))
        elif "items" in fields:
            yield from _sheets(number, name, msgspec.json.decode(entry, type=_Sheet))
        elif "platform" in fields:
            yield _worker(number, msgspec.json.decode(entry, type=_Worker), tags)
    except (msgspec.MsgspecError, RecursionError) as error:
        what: What = "wallet" if "wal" in fields else "playbook" if "items" in fields else "rig"
        yield Refused(f"entry {number}", what, name or f"entry {number}", f"It isn't as HiveOS writes it: {error}.")


def _wallet(number: int, wallet: _Wallet) -> FoundWallet:
    coin, address = words(wallet.coin), words(wallet.wal)
    name = one_line(words(wallet.name)) or f"{one_line(coin, 16)} {one_line(address, 8)}…"
    return FoundWallet(f"wallet {words(wallet.id) or number}", words(wallet.id), name, coin, address)


def _sheets(number: int, name: str, sheet: _Sheet) -> Iterator[FoundItem]:
    """A playbook for each program."""
    name = name or f"Flight sheet {number}"
    for place, raw in enumerate(sheet.items[:MAX_ITEMS]):
        where = f"flight sheet {number}" + (f", program {place + 1}" if len(sheet.items) > 1 else "")
        try:
            item = msgspec.json.decode(raw, type=Item)
            own = name if len(sheet.items) == 1 else one_line(f"{name[:40]} ({words(item.miner)})")
            yield translated(where, own, item)
        except Invalid as why:
            yield Refused(where, "playbook", name, str(why))
        except (msgspec.MsgspecError, RecursionError) as error:
            yield Refused(where, "playbook", name, f"It isn't as HiveOS writes it: {error}.")
    if len(sheet.items) > MAX_ITEMS:
        yield Refused(f"flight sheet {number}", "playbook", name, f"Only its first {MAX_ITEMS} programs are read.")


def _worker(number: int, worker: _Worker, tags: Mapping[str, str]) -> FoundRig:
    ids = [words(one) for one in (worker.tag_ids or [])[:MAX_OF_WORKER]]
    unknown = [one for one in ids if one not in tags]
    hardware = worker.hardware_info or _Hardware()
    addresses = (ip_of(words(one)) for one in (worker.ip_addresses or [])[:MAX_OF_WORKER])
    return FoundRig(
        where=f"worker {number}",
        name=one_line(words(worker.name)),
        kind="asic" if worker.platform == _ASIC else "cpu-gpu",
        ip=next((one for one in addresses if one), ""),
        mac=next((mac for one in hardware.net_interfaces[:MAX_OF_WORKER] if (mac := mac_of(words(one.mac)))), ""),
        tags=tags_of(tags[one] for one in ids if one in tags),
        warnings=["Its tags aren't in the files: add the answer of /tags."] if unknown else [],
    )
