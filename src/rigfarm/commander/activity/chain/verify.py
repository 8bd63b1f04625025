"""Whether the rows are those that were written: each as it was, all of them, and in their order."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.activity import store
from rigfarm.commander.activity.chain.head import Head
from rigfarm.commander.activity.chain.seal import NOTHING, Anchor, Seal, claimed_anchor
from rigfarm.commander.activity.model import Entry

__all__ = ["Verdict", "find_start", "read_anchor", "verify", "wrong_with"]

AT_ONCE = 2_000


class Verdict(Struct, frozen=True):
    """What was found. `wrong` is empty when nothing is; else it names the first row that is, which is `row`."""

    checked: int
    """Rows that are intact."""
    anchor: Anchor
    head: Head
    """The newest row."""
    wrong: str = ""
    row: int | None = None


async def verify(tx: AsyncConnection, seal: Seal, head: Head | None, expected: Head | None = None) -> Verdict:
    """Check everything. `head`: what the data folder says is the newest row, read before `tx` began; `expected`: a head
    that was noted earlier."""
    anchor = await read_anchor(tx, seal)
    if anchor is not None:
        before, row = _wrong_before(anchor)
        rest = await _verify_rows(tx, seal, anchor, head, expected)
    else:
        before, row = "The record of removed entries (meta, activity_anchor) was not written by this Commander.", None
        anchor = await find_start(tx)
        rest = await _verify_rows(tx, seal, replace(anchor, lost=anchor.id + 1), head, expected)
    wrong = " ".join(filter(None, (before, rest.wrong)))
    return Verdict(rest.checked, anchor, rest.head, wrong, rest.row if row is None else row)


def _wrong_before(anchor: Anchor) -> tuple[str, int | None]:
    """What the record itself says is wrong, and the first row of that."""
    if anchor.broken:
        return f"Entries that have been removed since were damaged: {anchor.broken}", anchor.id
    if anchor.lost > anchor.id:
        text = f"Entries up to {anchor.lost} can't be verified: their key (identity/activity.key) was lost."
        return text, anchor.id + 1
    return "", None


async def _verify_rows(
    tx: AsyncConnection, seal: Seal, anchor: Anchor, head: Head | None, expected: Head | None
) -> Verdict:
    known = {one.id: one.hash for one in (head, expected) if one is not None}
    at, checked = Head(anchor.id, anchor.hash), 0
    while entries := await store.load_range(tx, at.id, None, AT_ONCE):
        indexed = await store.load_targets(tx, at.id, entries[-1].id)
        for entry in entries:
            wrong = wrong_with(seal, at, entry, anchor.lost)
            if not wrong and known.get(entry.id, entry.hash) != entry.hash:
                wrong = f"Entry {entry.id} is not the one that was noted: the chain was written again from there."
            if not wrong and indexed.get(entry.id, set()) != set(entry.draft.targets):
                wrong = f"What entry {entry.id} is about (table activity_targets) was changed."
            if wrong:
                return Verdict(checked, anchor, at, wrong, at.id + 1 if entry.id > at.id + 1 else entry.id)
            at, checked = Head(entry.id, entry.hash), checked + (entry.id > anchor.lost)
    wrong, row = _wrong_at_the_ends(anchor, at, head, expected)
    if not wrong and await store.has_stray_targets(tx, anchor.id + 1, at.id):
        wrong = "The table activity_targets was changed: it has rows of entries that do not exist."
    return Verdict(checked, anchor, at, wrong, row)


def wrong_with(seal: Seal, at: Head, entry: Entry, lost: int = 0) -> str:
    """Why an entry cannot be the next one; empty when it is, or that can't be known: its key was lost."""
    if entry.id != at.id + 1:
        missing = f"Entry {at.id + 1} is" if entry.id == at.id + 2 else f"Entries {at.id + 1} to {entry.id - 1} are"
        return f"{missing} missing."
    if entry.id > lost and not seal.follows(at.hash, entry):
        return f"Entry {entry.id} was changed, moved or replaced: its hash does not fit its text and the entry before."
    return ""


async def read_anchor(tx: AsyncConnection, seal: Seal) -> Anchor | None:
    """Where the chain begins; None when that record was changed."""
    text = await store.load_anchor(tx)
    return Anchor(0, NOTHING) if text is None else seal.read_anchor(text)


async def find_start(tx: AsyncConnection) -> Anchor:
    """Where the chain begins when its record was made with another key: as the record says, if that fits the rows."""
    claimed = claimed_anchor(await store.load_anchor(tx) or "")
    first = await store.load_range(tx, 0, None, 1)
    if claimed is not None and (not first or claimed.id == first[0].id - 1):
        return Anchor(claimed.id, claimed.hash)
    return Anchor(first[0].id - 1 if first else 0, NOTHING)


def _wrong_at_the_ends(anchor: Anchor, at: Head, head: Head | None, expected: Head | None) -> tuple[str, int | None]:
    if head is None and at.id:
        return "The file activity.head is missing: entries may have been removed at the end.", at.id + 1
    for one, source in ((head, "the data folder's activity.head"), (expected, "the head that was given")):
        if one is None:
            continue
        if one.id > at.id:
            missing = f"Entries {at.id + 1} to {one.id} are missing at the end: {source} knows of them."
            return f"{missing} They were removed, or the database was restored from an older backup.", at.id + 1
        if one.id == anchor.id and one.hash != anchor.hash:
            return f"Entry {one.id}, which was removed because of its age, is not the one in {source}.", one.id
        if one is expected and one.id < anchor.id:
            return f"Entry {one.id}, of {source}, was removed because of its age: note a newer head.", one.id
        if one is head and one.id < anchor.id:
            return f"{source} is older than the oldest entry: it names entry {one.id}.", anchor.id
    return "", None
