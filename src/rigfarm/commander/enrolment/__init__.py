"""Enrolment: a key with which a Sentry makes rigs and tokens by itself, so that nobody copies three hundred tokens."""

from rigfarm.commander.enrolment.keys import EnrolmentKeys

__all__ = ["EnrolmentKeys"]
