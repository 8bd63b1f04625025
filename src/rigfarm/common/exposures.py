"""What a Sentry says of a device that anyone on its network could take over: sentences in a log's messages, which the
Commander's alert rules know again."""

from __future__ import annotations

__all__ = ["FACTORY_PASSWORD", "WRITE_OPEN"]

WRITE_OPEN = "Anyone on this network can give it commands: cgminer's write access is open (set api-allow to read only)."
FACTORY_PASSWORD = "It still has its factory password: anyone on this network can change its wallet."  # noqa: S105 - words about a password
