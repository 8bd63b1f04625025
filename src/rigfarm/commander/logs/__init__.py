"""Operational logs: the journal that makes them durable, and what is read back from it."""

from rigfarm.commander.logs.copied import CopiedJournal
from rigfarm.commander.logs.doubles import Doubles, Newcomer, UncheckedError
from rigfarm.commander.logs.journal import Journal, Share, Snapshot, TooLargeRowError
from rigfarm.commander.logs.recent import RecentRows
from rigfarm.commander.logs.seen import Seen

__all__ = [
    "CopiedJournal",
    "Doubles",
    "Journal",
    "Newcomer",
    "RecentRows",
    "Seen",
    "Share",
    "Snapshot",
    "TooLargeRowError",
    "UncheckedError",
]
