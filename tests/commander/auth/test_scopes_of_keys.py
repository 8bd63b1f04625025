"""A key does what its scopes say: every route of the whole application's API, taken from its router, with every scope.

An operator whose dashboard's key leaks must not find his rigs rebooted, and one whose script's key leaks must not find
another's wallet in his playbooks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from gated import CHEAP_HASH, PASSWORD, csrf, listening
from litestar import post
from litestar.routes import HTTPRoute

from rigfarm.commander.auth.control import CreateKey, ask
from rigfarm.commander.auth.scopes import SAFE_METHODS, SCOPES, Scope, needed_scope
from rigfarm.commander.auth.store import load_keys
from rigfarm.commander.settings import Settings
from support.lazy_commander import LazyCommander

CONSIDERED = {
    ("POST", "/api/playbooks/{playbook_id}/plan"): "read",
    ("POST", "/api/playbooks/{playbook_id}/apply"): "operate",
    ("POST", "/api/commands"): "operate",
    ("POST", "/api/rigs/{rig_id}/token"): "configure",
    ("PATCH", "/api/rigs/{rig_id}/variables"): "configure",
    ("DELETE", "/api/rigs/{rig_id}"): "configure",
    ("POST", "/api/enrol"): "enrol",
    ("GET", "/api/activity"): "access",
    ("GET", "/api/logins"): "access",
}
"""Some, to see that the test looks at what it means to."""


@post("/api/forgotten")
async def forgotten() -> str:
    """A route whose author did not think of keys."""
    return "done"


class Farm:
    """The whole Commander, and a key of every scope."""

    def __init__(self, lazy: LazyCommander, url: str, folder: Path) -> None:
        self.app, self.url, self.commander = lazy.app, url, lazy.commander
        self.keys: dict[Scope, str] = {}
        for scope in SCOPES:
            secret = ask(folder, CreateKey(f"may {scope}", (scope,), 3600)).secret
            assert secret is not None
            self.keys[scope] = secret

    def api(self) -> list[tuple[str, str, str | None]]:
        """(method, path template, scope) of every route that takes keys."""
        return [
            (str(method), route.path_format, needed_scope(str(method), handler.opt))
            for route in self.app.routes
            if isinstance(route, HTTPRoute) and route.path_format.startswith("/api/")
            for method, (handler, _) in route.route_handler_map.items()
            if method != "OPTIONS" and not handler.opt.get("open") and route.path_format != "/api/stream"  # without end
        ]

    def program(self, scope: Scope) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {self.keys[scope]}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=60)


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    folder = tmp_path_factory.mktemp("farm")
    lazy = LazyCommander(Settings(data_dir=folder, password_hash=CHEAP_HASH), forgotten)
    with listening(lazy) as url:
        yield Farm(lazy, url, folder)


def test_every_route_that_changes_something_says_which_scope_it_needs(farm: Farm) -> None:
    routes = farm.api()
    silent = [(method, path) for method, path, scope in routes if scope is None]
    assert silent == [("POST", "/api/forgotten")], "say which scope they need: opt=OPERATE, for example"
    found = {(method, path): scope for method, path, scope in routes}
    assert found.items() >= CONSIDERED.items()
    assert len([path for method, path, _ in routes if method not in SAFE_METHODS]) > 25
    assert {scope for method, _, scope in routes if method in SAFE_METHODS} == {"read", "any", "access"}


@pytest.mark.parametrize("held", SCOPES)
async def test_a_key_opens_the_routes_of_its_scope_and_no_others(farm: Farm, held: Scope) -> None:
    async with farm.program(held) as program:
        for method, path, needed in farm.api():
            answer = await program.request(method, re.sub(r"\{[^}]*\}", "999", path))
            if needed in (held, "any"):
                assert answer.status_code not in (401, 403), (method, path, answer.text)
                continue
            assert answer.status_code == 403, (method, path, answer.text)
            detail = answer.json()["detail"]
            if needed is None:
                assert "API keys can't do this" in detail
            else:
                assert f"This key can only {held}; it needs the scope {needed}." in detail


async def test_a_login_needs_no_scope_but_cannot_enrol(farm: Farm) -> None:
    async with httpx.AsyncClient(base_url=farm.url, headers={"Origin": farm.url}) as browser:
        await browser.post("/login", data={"password": PASSWORD})
        browser.headers["X-CSRF-Token"] = await csrf(browser)
        made = await browser.post("/api/rigs", json={"name": "by a person", "kind": "asic"})
        assert made.status_code == 201
        refused = await browser.post("/api/enrol", json={"rigs": [{"name": "x"}]})
        assert refused.status_code == 403
        assert "needs an enrolment key" in refused.json()["detail"]


async def test_a_command_that_decides_who_is_paid_needs_configure(farm: Farm) -> None:
    """Whoever holds a key that may reboot rigs must not point them at a pool of his."""
    pool = {"url": "stratum+tcp://evil.example:1", "user": "w"}
    pools = {"command": {"type": "set-pools", "pools": [pool]}, "rigs": [1]}
    async with farm.program("operate") as program:
        refused = await program.post("/api/commands", json=pools)
        assert refused.status_code == 403, refused.text
        assert "it needs the scope configure" in refused.json()["detail"]
        reboot = await program.post("/api/commands", json={"command": {"type": "reboot"}, "rigs": [999]})
        assert reboot.status_code == 404


async def test_the_documentation_names_the_scopes(farm: Farm) -> None:
    async with farm.program("read") as program:
        schema = (await program.get("/api/docs/openapi.json")).json()
    scheme = schema["components"]["securitySchemes"]["apiKey"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    assert all(scope in scheme["description"] for scope in SCOPES)
    assert schema["paths"]["/api/commands"]["post"]["security"] == [{"apiKey": ["operate"]}]
    assert schema["paths"]["/api/rigs"]["get"]["security"] == [{"apiKey": ["read"]}]
    assert schema["paths"]["/metrics"]["get"]["security"] == [{"apiKey": ["metrics"]}]
    assert {"401", "403"} <= schema["paths"]["/metrics"]["get"]["responses"].keys()
    assert "security" not in schema["paths"]["/healthz"]["get"]


async def test_a_right_enrolment_key_works_beside_wrong_ones(farm: Farm) -> None:
    """One Sentry with a mistyped key must not keep the others behind the same NAT from enrolling."""
    async with farm.program("enrol") as sentry:
        wrong = {"Authorization": "Bearer re_mistyped"}
        found = [(await sentry.post("/api/enrol", json={"rigs": []}, headers=wrong)).status_code for _ in range(12)]
        assert set(found) == {401, 429}
        assert (await sentry.post("/api/enrol", json={"rigs": [{"name": "from the NAT"}]})).status_code == 201


async def test_an_enrolment_key_is_a_key_like_others(farm: Farm) -> None:
    """It is listed, its last use is known, and it is refused from the moment it is revoked."""
    async with farm.program("enrol") as sentry:
        made = await sentry.post("/api/enrol", json={"rigs": [{"name": "asic"}, {"name": "asic"}]})
        assert made.status_code == 201, made.text
        assert [rig["name"] for rig in made.json()["rigs"]] == ["asic", "asic-2"]
        assert (await sentry.get("/api/rigs")).status_code == 403
    key = next(key for key in farm.commander.auth.keys.all() if key.name == "may enrol")
    assert (key.enrolled >= 2, key.last_used_from) == (True, "127.0.0.1")
    assert farm.keys["enrol"].startswith("re_")


async def test_a_key_that_revokes_itself_is_gone_for_good(farm: Farm) -> None:
    keys = farm.commander.auth.keys
    secret = ask(farm.commander.settings.data_dir, CreateKey("leaving", ("access",), 3600)).secret
    (leaving,) = [key for key in keys.all() if key.name == "leaving"]
    async with httpx.AsyncClient(base_url=farm.url, headers={"Authorization": f"Bearer {secret}"}) as program:
        assert (await program.delete(f"/api/keys/{leaving.id}")).status_code == 204
    async with farm.commander.storage.read() as tx:
        assert "leaving" not in {key.name for key, _ in await load_keys(tx)}
