"""A view that one operator saved is a tab for all, says what it said, and never means other rigs than it did."""

from __future__ import annotations

import pytest
from litestar import Litestar
from litestar.di import Provide
from litestar.testing import AsyncTestClient

from rigfarm.commander.live import Hub
from rigfarm.commander.refusals import Absent, ChangedMeanwhile, Conflict, Invalid
from rigfarm.commander.rigs.listing.query import IndexQuery
from rigfarm.commander.storage import Storage
from rigfarm.commander.views import Views
from rigfarm.commander.views.api import api_routes
from rigfarm.commander.views.model import MAX_VIEWS
from rigfarm.commander.views.view import tabs
from rigfarm.commander.web.problems import problem_handlers


@pytest.fixture
async def views(storage: Storage, hub: Hub) -> Views:
    made = Views(storage, hub)
    await made.load()
    return made


async def test_a_view_outlasts_a_restart_without_the_page_it_was_saved_on(
    views: Views, storage: Storage, hub: Hub
) -> None:
    saved = await views.create("cpu-gpu", " Hot  ones ", "?page=3&q=temp>80&sort=-devices&cols=power,state")
    assert (saved.name, saved.search) == ("Hot ones", "q=temp%3E80&sort=-devices&cols=power%2Cstate")
    again = Views(storage, hub)
    await again.load()
    assert again.listed("cpu-gpu") == [saved]
    assert again.listed("asic") == []


@pytest.mark.parametrize(
    "search", ["", "page=2", "q=colour:red", "sort=beauty", "cols=model", "rm=1", "q=" + "x" * 3_000]
)
async def test_what_an_index_does_not_understand_is_not_saved(views: Views, search: str) -> None:
    with pytest.raises(Invalid):
        await views.create("cpu-gpu", "strange", search)
    assert views.listed() == []


async def test_names_are_distinct_on_an_index_and_there_are_not_too_many(views: Views) -> None:
    first = await views.create("cpu-gpu", "by name", "sort=name")
    await views.create("asic", "by name", "sort=name")
    with pytest.raises(Conflict, match="already exists"):
        await views.create("cpu-gpu", "BY NAME", "sort=power")
    for number in range(MAX_VIEWS - 1):
        await views.create("cpu-gpu", f"view {number}", "sort=power")
    with pytest.raises(Conflict, match="maximum"):
        await views.create("cpu-gpu", "one more", "sort=power")
    await views.remove(first.id)
    await views.create("cpu-gpu", "one more", "sort=power")
    with pytest.raises(Absent):
        views.get(first.id)


async def test_a_change_of_a_view_that_was_changed_meanwhile_is_refused(views: Views) -> None:
    view = await views.create("cpu-gpu", "mine", "sort=name")
    renamed = await views.change(view.id, name="ours", revision=1)
    assert (renamed.name, renamed.search, renamed.revision) == ("ours", "sort=name", 2)
    with pytest.raises(ChangedMeanwhile):
        await views.change(view.id, search="sort=power", revision=1)
    assert (await views.change(view.id, search="sort=power")).search == "sort=power"


async def test_tabs_say_which_view_is_shown_and_offer_to_save_what_is_none(views: Views) -> None:
    view = await views.create("cpu-gpu", "mine", "state=attention&sort=name")
    shown = tabs(views, IndexQuery.parse("cpu-gpu", {"sort": "name", "state": "attention", "page": "2"}))
    assert (shown.current, shown.usual, shown.save) == (view.id, False, "")
    assert tabs(views, IndexQuery("cpu-gpu")).usual
    other = tabs(views, IndexQuery.parse("cpu-gpu", {"q": "hot"}))
    assert (other.current, other.save) == (0, "/views/new?kind=cpu-gpu&search=q%3Dhot")


async def test_programs_save_rename_and_remove_views(views: Views) -> None:
    app = Litestar(
        [api_routes],
        dependencies={"views": Provide(lambda: views, sync_to_thread=False)},
        exception_handlers=problem_handlers(),
    )
    async with AsyncTestClient(app) as client:
        made = await client.post("/api/views", json={"kind": "asic", "name": "by power", "search": "sort=-power"})
        assert (made.status_code, made.json()["href"]) == (201, "/asics?sort=-power")
        wrong = await client.post("/api/views", json={"kind": "asic", "name": "x", "search": "sort=beauty"})
        assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "search")
        view = f"/api/views/{made.json()['id']}"
        assert (await client.patch(view, json={"name": "hungry", "revision": 1})).json()["name"] == "hungry"
        assert (await client.patch(view, json={"name": "y", "revision": 1})).status_code == 409
        assert [one["name"] for one in (await client.get("/api/views?kind=asic")).json()] == ["hungry"]
        assert (await client.delete(view)).status_code == 204
        assert (await client.get(view)).status_code == 404
