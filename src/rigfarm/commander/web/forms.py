"""What a form sends."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["texts"]


def texts(form: Mapping[str, object]) -> dict[str, str]:
    """Its fields, without its files."""
    return {name: value for name, value in form.items() if isinstance(value, str)}
