"""Who logs in with the visitors' password sees every page and changes nothing: every route of the whole application,
taken from its router. The screen in the corridor is logged in all night; whoever walks past it must not stop a farm.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import argon2
import httpx
import pytest
from gated import CHEAP_HASH, PASSWORD, csrf, listening
from litestar.routes import HTTPRoute
from websockets.asyncio.client import connect

from rigfarm.commander.auth.control import ResetPassword, ask
from rigfarm.commander.auth.scopes import SAFE_METHODS, needed_scope
from rigfarm.commander.auth.sessions import Sessions
from rigfarm.commander.settings import Settings, SettingsError, load_settings
from rigfarm.commander.storage import Storage
from support.lazy_commander import LazyCommander

VISITORS = "only to look at"
VISITORS_HASH = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(VISITORS)
OWN = {"sessions", "activity", "activity_targets", "meta"}
"""Tables that say who was here, and nothing of the farm."""
MAY = {"read", "metrics", "any"}


class Farm:
    """A whole Commander with both passwords."""

    def __init__(self, lazy: LazyCommander, url: str, folder: Path) -> None:
        self.app, self.url, self.folder, self.commander = lazy.app, url, folder, lazy.commander

    @asynccontextmanager
    async def browser(self, password: str) -> AsyncIterator[httpx.AsyncClient]:
        async with httpx.AsyncClient(base_url=self.url, headers={"Origin": self.url}, timeout=60) as one:
            answer = await one.post("/login", data={"password": password})
            assert answer.status_code == 303, answer.text
            one.headers["X-CSRF-Token"] = await csrf(one)
            yield one

    def routes(self) -> list[tuple[str, str, str | None]]:
        """(method, path template, scope) of every route behind the login."""
        return [
            (str(method), route.path_format, needed_scope(str(method), handler.opt))
            for route in self.app.routes
            if isinstance(route, HTTPRoute)
            for method, (handler, _) in route.route_handler_map.items()
            if method != "OPTIONS" and not handler.opt.get("open") and route.path_format != "/api/stream"  # without end
        ]

    def stored(self) -> dict[str, list[tuple[object, ...]]]:
        """All that the database holds of the farm."""
        with closing(sqlite3.connect(f"file:{self.folder / 'rigfarm.db'}?mode=ro", uri=True)) as one:
            names = [name for (name,) in one.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return {name: one.execute(f"SELECT * FROM {name}").fetchall() for name in names if name not in OWN}


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    folder = tmp_path_factory.mktemp("farm")
    lazy = LazyCommander(Settings(data_dir=folder, password_hash=CHEAP_HASH, visitor_password_hash=VISITORS_HASH))
    with listening(lazy) as url:
        yield Farm(lazy, url, folder)


def filled(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "1", path)


async def test_a_visitor_changes_nothing_by_any_route(farm: Farm) -> None:
    async with farm.browser(PASSWORD) as owner:
        for name in ("rig-01", "rig-02"):
            assert (await owner.post("/api/rigs", json={"name": name, "kind": "cpu-gpu"})).status_code == 201
        await owner.post("/api/keys", json={"name": "grafana"})
    unsafe = [one for one in farm.routes() if one[0] not in SAFE_METHODS]
    assert len(unsafe) > 120
    before = farm.stored()
    assert len(before["rigs"]) == 2
    async with farm.browser(VISITORS) as visitor:
        for method, path, needed in unsafe:
            if path == "/logout":
                continue
            for sent in ({"json": {}}, {"data": {"rigs": "1", "name": "mine"}}):
                answer = await visitor.request(method, filled(path), **sent)  # type: ignore[arg-type]
                if needed not in MAY:
                    assert answer.status_code == 403, (method, path, answer.text)
                    assert "visitor" in answer.text, (method, path)
    assert farm.stored() == before


async def test_a_visitor_sees_every_page(farm: Farm) -> None:
    async with farm.browser(PASSWORD) as owner:
        assert (await owner.post("/api/rigs", json={"name": "rig-of-pages", "kind": "cpu-gpu"})).status_code == 201
    pages = [path for method, path, needed in farm.routes() if method == "GET" and needed in MAY]
    assert len(pages) > 80
    async with farm.browser(VISITORS) as visitor, farm.browser(PASSWORD) as owner:
        for path in pages:
            seen, own = await visitor.get(filled(path)), await owner.get(filled(path))
            if seen.status_code == 403:
                assert re.search(r'method="post"', own.text), f"{path} is refused to visitors and has no form"
                assert "You are logged in as a visitor" in re.sub("&#39;", "'", seen.text)
            else:
                assert seen.status_code == own.status_code, path
        for path in ("/", "/rigs", "/asics", "/rigs/1", "/playbooks", "/alerts", "/activity", "/settings/sessions"):
            shown = await visitor.get(path)
            assert shown.status_code == 200
            assert "data-visitor" in shown.text


async def test_what_gives_access_is_not_read_by_a_visitor(farm: Farm) -> None:
    async with farm.browser(VISITORS) as visitor:
        for path in ("/api/keys", "/api/logins"):
            assert (await visitor.get(path)).status_code == 403
        assert (await visitor.get("/api/session")).json()["kind"] == "visitor"


async def test_live_pages_work_for_a_visitor(farm: Farm) -> None:
    async with farm.browser(VISITORS) as visitor:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())}
        url = f"{farm.url.replace('http', 'ws')}/live?page=/rigs"
        async with connect(url, additional_headers=headers, origin=farm.url) as socket:  # type: ignore[arg-type]
            assert await socket.recv()


async def test_a_wall_is_told_at_once_how_the_farm_is_and_which_program_tells(farm: Farm) -> None:
    async with farm.browser(VISITORS) as visitor:
        assert 'id="wall"' in (await visitor.get("/wall?theme=dark")).text
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())}
        url = f"{farm.url.replace('http', 'ws')}/live?page=/wall"
        async with connect(url, additional_headers=headers, origin=farm.url) as socket:  # type: ignore[arg-type]
            heard = ""
            while '"event":"snapshot"' not in heard:
                heard += str(await socket.recv())
    assert 'hx-target="#wall"' in heard
    assert '"event":"wall","build":"' in heard


async def test_a_screen_keeps_its_cookie_for_as_long_as_it_is_looked_at(farm: Farm) -> None:
    async with farm.browser(VISITORS) as visitor, farm.browser(PASSWORD) as owner:
        assert f"Max-Age={400 * 86_400}" in (await visitor.get("/wall")).headers["set-cookie"]
        assert "set-cookie" not in (await owner.get("/wall")).headers


async def test_a_visitors_login_lasts_while_it_is_used_and_others_end(storage: Storage) -> None:
    day, now = 86_400.0, [0.0]
    sessions = Sessions(30 * day, 90 * day, clock=lambda: now[0])
    await sessions.load(storage)
    screen = await sessions.create("a screen", "10.0.0.9", visitor=True)
    phone = await sessions.create("a phone", "10.0.0.8")
    for _ in range(20):
        now[0] += 20 * day
        assert sessions.find(screen, "10.0.0.9") is not None
        sessions.find(phone, "10.0.0.8")
    assert sessions.find(phone, "10.0.0.8") is None
    now[0] += 31 * day
    assert sessions.find(screen, "10.0.0.9") is None


async def test_the_list_of_logins_and_the_activity_say_who_is_a_visitor(farm: Farm) -> None:
    async with farm.browser(VISITORS) as visitor, farm.browser(PASSWORD) as owner:
        await visitor.post("/api/rigs", json={"name": "by a visitor", "kind": "asic"})
        logins = (await owner.get("/api/logins")).json()
        assert {one.get("visitor", False) for one in logins} == {True, False}
        assert "changes nothing" in (await owner.get("/settings/sessions")).text
        entries = (await owner.get("/api/activity?by=visitor")).json()
        assert {"log in", "create rig"} <= {one["action"] for one in entries}
        page = (await owner.get("/activity?by=visitor")).text
        assert "visitor" in page
        assert "POST /api/rigs" in page


async def test_a_visitor_has_no_attempts_of_its_own_at_the_other_password(farm: Farm) -> None:
    async with farm.browser(VISITORS) as visitor, farm.browser(PASSWORD) as owner:
        assert not any("device" in name for name in visitor.cookies)
        assert any("device" in name for name in owner.cookies)


async def test_another_password_for_visitors_ends_their_logins_only(tmp_path: Path) -> None:
    lazy = LazyCommander(Settings(data_dir=tmp_path, password_hash=CHEAP_HASH))
    with listening(lazy) as url:
        farm = Farm(lazy, url, tmp_path)
        async with farm.browser(PASSWORD) as owner:
            assert (await owner.post("/login", data={"password": VISITORS})).status_code == 401
            assert ask(tmp_path, ResetPassword(VISITORS_HASH, visitor=True)).refusal is None
            async with farm.browser(VISITORS) as visitor:
                assert (await visitor.get("/rigs")).status_code == 200
                assert ask(tmp_path, ResetPassword("", visitor=True)).refusal is None
                assert (await visitor.get("/rigs")).status_code == 303
                assert (await visitor.post("/login", data={"password": VISITORS})).status_code == 401
            assert (await owner.get("/rigs")).status_code == 200


async def test_a_command_cannot_replace_what_the_settings_have(farm: Farm) -> None:
    refusal = ask(farm.folder, ResetPassword("", visitor=True)).refusal
    assert refusal is not None
    assert "comes from the settings" in refusal


async def test_visitors_of_a_password_that_left_the_settings_are_out(tmp_path: Path) -> None:
    async def visits(**settings: str) -> bool:
        lazy = LazyCommander(Settings(data_dir=tmp_path, password_hash=CHEAP_HASH, **settings))  # type: ignore[arg-type]
        with listening(lazy) as url:
            port = url.rpartition(":")[2]
            async with httpx.AsyncClient(base_url=url, headers={"Origin": url}) as one:
                if not kept:
                    await one.post("/login", data={"password": VISITORS})
                    kept.update((name.rpartition("-")[0], value) for name, value in one.cookies.items())
                cookies = "; ".join(f"{name}-{port}={value}" for name, value in kept.items())
                return (await one.get("/rigs", headers={"Cookie": cookies})).status_code == 200

    kept: dict[str, str] = {}
    assert await visits(visitor_password=VISITORS)
    assert await visits(visitor_password=VISITORS), "the same password: logins stay"
    assert not await visits()


def test_the_farms_own_password_is_not_taken_for_visitors() -> None:
    same = {"RIGFARM_PASSWORD": "the same for all", "RIGFARM_VISITOR_PASSWORD": "the same for all"}
    with pytest.raises(SettingsError, match="visitors could change everything"):
        load_settings(environ=same)
    both = {"RIGFARM_VISITOR_PASSWORD": "one of them", "RIGFARM_VISITOR_PASSWORD_HASH": VISITORS_HASH}
    with pytest.raises(SettingsError, match="keep one of them"):
        load_settings(environ=both)
