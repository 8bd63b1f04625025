"""Unpacking of archives that may be hostile, member by member. Only the standard library, so that the check of it
runs on every Python in the field.

`tarfile` is not used: its `data` filter can be left by links and over-long paths (CVE-2025-4517 and its sisters), it
reads a PAX header of any declared size into memory, and parses it with a regular expression that backtracks
(CVE-2024-6232). What mining programs ship needs 5 % of the format.
"""

from __future__ import annotations

from rigfarm.sentry.playbooks.archives.limits import AbortedError, Limits, UnpackError
from rigfarm.sentry.playbooks.archives.unpack import FORMATS, find_executable, unpack

__all__ = ["FORMATS", "AbortedError", "Limits", "UnpackError", "find_executable", "unpack"]
