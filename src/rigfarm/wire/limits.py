"""How large anything on the link may be. The types of the frames carry these limits, so that decoding enforces them, in
both directions, before a number is added to, a list is walked or a text is kept.

What is outside is refused with its frame. Measurements are the exception: a log's hashrates, temperatures and the like
may be any float, and their users take what cannot be (NaN, infinite, negative, absurd) for unknown.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

__all__ = [
    "MAX_ARGUMENT_CHARS",
    "MAX_CHIPS",
    "MAX_DEVICES",
    "MAX_FRAME_BYTES",
    "MAX_ID",
    "MAX_LOGS_PER_FRAME",
    "MAX_LOG_BYTES",
    "MAX_SENTRY_BYTES",
    "MAX_SEQUENCE",
    "MAX_TEMPLATE_CHARS",
    "MAX_TOKENS",
    "MAX_T_MS",
    "MAX_WORKLOADS",
    "Amount",
    "Count",
    "Finite",
    "Id",
    "Line",
    "Paragraph",
    "Position",
    "Seconds",
    "Sequence",
    "Slot",
    "Text",
    "UtcMs",
    "Word",
]

MAX_FRAME_BYTES = 1 << 20
MAX_LOG_BYTES = 64 << 10
MAX_LOGS_PER_FRAME = 500
MAX_TOKENS = 5_000

MAX_SEQUENCE = (1 << 53) - 1
"""The last number of a spool: a log a millisecond for 285,000 years."""
MAX_ID = (1 << 31) - 1
"""What the databases keep as an integer."""
MAX_T_MS = 4_102_444_799_999
"""The end of 2099."""

MAX_DEVICES = 512
MAX_WORKLOADS = 32
MAX_TEMPLATE_CHARS = 32_768
MAX_ARGUMENT_CHARS = 8_192
MAX_CHIPS = 2_048
"""Of one hashboard."""
MAX_SENTRY_BYTES = 256 << 20
"""A larger file is not a Sentry."""

Sequence = Annotated[int, Meta(ge=0, le=MAX_SEQUENCE)]
"""Number of a log within its spool, and how many logs there are."""
Slot = Annotated[int, Meta(ge=0, lt=MAX_TOKENS)]
Id = Annotated[int, Meta(ge=0, le=MAX_ID)]
"""Of a rig or a playbook; also revisions, and whatever else the databases keep."""
UtcMs = Annotated[int, Meta(ge=0, le=MAX_T_MS)]
Count = Annotated[int, Meta(ge=-MAX_SEQUENCE, le=MAX_SEQUENCE)]
"""What a device or program counts. A negative count is unknown, not refused: some report -1 for that."""
Position = Annotated[int, Meta(ge=0, lt=65_536)]
"""Of a device, a chip or a CPU among its like."""
Amount = Annotated[int, Meta(ge=0, le=1 << 60)]
"""Bytes."""
Finite = Annotated[float, Meta(ge=-1e30, le=1e30)]
"""Neither NaN nor infinite."""
Seconds = Annotated[float, Meta(ge=0, le=1e9)]

Word = Annotated[str, Meta(max_length=64)]
"""A name, version, coin, algorithm or address."""
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Text = Annotated[str, Meta(max_length=512)]
"""A URL, wallet, login, or the name of a device."""
Line = Annotated[str, Meta(max_length=1_024)]
"""A line that a program or a device says."""
Paragraph = Annotated[str, Meta(max_length=4_096)]
"""An explanation for a person."""
