"""How the levels of `rigs.marks` are drawn."""

from __future__ import annotations

__all__ = ["LEVELS"]

LEVELS = ("", "warn", "bad")
"""Style of WELL, WARN and BAD."""
