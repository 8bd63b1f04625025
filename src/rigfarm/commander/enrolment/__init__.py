"""Enrolment: a key with which a Sentry makes rigs and tokens by itself, so that nobody copies three hundred tokens."""

from rigfarm.commander.enrolment.api import enrol
from rigfarm.commander.enrolment.keys import EnrolmentKeys
from rigfarm.commander.enrolment.pages import enrolment_routes
from rigfarm.commander.noun import Noun

__all__ = ["EnrolmentKeys", "noun"]


def noun(keys: EnrolmentKeys) -> Noun:
    """Its door."""
    return Noun(routes=[*enrolment_routes, enrol], parts={"enrolment": keys})
