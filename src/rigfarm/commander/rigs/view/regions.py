"""Pieces of the rig pages for their live sessions, rendered from the templates that made the page."""

from __future__ import annotations

from jinja2 import Environment

from rigfarm.commander.rigs import view
from rigfarm.commander.web.fragments import morph

__all__ = ["Regions"]


class Regions:
    """Frames of HTML. Ids are those of the templates."""

    def __init__(self, templates: Environment) -> None:
        self._templates = templates

    def whole_index(self, page: view.IndexPage) -> str:
        """All of an index."""
        return self._content("rigs_index.html", page=page)

    def index(self, page: view.IndexPage) -> str:
        """What stands around the rows of an index: totals, who waits, the filters' numbers."""
        return self.totals(page) + self._part("waiting", "rigs_waiting.html", page) + self._filters(page)

    def totals(self, page: view.IndexPage) -> str:
        """The cards above an index."""
        return self._part("totals", "rigs_totals.html", page)

    def _filters(self, page: view.IndexPage) -> str:
        return self._part("filters", "rigs_filters.html", page)

    def joined(self, join: view.JoinView) -> str:
        """A rig reported for the first time: the page that waits for it shows that."""
        return morph(f"join-{join.id}", self._templates.get_template("rig_joined.html").render(join=join))

    def whole_detail(self, page: view.DetailPage, panel: str, ranges: view.RangeView) -> str:
        """All of a rig's page: it was waiting, and has charts now."""
        return self._content("rig_detail.html", page=page, panel=panel, ranges=ranges)

    def panel(self, html: str) -> str:
        """What other parts show on a rig's page."""
        return morph("rig-playbooks", html) if html else ""

    def detail(self, page: view.DetailPage) -> str:
        """What changes on a rig's page; its charts are told apart."""
        return (
            self._part("rig-state", "rig_state.html", page)
            + self._part("rig-labels", "rig_labels.html", page)
            + self._part("rig-maintenance", "rig_maintenance.html", page)
            + self._part("rig-live", "rig_live.html", page)
            + self._part("rig-more", "rig_more.html", page)
            + self._part("rig-side", "rig_side.html", page)
        )

    def chips(self, heat: view.HeatMap | None) -> str:
        """The heat map of an ASIC's boards."""
        return morph("rig-chips", self._templates.get_template("rig_chips.html").render(heat=heat))

    def actions(self, page: view.DetailPage) -> str:
        """What the rig can be told: it may have said that it can do more, or less."""
        return self._part("rig-actions", "rig_actions.html", page)

    def name(self, name: str, href: str) -> str:
        """A rig's name where it is shown; a form in its place, with what is typed in it, stays."""
        html = self._templates.get_template("rig_name.html").render(name=name, href=href)
        return f'<hx-partial hx-target="h1#rig-name" hx-swap="outerMorph">{html.strip()}</hx-partial>'

    def overview(self, page: view.OverviewPage) -> str:
        """All of the overview."""
        return self._part("overview", "overview_body.html", page)

    def _part(self, element_id: str, template: str, page: object) -> str:
        return morph(element_id, self._templates.get_template(template).render(page=page))

    def _content(self, template: str, **context: object) -> str:
        # dialog.html is a frame with nothing but the content in it.
        html = self._templates.get_template(template).render(layout="dialog.html", **context)
        return f'<hx-partial hx-target="#main" hx-swap="innerMorph">{html.strip()}</hx-partial>'
