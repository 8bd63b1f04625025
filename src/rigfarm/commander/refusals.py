"""Errors that a noun's verbs raise to refuse a request, the same for pages and API. Handlers let them pass:
`web.problems` turns them into an answer that suits the client.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextvars import ContextVar

__all__ = [
    "Absent",
    "ChangedMeanwhile",
    "Conflict",
    "Invalid",
    "NotUnderstood",
    "PreconditionFailed",
    "Refusal",
    "expect_revision",
    "only_at",
]


class Refusal(Exception):  # noqa: N818 - it is an answer, not an error of ours
    """Nothing was changed; the text says why, and what to do."""

    status = 422

    def __init__(
        self, text: str, *, field: str = "", fields: Mapping[str, str] | None = None, position: int | None = None
    ) -> None:
        super().__init__(text)
        self.fields: dict[str, str] = dict(fields) if fields is not None else ({field: text} if field else {})
        """What is wrong by form field."""
        self.position = position
        """Where in the field, if only a part of it is wrong: the number of a character, the first is 1."""


class Invalid(Refusal):
    """Something that was entered cannot be right."""

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> Invalid:
        """All that is wrong at once: one text per field."""
        return cls(" ".join(fields.values()), fields=fields)


class NotUnderstood(Refusal):
    """A request with an unknown name or value."""

    status = 400


class Absent(Refusal):
    """The thing does not exist, or no longer does."""

    status = 404


class Conflict(Refusal):
    """It would take something away that others use, or a name that is taken."""

    status = 409


class ChangedMeanwhile(Conflict):
    """Someone else changed it since the form was opened."""


class PreconditionFailed(Refusal):
    """It is not, or no longer, at a revision that `If-Match` names."""

    status = 412


_if_match: ContextVar[Collection[int] | None] = ContextVar("if_match", default=None)


def only_at(revisions: Collection[int]) -> None:
    """The request under way changes a thing only at one of these revisions."""
    _if_match.set(revisions)


def expect_revision(seen: int | None, now: int, name: str) -> None:
    """ChangedMeanwhile when what an operator started from is no longer what there is; None: they did not say.
    PreconditionFailed when the request names other revisions."""
    wanted = _if_match.get()
    if wanted is not None and now not in wanted:
        raise PreconditionFailed(f"{name} is at revision {now}, which If-Match does not name. Nothing was changed.")
    if seen is not None and seen != now:
        raise ChangedMeanwhile(
            f"{name} was changed by someone else in the meantime: it is at revision {now} now, and you started from "
            f"{seen}. Review it, then save again."
        )
