"""The pages of playbooks: list, one, its history. The form that writes one is in `content.pages`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import zip_longest
from typing import Any, TypeAlias

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Struct

from rigfarm.commander.asked import whole_number
from rigfarm.commander.playbooks.actions import Playbooks
from rigfarm.commander.playbooks.content.diff import differences
from rigfarm.commander.playbooks.content.pages import form_routes
from rigfarm.commander.playbooks.content.preview import argument_preview
from rigfarm.commander.playbooks.view import PlaybookViews, ago, preview_rigs
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.web.checked import asks
from rigfarm.commander.web.headers import is_htmx
from rigfarm.commander.web.render import render
from rigfarm.common.clock import iso, utc_ms
from rigfarm.units import counted
from rigfarm.wire.template import TemplateError

__all__ = ["page_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect | Response[Any]


class RollBackData(Struct):
    """Which revision shall be the newest again."""

    revision: int = 0


# Looking


@get("/playbooks", opt=asks("q", "coin"), include_in_schema=False)
async def playbooks_page(request: WebRequest, playbook_views: NamedDependency[PlaybookViews]) -> Template:
    """All playbooks and how they do."""
    live = f"/playbooks?{request.url.query}" if request.url.query else "/playbooks"
    context = playbook_views.index(dict(request.query_params))
    return render(request, "playbook_index.html", active="playbooks", live=live, **context)


@get("/playbooks/{playbook_id:int}", opt=asks("page"), include_in_schema=False)
async def playbook_page(
    request: WebRequest,
    playbook_id: FromPath[int],
    playbooks: NamedDependency[Playbooks],
    book: NamedDependency[Rigs],
    playbook_views: NamedDependency[PlaybookViews],
) -> Template:
    """One playbook, and the rigs that have it."""
    here = f"/playbooks/{playbook_id}"
    live = f"{here}?{request.url.query}" if request.url.query else here
    viewer = request.scope.get("auth")
    context = await playbook_views.detail(playbook_id, dict(request.query_params), viewer.csrf if viewer else "")
    return render(
        request,
        "playbook_detail.html",
        active="playbooks",
        live=live,
        preview_rigs=preview_rigs(book, playbooks, playbook_id),
        preview=_preview(book, playbooks, playbook_id, None),
        **context,
    )


@get("/playbooks/{playbook_id:int}/preview", opt=asks("preview_rig"), include_in_schema=False)
async def preview_page(
    request: WebRequest,
    playbook_id: FromPath[int],
    playbooks: NamedDependency[Playbooks],
    book: NamedDependency[Rigs],
) -> Template:
    """The exact arguments on a rig that was chosen."""
    chosen = whole_number(dict(request.query_params), "preview_rig")
    return render(request, "playbook_preview.html", preview=_preview(book, playbooks, playbook_id, chosen))


@get("/playbooks/{playbook_id:int}/history", opt=asks("before"), include_in_schema=False)
async def history_page(
    request: WebRequest, playbook_id: FromPath[int], playbooks: NamedDependency[Playbooks]
) -> Template:
    """Every revision with what it changed, and the way back to it."""
    found = await playbooks.history(playbook_id, whole_number(dict(request.query_params), "before"))
    has = Counter(one.revision for one in playbooks.holders.of_playbook(playbook_id))
    now_ms = utc_ms()
    rows = [
        {
            "revision": one,
            "differences": differences(earlier.content if earlier is not None else None, one.content),
            "rigs": has[one.number],
            "iso": iso(one.created_at),
            "age": ago(one.created_at, now_ms),
        }
        for one, earlier in zip_longest(found, found[1:])
    ]
    playbook = playbooks.get(playbook_id)
    older = found[-1].number if found and found[-1].number > 1 else None
    return render(request, "playbook_history.html", active="playbooks", playbook=playbook, rows=rows, older=older)


@get("/playbooks/{playbook_id:int}/rollback", opt=asks("revision"), include_in_schema=False)
async def ask_roll_back(
    request: WebRequest, playbook_id: FromPath[int], playbooks: NamedDependency[Playbooks]
) -> Template:
    """What rolling back means."""
    number = whole_number(dict(request.query_params), "revision")
    revision = await playbooks.revision(playbook_id, number or 0)
    playbook = playbooks.get(playbook_id)
    return render(
        request,
        "playbook_rollback.html",
        active="playbooks",
        hx=is_htmx(request.scope),
        playbook=playbook,
        revision=revision,
        differences=differences(playbook.content, revision.content),
    )


@post("/playbooks/{playbook_id:int}/rollback", status_code=200, include_in_schema=False)
async def roll_back(
    playbook_id: FromPath[int],
    data: URLEncodedBody[RollBackData],
    playbooks: NamedDependency[Playbooks],
) -> Answer:
    """Make it the newest again."""
    await playbooks.roll_back(playbook_id, data.revision)
    return Redirect(f"/playbooks/{playbook_id}", status_code=303)


@get("/playbooks/{playbook_id:int}/remove", include_in_schema=False)
async def ask_remove(
    request: WebRequest,
    playbook_id: FromPath[int],
    playbooks: NamedDependency[Playbooks],
    book: NamedDependency[Rigs],
) -> Template:
    """What removing it means, and where."""
    playbook = playbooks.get(playbook_id)
    on = playbooks.holders.of_playbook(playbook_id)
    lines = [
        f"It stops on {counted(len(on), 'rig')}." if on else "No rigs run it.",
        f"Its history of {counted(playbook.revision, 'revision')} is deleted.",
    ]
    return render(
        request,
        "remove.html",
        active="playbooks",
        hx=is_htmx(request.scope),
        target=playbook.name,
        action=f"/playbooks/{playbook.id}/remove",
        back=f"/playbooks/{playbook.id}",
        items=sorted(book.rigs[one.rig_id].name for one in on),
        consequences=lines,
    )


@post("/playbooks/{playbook_id:int}/remove", status_code=200, include_in_schema=False)
async def remove_playbook(playbook_id: FromPath[int], playbooks: NamedDependency[Playbooks]) -> Answer:
    """Remove it: the dialog has named the rigs."""
    await playbooks.remove(playbook_id, even_if_used=True)
    return Redirect("/playbooks", status_code=303)


page_routes = [
    *form_routes,
    playbooks_page,
    playbook_page,
    preview_page,
    history_page,
    ask_roll_back,
    roll_back,
    ask_remove,
    remove_playbook,
]


def _preview(book: Rigs, playbooks: Playbooks, playbook_id: int, rig_id: int | None) -> Mapping[str, object]:
    content = playbooks.get(playbook_id).content
    chosen = rig_id if rig_id is not None else next((one for one, _ in preview_rigs(book, playbooks, playbook_id)), 0)
    rig = book.rigs.get(chosen)
    name = rig.name if rig is not None else "rig-01"
    program = content.software.archive.executable if content.software.archive is not None else content.software.name
    shown: dict[str, object] = {"program": program, "rig": name, "arguments": [], "why": ""}
    try:
        shown["arguments"] = argument_preview(content, name, playbooks.holders.variables_of(chosen))
    except TemplateError as error:
        shown["why"] = str(error)
    return shown
