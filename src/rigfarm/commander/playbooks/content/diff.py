"""What one revision changed of the one before it, in words."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher

from rigfarm.commander import fields
from rigfarm.commander.fields import Difference
from rigfarm.commander.playbooks.content import supervision
from rigfarm.commander.playbooks.model import SLOTS, PlaybookContent, PlaybookFields, Slot

__all__ = ["differences"]

MAX_COMPARED = 100
"""Words of a template between its first change and its last: 0.03 s at the worst."""
_TITLES: dict[Slot, str] = {"cpu": "CPU", "gpu1": "GPU", "gpu2": "GPU, second algorithm"}


def differences(before: PlaybookContent | None, after: PlaybookContent) -> list[Difference]:
    """In the order of the form; of a first revision nothing."""
    if before is None:
        return []
    return [_shortened(one) for one in fields.differences(_lines(before), _lines(after))]


def _shortened(one: Difference) -> Difference:
    """Of a long template only what is otherwise, with the option that it belongs to."""
    if one.what != "Template":
        return one
    old, new = one.before.split(" "), one.after.split(" ")
    gone: list[str] = []
    come: list[str] = []
    for i1, i2, j1, j2 in _changes(old, new):
        gone += old[_option(old, i1) : i2] if i2 > i1 else []
        come += new[_option(new, j1) : j2] if j2 > j1 else []
    return Difference(one.what, " ".join(gone), " ".join(come))


def _changes(old: list[str], new: list[str]) -> Iterator[tuple[int, int, int, int]]:
    """Which words (from, to) give way to which; those between the first change and the last all do, when comparing them
    would take long: its time grows with the cube of their number."""
    shared = min(len(old), len(new))
    head = next((i for i in range(shared) if old[i] != new[i]), shared)
    tail = next((i for i in range(shared - head) if old[-1 - i] != new[-1 - i]), shared - head)
    i_end, j_end = len(old) - tail, len(new) - tail
    if max(i_end, j_end) - head > MAX_COMPARED:
        yield head, i_end, head, j_end
        return
    compared = SequenceMatcher(None, old[head:i_end], new[head:j_end], autojunk=False)
    for how, i1, i2, j1, j2 in compared.get_opcodes():
        if how != "equal":
            yield head + i1, head + i2, head + j1, head + j2


def _option(words: list[str], at: int) -> int:
    """Where a value's option stands: `-t 4` reads better than `4`."""
    return at - 1 if at and not words[at].startswith("-") and words[at - 1].startswith("-") else at


def _lines(content: PlaybookContent) -> dict[str, str]:
    software, archive = content.software, content.software.archive
    lines = {field.title: field.text(getattr(content, field.name)) for field in fields.fields_of(PlaybookFields)}
    lines["Template"] = " ".join(content.template.split())
    lines["GPUs"] = ", ".join(content.devices) or "all"
    lines |= {
        "Mining software": f"{software.name} {software.version}",
        "File": "not pinned" if archive is None else archive.sha256,
        "Stats adapter": f"{software.adapter} {software.api_arguments}",
    }
    for slot in SLOTS:
        workload = content.workload(slot)
        if workload is not None:
            title = _TITLES[slot]
            lines[f"{title}: coin"] = f"{workload.coin} {workload.algorithm}".strip()
            lines[f"{title}: pool"] = "" if workload.pool is None else ", ".join(workload.pool.urls)
            lines[f"{title}: wallet"] = "" if workload.wallet is None else workload.wallet.wallet
    lines["Automatic recovery"] = supervision.describe(content.supervision)
    return lines
