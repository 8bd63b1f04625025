"""Every change leaves one line in the log: who, from where, what, to what, with what result. The list of what changes
something is taken from the router of the whole application and from the control socket's questions.

After a theft an operator asks who pointed his rigs at another pool, and when: without these lines nobody can say.
"""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from gated import CHEAP_HASH, PASSWORD, csrf, listening
from litestar.routes import HTTPRoute
from structlog.testing import capture_logs

from rigfarm.commander.auth.changes import REFUSED_LINES, ChangeLog
from rigfarm.commander.auth.control import CreateKey, ListKeys, Question, ResetPassword, RevokeKey, ask
from rigfarm.commander.auth.scopes import SAFE_METHODS, changes_something
from rigfarm.commander.changes import MAX_VALUE, Actor, Change, describe
from rigfarm.commander.server.incidents import Incidents
from rigfarm.commander.settings import Settings
from rigfarm.common.log_output import configure_log
from support.lazy_commander import LazyCommander
from support.until import until

LOOK_ONLY = {
    "/api/circuits/forecast",
    "/api/placing-rules/plan",
    "/api/placing-rules/trial",
    "/api/playbooks/{playbook_id}/plan",
    "/commands/choose",
    "/commands/new",
    "/alerts/channels/preview",
    "/alerts/rules/says",
    "/places/fill/choose",
    "/places/rules/trial",
    "/playbooks/draft",
    "/playbooks/preview",
    "/playbooks/{playbook_id}/apply/foot",
    "/playbooks/{playbook_id}/rigs/ask",
    "/rigs/new/many/preview",
    "/sentry-updates/new",
}
"""POSTs that change nothing: they show what something would do."""
OUTCOMES = ("changed", "refused", "failed")


class Farm:
    def __init__(self, lazy: LazyCommander, url: str, folder: Path) -> None:
        self.app, self.commander, self.url, self.folder = lazy.app, lazy.commander, url, folder

    def routes(self) -> list[tuple[str, str, bool]]:
        """(method, path template, whether it changes something) of all that are not only read."""
        return [
            (str(method), route.path_format, changes_something(str(method), handler.opt))
            for route in self.app.routes
            if isinstance(route, HTTPRoute)
            for method, (handler, _) in route.route_handler_map.items()
            if method not in SAFE_METHODS
        ]

    async def browser(self) -> httpx.AsyncClient:
        browser = httpx.AsyncClient(base_url=self.url, headers={"Origin": self.url}, timeout=60)
        assert (await browser.post("/login", data={"password": PASSWORD})).status_code == 303
        browser.headers["X-CSRF-Token"] = await csrf(browser)
        return browser


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    folder = tmp_path_factory.mktemp("farm")
    lazy = LazyCommander(Settings(data_dir=folder, password_hash=CHEAP_HASH))
    with listening(lazy) as url:
        yield Farm(lazy, url, folder)


def _changes(lines: Any) -> list[dict[str, Any]]:
    return [line for line in lines if line["event"] in OUTCOMES]


async def test_every_route_that_changes_something_leaves_one_line(farm: Farm) -> None:
    routes = farm.routes()
    assert {path for _, path, changes in routes if not changes} == LOOK_ONLY
    assert len(routes) > 70
    for method, path, changes in routes:
        if path == "/acknowledge/{token}":
            continue  # a forged link of a message is a stranger's attempt, which leaves no line
        if path.startswith("/api/v1/"):
            continue  # what an agent reports of its rig isn't a change, nor are a Sentry's frames
        browser = await farm.browser()
        body = {"json": {"canary": "in-the-body"}} if path.startswith("/api/") else {"data": {"canary": "in-the-body"}}
        with capture_logs() as lines:
            url = re.sub(r"\{[^}]*\}", "999", path)
            answer = await browser.request(method, url, **body)
            if changes:  # it is written after the answer was sent
                await until(lambda: _changes(lines), f"a line about {method} {path}")
        found = _changes(lines)
        await browser.aclose()
        assert len(found) == changes, (method, path, answer.status_code, lines)
        assert "in-the-" not in repr(found)
        if not changes:
            continue
        [line] = found
        assert line["did"] == f"{method} {path}"
        assert line["result"] == str(answer.status_code)
        assert line["event"] == ("changed" if answer.status_code < 400 else "refused")
        assert line["address"] == "127.0.0.1"
        assert re.match(r"session [0-9a-f]{8} python-httpx|a browser without a session", line["who"])
        assert answer.status_code < 500, (path, answer.text)
        for name in re.findall(r"\{(\w+)\}", path):
            assert line[name] == "999"


async def test_what_it_was_about_is_in_the_line(farm: Farm) -> None:
    browser = await farm.browser()
    with capture_logs() as lines:
        made = await browser.post("/settings/api-keys", data={"name": "script", "configure": "1", "expires": "never"})
        secret = re.findall(r"rk_[\w-]{43}", made.text)[0]
        headers = {"Authorization": f"Bearer {secret}"}
        async with httpx.AsyncClient(base_url=farm.url, headers=headers) as program:
            rig = (await program.post("/api/rigs", json={"name": "rig-1", "kind": "cpu-gpu"})).json()["id"]
            await program.patch(f"/api/rigs/{rig}", json={"name": "rig-2"})
            await program.delete(f"/api/rigs/{rig}")
            await program.post("/api/commands", json={"command": {"type": "reboot"}, "rigs": [rig]})
            await program.get("/api/rigs")
    key, created, renamed, removed, refused = _changes(lines)
    assert (key["event"], key["key"], key["scopes"], key["expires"]) == ("changed", "script", "configure", "never")
    assert (created["who"], created["names"]) == ("API key script", "rig-1")
    assert (renamed["did"], renamed["rig_id"]) == ("PATCH /api/rigs/{rig_id}", str(rig))
    assert (renamed["rig"], renamed["to"]) == ("rig-1", "rig-2")
    assert (removed["event"], removed["names"]) == ("changed", "rig-2")
    assert (refused["event"], refused["result"], refused["who"]) == ("refused", "403", "API key script")
    assert secret not in repr(lines)


async def test_strangers_leave_no_line_and_logins_do(farm: Farm) -> None:
    """A stranger's requests are refused before they mean anything: they must not fill the log."""
    with capture_logs() as lines:
        async with httpx.AsyncClient(base_url=farm.url, headers={"Origin": farm.url}) as stranger:
            for method, path, _ in farm.routes():
                if path != "/login":
                    await stranger.request(method, re.sub(r"\{[^}]*\}", "999", path))
        assert _changes(lines) == []
        async with httpx.AsyncClient(base_url=farm.url, headers={"Origin": farm.url}) as browser:
            await browser.post("/login", data={"password": "a guess"})
            await browser.post("/login", data={"password": PASSWORD})
    wrong, right = _changes(lines)
    assert (wrong["event"], wrong["result"], wrong["who"]) == ("refused", "401", "a browser without a session")
    assert (right["event"], right["device"]) == ("changed", "new")
    assert right["who"].startswith("session ")
    assert "a guess" not in repr(lines)
    assert PASSWORD not in repr(lines)


async def test_commands_on_the_machine_leave_one_too(farm: Farm) -> None:
    questions: list[Question] = [
        CreateKey("from the shell", ("read",), 3600),
        CreateKey("from the shell", ("read",), 3600),
        ListKeys(),
        RevokeKey("from the shell"),
        ResetPassword(CHEAP_HASH),
    ]
    with capture_logs() as lines:
        answers = [await asyncio.to_thread(ask, farm.folder, question) for question in questions]
    made, again, revoked, reset = _changes(lines)
    assert (made["event"], made["did"], made["who"], made["key"]) == (
        "changed",
        "create-key",
        "command",
        "from the shell",
    )
    assert re.fullmatch(r"this machine, user \d+, process \d+", made["address"])
    assert (again["event"], again["result"]) == ("refused", answers[1].refusal)
    assert (revoked["event"], revoked["did"], revoked["result"]) == ("changed", "revoke-key", "done")
    assert (reset["event"], reset["did"]) == ("refused", "reset-password"), "this one is in the settings"
    assert CHEAP_HASH not in repr(lines)
    assert answers[0].secret is not None
    assert answers[0].secret not in repr(lines)
    every = {kind.__struct_config__.tag for kind in Question.__args__}  # type: ignore[attr-defined]
    assert every == {"create-key", "list-keys", "revoke-key", "reset-password"}, "a new question is in this test"


async def test_refusals_without_end_do_not_fill_the_log(farm: Farm) -> None:
    browser = await farm.browser()
    with capture_logs() as lines:
        for _ in range(REFUSED_LINES + 15):
            assert (await browser.post("/rigs/999/remove")).status_code == 404
        assert (await browser.post("/rigs/998/token")).status_code == 404
    assert len(_changes(lines)) == REFUSED_LINES + 1, "and others are still written"
    [incident] = [one for one in farm.commander.incidents.all() if "refused request many times" in one.kind]
    assert incident.count == 15


async def test_a_line_is_one_line_however_hostile_its_words() -> None:
    out = io.StringIO()
    before = structlog.get_config()
    configure_log("info", "text", out)
    try:
        who = Actor("session", "\x1b[31m\r\nroot", "0123abcd Firefox")
        change = Change("POST /rigs", "203.0.113.9\n1970 info changed", who)
        async with ChangeLog(Incidents()).of(change):
            describe(name="x" * 100_000, token="rf_" + "A" * 43, event="other", bidi="\u202eevil")
            for number in range(100):
                describe(**{f"fact{number}": number})
            change.outcome = "changed"
    finally:
        structlog.configure(**before)
    [line] = out.getvalue().splitlines()
    assert len(line) < 20 * MAX_VALUE
    assert not re.search(r"[\x00-\x1f\x7f\u202e]", line)
    assert "A" * 20 not in line
    assert " changed who=" in line
