"""What the pages of playbooks show, and what nouns above add to it: how playbooks do on their rigs, and roll-outs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup
from msgspec import Struct

from rigfarm.commander.asked import short_text
from rigfarm.commander.fields import Difference, columns_in
from rigfarm.commander.names import name_sort
from rigfarm.commander.playbooks.actions import Playbooks
from rigfarm.commander.playbooks.content.diff import differences
from rigfarm.commander.playbooks.model import Playbook, PlaybookContent, PlaybookFields
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.common.clock import iso, utc_ms
from rigfarm.units import duration

__all__ = ["TONES", "PlaybookRow", "PlaybookViews", "Section", "Summary", "ago", "iso", "preview_rigs"]

TONES = {"failed": "bad", "backing-off": "warn", "queued": "", "mining": "good"}
"""Colour is spent on what is wrong; `mining` is well."""


PREVIEW_RIGS = 500
"""Rigs that a preview can be chosen for."""


class Summary(Struct, frozen=True):
    """How a playbook does on its rigs."""

    rigs: int
    behind: int
    """Rigs that have an older revision."""
    states: Mapping[str, int]
    """Rigs by state, worst first."""
    rollout: tuple[int, str] | None = None
    """(id, state) of the roll-out under way."""


Section = Callable[[Playbook, Mapping[str, str], str], Awaitable[str]]
"""HTML for a playbook's page, from (playbook, the page's parameters, the CSRF token of its forms); empty: nothing."""


class EditFrom(Struct, frozen=True):
    """The revision that an edit starts from, and what most rigs run."""

    number: int
    content: PlaybookContent
    run: int
    """The revision of most rigs; the newest where no rig has any."""
    rigs: int
    """How many rigs run that, of so many."""
    of: int
    apart: list[Difference]
    """What the newest changed since."""


class PlaybookRow(Struct, frozen=True):
    """A playbook in the list."""

    playbook: Playbook
    summary: Summary
    states: list[tuple[str, int, str]]
    """(state, rigs, tone), worst first."""
    changed_iso: str
    changed: str


def ago(ms: int | None, now_ms: int) -> str:
    """How long a moment is past."""
    return "" if ms is None else duration(max(now_ms - ms, 0) / 1000)


def facts_of(content: PlaybookContent) -> list[tuple[str, str]]:
    """(title, value) of everything that is set about where and how it runs."""
    texts = ((field.title, field.text(getattr(content, field.name))) for field in columns_in(PlaybookFields, "where"))
    return [(title, ", ".join(text.splitlines())) for title, text in texts if text]


def preview_rigs(book: Rigs, playbooks: Playbooks, playbook_id: int | None) -> list[tuple[int, str]]:
    """Rigs to choose from, those that have the playbook first."""
    has = {one.rig_id for one in playbooks.holders.of_playbook(playbook_id or 0)}
    rigs = sorted(book.of_kind("cpu-gpu"), key=lambda rig: (rig.id not in has, name_sort(rig.name)))
    return [(rig.id, rig.name) for rig in rigs[:PREVIEW_RIGS]]


class PlaybookViews:
    """Context of the list and of one playbook. `summary` and `sections` belong to nouns above this one."""

    def __init__(
        self,
        playbooks: Playbooks,
        summary: Callable[[Playbook], Summary],
        sections: Sequence[Section],
        gave_up: Callable[[Playbook], Awaitable[bool]],
    ) -> None:
        """`gave_up`: whether the newest revision was tried on rigs and taken back."""
        self.playbooks = playbooks
        self.summary = summary
        self._sections = sections
        self._gave_up = gave_up

    async def edit_from(self, playbook: Playbook, asked: int | None = None) -> EditFrom:
        """Where an edit starts: at the revision that was asked for, else at the newest, unless that was tried and taken
        back: then at what most rigs run. Absent when there is no such revision."""
        held = self.playbooks.holders.of_playbook(playbook.id)
        rigs = Counter(one.revision for one in held)
        run = max(rigs, key=lambda number: (rigs[number], number), default=playbook.revision)
        number = playbook.revision if asked is None else asked
        if asked is None and run != playbook.revision:
            again = any(one.revision == run and one.assigned_at > playbook.updated_at for one in held)
            number = run if again or await self._gave_up(playbook) else number
        return EditFrom(
            number=number,
            content=(await self.playbooks.revision(playbook.id, number)).content,
            run=run,
            rigs=rigs[run],
            of=len(held),
            apart=differences((await self.playbooks.revision(playbook.id, run)).content, playbook.content),
        )

    def row(self, playbook: Playbook, now_ms: int) -> PlaybookRow:
        """One line of the list."""
        summary = self.summary(playbook)
        return PlaybookRow(
            playbook=playbook,
            summary=summary,
            states=[(word, number, TONES.get(word, "")) for word, number in summary.states.items()],
            changed_iso=iso(playbook.updated_at),
            changed=ago(playbook.updated_at, now_ms),
        )

    def index(self, params: Mapping[str, str]) -> dict[str, Any]:
        """All playbooks that match the URL."""
        q, coin = short_text(params, "q", 100), short_text(params, "coin", 16).upper()
        now_ms = utc_ms()
        everything = self.playbooks
        return {
            "rows": [self.row(one, now_ms) for one in everything.listed(q, coin)],
            "q": q,
            "coin": coin,
            "coins": sorted({coin for one in everything.playbooks.values() for coin in one.content.coins}),
            "any": bool(everything.playbooks),
            "has_software": bool(everything.software.software),
            "has_addresses": bool(everything.addresses.addresses),
        }

    async def detail(self, playbook_id: int, params: Mapping[str, str], csrf: str = "") -> dict[str, Any]:
        """One playbook. Absent when there is none."""
        playbook = self.playbooks.get(playbook_id)
        archive = playbook.content.software.archive
        sections = [await section(playbook, params, csrf) for section in self._sections]
        return {
            "row": self.row(playbook, utc_ms()),
            "content": playbook.content,
            "facts": facts_of(playbook.content),
            "archive_here": archive is not None and self.playbooks.software.archives.has(archive.sha256),
            "sections": [Markup(html) for html in sections if html],  # noqa: S704 - from autoescaped templates
        }
