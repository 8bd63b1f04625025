"""Awesome Miner: the answer of its API (`/api/miners`), or a CSV of its list of miners."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import Raw, Struct

from rigfarm.commander.imports.model import Found, FoundItem, FoundRig
from rigfarm.commander.imports.sources.document import Document, Scalar, words
from rigfarm.commander.imports.sources.rows import ip_of, level_of, mac_of, one_line, rows_of, tags_of, unread
from rigfarm.commander.refusals import Invalid

__all__ = ["knows", "read"]

MAX_MINERS = 20_000
_COLUMNS: Mapping[str, Sequence[str]] = {
    "name": ("name", "description", "miner", "miner name"),
    "ip": ("host", "hostname", "ip", "ip address", "address", "api host"),
    "mac": ("mac", "mac address"),
    "kind": ("type", "miner type"),
    "group": ("group", "groups", "miner group"),
    "place": ("location",),
}
_OWN = frozenset(("host", "hostname", "api host", "miner name", "miner group"))
_OF_COMPUTERS = ("managed", "gpu", "cpu")


class _Miner(Struct):
    name: Scalar = None
    hostname: Scalar = None
    hasAsic: bool = True  # noqa: N815 - as its API calls it
    hasGpu: bool = False  # noqa: N815


class _Group(Struct):
    name: Scalar = None
    minerList: list[Raw] = []  # noqa: N815


def knows(document: Document) -> bool:
    """Whether it is an answer of its API, or a table with columns that its lists have."""
    return "groupList" in document.fields or bool(set(document.head) & _OWN)


def read(documents: Sequence[Document]) -> Found:
    """Miners as rigs; groups as tags."""
    items: list[FoundItem] = []
    for document in documents:
        items += _of_answer(document.fields["groupList"]) if "groupList" in document.fields else _of_table(document)
    notes = unread(documents, _COLUMNS)
    notes.append("Pools stay as they are set on the ASICs, so they keep mining.")
    return Found("awesome-miner", items, notes)


def _of_table(document: Document) -> Iterator[FoundRig]:
    for number, row in rows_of(document, _COLUMNS, ("name", "ip")):
        computer = any(word in row.get("kind", "").casefold() for word in _OF_COMPUTERS)
        yield FoundRig(
            where=f"row {number}",
            name=one_line(row.get("name", "") or ip_of(row.get("ip", "")) or row.get("ip", "")),
            kind="cpu-gpu" if computer else "asic",
            ip=ip_of(row.get("ip", "")),
            mac=mac_of(row.get("mac", "")),
            place="/".join(level for one in row.get("place", "").split("/") if (level := level_of(one))),
            tags=tags_of(row.get("group", "").split(",")),
        )


def _of_answer(groups: Raw) -> Iterator[FoundRig]:
    number = 0
    try:
        for group in msgspec.json.decode(groups, type=list[_Group]):
            for entry in group.minerList:
                number += 1
                if number > MAX_MINERS:
                    raise Invalid(f"At most {MAX_MINERS} miners at once.", field="file")
                miner = msgspec.json.decode(entry, type=_Miner)
                yield FoundRig(
                    where=f"miner {number}",
                    name=one_line(words(miner.name) or words(miner.hostname)),
                    kind="cpu-gpu" if miner.hasGpu and not miner.hasAsic else "asic",
                    ip=ip_of(words(miner.hostname)),
                    tags=tags_of([words(group.name)]),
                )
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Invalid(f"This is not an answer of Awesome Miner's API: {error}.", field="file") from None
