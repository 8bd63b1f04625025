"""What goes into the next row of the journal, frame by frame."""

from __future__ import annotations

from collections.abc import Callable

from rigfarm.commander.logs.rows import EncodedLog, Marks

__all__ = ["Batch", "Receipt"]

Receipt = Callable[[int, int], None]
"""Called with the first and last sequence number of a frame once it is durable."""


class Batch:
    """Flat lists of things that exist already: at ten thousand logs a second, an object made per log is an object that
    the garbage collector has to visit."""

    __slots__ = ("bytes", "ends", "firsts", "lasts", "logs", "partly", "receipts", "rigs", "spools")

    def __init__(self) -> None:
        self.rigs: list[int] = []
        self.logs: list[EncodedLog] = []
        self.spools: list[bytes] = []
        """One per frame, as are the next four."""
        self.firsts: list[int] = []
        self.lasts: list[int] = []
        self.ends: list[int] = []
        """Where the frame's logs end in `logs`."""
        self.receipts: list[Receipt] = []
        self.partly: dict[int, list[tuple[int, int]]] = {}
        """The numbers that become durable with a frame, by its position, unless that is all of them."""
        self.bytes = 0

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.receipts)

    def add(
        self,
        spool: bytes,
        taken: list[tuple[int, int]],
        rigs: list[int],
        logs: list[EncodedLog],
        frame: tuple[int, int],
        receipt: Receipt,
    ) -> None:
        """Add a frame: its logs with one rig id each, and those of its numbers that become durable with it."""
        if len(taken) != 1 or taken[0] != frame:
            self.partly[len(self.receipts)] = taken
        self.rigs += rigs
        self.logs += logs
        self.spools.append(spool)
        self.firsts.append(frame[0])
        self.lasts.append(frame[1])
        self.ends.append(len(self.logs))
        self.receipts.append(receipt)
        for log in logs:
            self.bytes += len(log)
        self.bytes += 64

    def taken(self, position: int) -> list[tuple[int, int]]:
        """The numbers that become durable with a frame."""
        whole = [(self.firsts[position], self.lasts[position])]
        return self.partly.get(position, whole)

    def marks(self) -> Marks:
        """First and last numbers in turn, by spool; a range that continues the last one is joined to it."""
        marks: Marks = {}
        for position, spool in enumerate(self.spools):
            if position in self.partly:
                for first, last in self.partly[position]:
                    _mark(marks, spool, first, last)
            else:
                _mark(marks, spool, self.firsts[position], self.lasts[position])
        return marks

    def halves(self) -> tuple[Batch, Batch]:
        """The same frames in two batches; of one frame, it and nothing."""
        middle = (len(self) + 1) // 2
        return self._part(0, middle), self._part(middle, len(self))

    def _part(self, low: int, high: int) -> Batch:
        part = Batch()
        for position in range(low, high):
            logs = slice(self.ends[position - 1] if position else 0, self.ends[position])
            frame = self.firsts[position], self.lasts[position]
            taken = self.taken(position)
            part.add(self.spools[position], taken, self.rigs[logs], self.logs[logs], frame, self.receipts[position])
        return part


def _mark(marks: Marks, spool: bytes, first: int, last: int) -> None:
    known = marks.get(spool)
    if known is None:
        marks[spool] = [first, last]
    elif known[-1] + 1 == first:
        known[-1] = last
    else:
        known += (first, last)
