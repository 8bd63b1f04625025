"""Archives of mining programs, which may be hostile, member by member: `examine` for the Commander that stores one,
`unpack` for the Sentry that runs it, by the same rules. Only the standard library, so that the check of it runs on
every Python in the field.

`tarfile` is not used: its `data` filter can be left by links and over-long paths (CVE-2025-4517 and its sisters), it
reads a PAX header of any declared size into memory, and parses it with a regular expression that backtracks
(CVE-2024-6232). What mining programs ship needs 5 % of the format.
"""

from __future__ import annotations

from rigfarm.common.archives.limits import AbortedError, Limits, UnpackError
from rigfarm.common.archives.unpack import FORMATS, examine, find_executable, format_of, unpack

__all__ = [
    "FORMATS",
    "AbortedError",
    "Limits",
    "UnpackError",
    "examine",
    "find_executable",
    "format_of",
    "unpack",
]
