"""Foreman: the CSV export of its dashboard, and `on-boarding.csv` of its open-source Bulk Configure.

Columns as these programs name them: `miner_mac`, `miner_rack`, …; `mac`, `rack`, `row`, `index`, `tags`, `static_ip`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rigfarm.commander.imports.model import Found, FoundItem, FoundRig
from rigfarm.commander.imports.sources.document import Document
from rigfarm.commander.imports.sources.rows import ip_of, level_of, mac_of, one_line, rows_of, tags_of, unread

__all__ = ["knows", "read"]

_COLUMNS: Mapping[str, Sequence[str]] = {
    "name": ("miner_name", "name", "miner"),
    "ip": ("miner_ip", "static_ip", "ip", "ip address"),
    "mac": ("miner_mac", "mac", "mac address"),
    "site": ("site_map", "site", "location"),
    "group": ("miner_rack_group", "rack_group", "rack group"),
    "rack": ("miner_rack", "rack"),
    "row": ("miner_row", "row"),
    "index": ("miner_index", "index"),
    "tags": ("tags", "miner_tags"),
    "hostname": ("hostname",),
}
_OWN = frozenset(("miner_mac", "miner_ip", "miner_rack", "miner_name", "pickaxe", "static_ip", "pool_1_url"))


def knows(document: Document) -> bool:
    """Whether it is a table with columns that only Foreman has."""
    head = set(document.head)
    return bool(head & _OWN) or {"mac", "rack"} <= head


def read(documents: Sequence[Document]) -> Found:
    """Miners as ASICs: names, places and tags."""
    items: list[FoundItem] = []
    for document in documents:
        for number, row in rows_of(document, _COLUMNS, ("mac", "ip", "name")):
            items.append(_rig(f"row {number}", row))
    notes = unread(documents, _COLUMNS)
    notes.append("Pools stay as they are set on the ASICs, so they keep mining.")
    return Found("foreman", items, notes)


def _rig(where: str, row: Mapping[str, str]) -> FoundRig:
    ip, mac = ip_of(row.get("ip", "")), mac_of(row.get("mac", ""))
    name = row.get("name", "") if "${" not in row.get("name", "") else ""
    warnings = ["Its name in the file is a pattern, which isn't filled in."] if name != row.get("name", "") else []
    levels = [level_of(row.get(what, "")) for what in ("site", "group", "rack")]
    levels += [f"{what} {level}" for what in ("row", "index") if (level := level_of(row.get(what, "")))]
    return FoundRig(
        where=where,
        name=one_line(name or row.get("hostname", "") or ip or row.get("mac", "")),
        kind="asic",
        ip=ip,
        mac=mac,
        place="/".join(level for level in dict.fromkeys(levels) if level),
        tags=tags_of(row.get("tags", "").split(",")),
        warnings=warnings,
    )
