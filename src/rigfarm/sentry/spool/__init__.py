"""The spool: where every log waits until the Commander has it for good."""

from rigfarm.sentry.spool.spool import Spool, SpoolStats

__all__ = ["Spool", "SpoolStats"]
