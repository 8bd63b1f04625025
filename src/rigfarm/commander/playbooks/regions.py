"""The live parts of the playbook pages: what each shows, as context for its template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment

from rigfarm.commander.live import PageRoutes
from rigfarm.commander.numbers import number
from rigfarm.commander.playbooks import broadcasts
from rigfarm.commander.playbooks.book import PlaybookBook
from rigfarm.commander.playbooks.rollouts import Rollouts
from rigfarm.commander.playbooks.view import playbook_row, rig_rows, rollout_view
from rigfarm.commander.refusals import Absent
from rigfarm.commander.web.region_page import GoneError, RegionPage
from rigfarm.common.clock import utc_ms

__all__ = ["PlaybookRegions", "register_live_pages"]


class PlaybookRegions:
    """Context of the list, of one playbook, of one roll-out."""

    def __init__(self, book: PlaybookBook, rollouts: Rollouts) -> None:
        self._book = book
        self._rollouts = rollouts

    def index(self, params: Mapping[str, str]) -> dict[str, Any]:
        """All playbooks that match the URL."""
        q, coin = params.get("q", "").strip()[:100], params.get("coin", "").strip().upper()[:16]
        now_ms = utc_ms()
        return {
            "rows": [
                playbook_row(one, self._book, self._rollouts.of(one.id), now_ms) for one in self._book.listed(q, coin)
            ],
            "q": q,
            "coin": coin,
            "coins": sorted({coin for one in self._book.playbooks.values() for coin in one.content.coins}),
            "any": bool(self._book.playbooks),
            "has_software": bool(self._book.software.software),
            "has_addresses": bool(self._book.addresses.addresses),
        }

    async def detail(self, playbook_id: int, params: Mapping[str, str]) -> dict[str, Any]:
        """One playbook. Absent when there is none."""
        playbook = self._book.get(playbook_id)
        now_ms = utc_ms()
        page = number(params.get("page", "")) or 1
        rows, pages = rig_rows(playbook_id, self._book, page, now_ms)
        active = self._rollouts.of(playbook_id)
        latest = active or next(iter(await self._rollouts.listed(playbook_id)), None)
        return {
            "row": playbook_row(playbook, self._book, active, now_ms),
            "content": playbook.content,
            "rows": rows,
            "page": min(page, pages),
            "pages": pages,
            "rollout": None if latest is None else rollout_view(latest, self._book),
            "archive_here": self._archive_here(playbook.id),
        }

    async def rollout(self, rollout_id: int) -> dict[str, Any]:
        """One roll-out. Absent when there is none."""
        return {"rollout": rollout_view(await self._rollouts.get(rollout_id), self._book)}

    def _archive_here(self, playbook_id: int) -> bool:
        archive = self._book.get(playbook_id).content.software.archive
        return archive is not None and self._book.software.archives.has(archive.sha256)


def register_live_pages(routes: PageRoutes, templates: Environment, book: PlaybookBook, rollouts: Rollouts) -> None:
    """List, one playbook, one roll-out."""
    shown = PlaybookRegions(book, rollouts)

    def rendered(template: str, context: dict[str, Any]) -> str:
        return templates.get_template(template).render(**context)

    def index(_: Mapping[str, str], params: Mapping[str, str]) -> RegionPage:
        async def regions() -> dict[str, str]:
            return {"playbooks": rendered("playbook_list.html", shown.index(params))}

        return RegionPage([broadcasts.INDEX], regions)

    def detail(groups: Mapping[str, str], params: Mapping[str, str]) -> RegionPage:
        playbook_id = int(groups["id"])

        async def regions() -> dict[str, str]:
            try:
                context = await shown.detail(playbook_id, params)
            except Absent:
                raise GoneError("/playbooks", "This playbook was removed.") from None
            parts = {"playbook-head": "playbook_head.html", "playbook-live": "playbook_live.html"}
            return {key: rendered(template, context) for key, template in parts.items()}

        return RegionPage([broadcasts.playbook_channel(playbook_id)], regions)

    def rollout(groups: Mapping[str, str], _: Mapping[str, str]) -> RegionPage:
        rollout_id, playbook_id = int(groups["id"]), int(groups["playbook"])

        async def regions() -> dict[str, str]:
            try:
                return {"rollout": rendered("rollout_body.html", await shown.rollout(rollout_id))}
            except Absent:
                raise GoneError("/playbooks", "This roll-out was removed with its playbook.") from None

        return RegionPage([broadcasts.playbook_channel(playbook_id)], regions)

    routes.add(r"/playbooks", index)
    routes.add(r"/playbooks/(?P<id>\d{1,9})", detail)
    routes.add(r"/playbooks/(?P<playbook>\d{1,9})/rollouts/(?P<id>\d{1,9})", rollout)
