"""Why the service cannot be installed."""

from __future__ import annotations

__all__ = ["InstallError"]


class InstallError(Exception):
    """It cannot be done; the text says why and what to do, and nothing was changed unless it says so."""
