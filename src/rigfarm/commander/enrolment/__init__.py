"""Enrolment: a key with which a Sentry creates rigs and their tokens, so that no one has to copy them by hand."""

from rigfarm.commander.enrolment.actions import EnrolmentKeys
from rigfarm.commander.enrolment.api import api_routes
from rigfarm.commander.enrolment.pages import enrolment_routes
from rigfarm.commander.noun import Noun

__all__ = ["EnrolmentKeys", "noun"]


def noun(keys: EnrolmentKeys) -> Noun:
    """Its door."""
    return Noun(routes=[*enrolment_routes, *api_routes], parts={"enrolment": keys})
