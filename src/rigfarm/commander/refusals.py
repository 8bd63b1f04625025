"""What a verb of a noun answers when it will not do what it was asked: said once, for pages and API alike.

Handlers let it pass: `web.problems` turns it into an answer that suits who asked.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["Absent", "ChangedMeanwhile", "Conflict", "Invalid", "Refusal"]


class Refusal(Exception):  # noqa: N818 - it is an answer, not an error of ours
    """Nothing was changed; the text says why, and what to do."""

    status = 422

    def __init__(self, text: str, *, field: str = "", fields: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.fields: dict[str, str] = dict(fields) if fields is not None else ({field: text} if field else {})
        """What is wrong by form field."""


class Invalid(Refusal):
    """Something typed cannot be right."""

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> Invalid:
        """All that is wrong at once: one text per field."""
        return cls(" ".join(fields.values()), fields=fields)


class Absent(Refusal):
    """There is no such thing (any more)."""

    status = 404


class Conflict(Refusal):
    """It would take something away that others use, or a name that is taken."""

    status = 409


class ChangedMeanwhile(Conflict):
    """Somebody else changed it since the form was opened."""
