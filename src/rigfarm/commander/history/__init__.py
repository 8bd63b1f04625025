"""What the farm did: chunks of raw logs, minutes, hours and totals, made from the journal in the background."""

from rigfarm.commander.history.actions import History, HistoryUnavailable
from rigfarm.commander.history.api import api_routes
from rigfarm.commander.history.happened.facts import Happened, Moment, StateWas
from rigfarm.commander.history.happened.recorder import Batch, Recorder
from rigfarm.commander.history.happened.rows import Life, lives
from rigfarm.commander.history.model import HOUR_MS, Keep, KnownRig, keep_of
from rigfarm.commander.history.pages import page_routes
from rigfarm.commander.history.reading.absence import Absence, absence_of_farm, absence_of_rigs, unknown_by_rig
from rigfarm.commander.history.reading.course import Buckets, Course, Line
from rigfarm.commander.history.reading.ranges import TimeRange, moment_of, time_range
from rigfarm.commander.history.reading.sums import farm_by_hour, hashrates_by_hour, rigs_by_hour, sums_by_rig
from rigfarm.commander.history.reading.then import FarmThen, RigThen
from rigfarm.commander.history.rollups.days import RigSums
from rigfarm.commander.history.rollups.totals import Sums
from rigfarm.commander.history.store import Reader
from rigfarm.commander.noun import Noun
from rigfarm.commander.supervised import Work

__all__ = [
    "HOUR_MS",
    "Absence",
    "Batch",
    "Buckets",
    "Course",
    "FarmThen",
    "Happened",
    "History",
    "HistoryUnavailable",
    "Keep",
    "KnownRig",
    "Life",
    "Line",
    "Moment",
    "Reader",
    "Recorder",
    "RigSums",
    "RigThen",
    "StateWas",
    "Sums",
    "TimeRange",
    "absence_of_farm",
    "absence_of_rigs",
    "farm_by_hour",
    "hashrates_by_hour",
    "keep_of",
    "lives",
    "moment_of",
    "noun",
    "rigs_by_hour",
    "sums_by_rig",
    "time_range",
    "unknown_by_rig",
]

DEADLINE_S = 120.0
"""Between two rigs of a step, and for the deletion of what is too old."""


def noun(history: History) -> Noun:
    """Its door."""
    work = [Work("history", history.run, DEADLINE_S)]
    if history.recorder is not None:
        work.append(Work("what happened", history.record, DEADLINE_S))

    async def load() -> None:
        if history.recorder is not None:
            history.recorder.begin()

    return Noun(
        routes=[*page_routes, api_routes],
        parts={"history": history},
        work=work if history.on else (),
        load=load,
        close=history.close,
    )
