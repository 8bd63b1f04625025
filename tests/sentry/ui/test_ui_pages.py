"""The Sentry's own page: what it shows, what it takes, and what nobody can make it do."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket

import httpx
import pytest
from page_helpers import browsing, code, csrf, enter
from sentry_helpers import FakePart

from rigfarm.sentry.httpd.html import escape, fill
from rigfarm.sentry.identity.passwords import hash_password
from rigfarm.sentry.identity.settings import Settings
from rigfarm.wire.frames import Verdict, Verdicts
from rigfarm.wire.log import OperationalLog, Workload
from rigfarm.wire.playbooks import PlaybookStatus
from rigfarm.wire.tokens import new_token
from support.toy_commander import ToyCommander, page
from support.until import until

HOSTILE = "<img src=x onerror=alert(1)>\"'&\x1b[31m\u202e{{spool.logs}}$body"


async def test_the_status_page_says_how_it_does(settings: Settings, commander: ToyCommander) -> None:
    part = FakePart()
    commander.good(part.token)
    async with browsing(settings, commander, part) as (agent, client):
        await until(lambda: part.verdicts)
        part.report(1)
        await until(lambda: agent.spool.stats().logs == 0 and commander.uptimes)
        text = (await client.get("/")).text
        assert "rig-01" in text
        assert "linked" in text
        assert "XMRig" in text
        assert "9.5 kH/s" in text or "9.500 kH/s" in text
        assert "none" in text
        assert "<script>" not in text
        assert part.token not in text


async def test_the_error_of_the_link_in_words(settings: Settings, commander: ToyCommander) -> None:
    part = FakePart()
    commander.answer = page(502)
    async with browsing(settings, commander, part) as (agent, client):
        await until(lambda: agent.link.status().error)
        assert "the Commander behind it does not" in (await client.get("/")).text


async def test_values_are_told_apart_from_the_page(settings: Settings, commander: ToyCommander) -> None:
    part = FakePart()
    commander.good(part.token)
    async with browsing(settings, commander, part) as (_, client):
        await until(lambda: part.verdicts)
        part.report(1)
        first = (await client.get("/", params={"values": "1"})).json()
        shape = re.search(r'data-shape="(\w+)"', (await client.get("/")).text)
        assert shape is not None
        assert shape[1] == first["shape"]
        part.reporter.log(  # type: ignore[union-attr]
            part.token,
            OperationalLog(part.reporter.now_ms(part.token), workloads=[Workload("XMRig", coin="XMR")]),  # type: ignore[union-attr]
        )
        second = (await client.get("/", params={"values": "1"})).json()
        assert second["values"]["workload.0.hashrate"] == ["–", ""]
        assert first["values"]["workload.0.hashrate"] != ["–", ""]


async def test_hostile_strings_are_inert(settings: Settings, commander: ToyCommander) -> None:
    part = FakePart()
    commander.verdicts[part.token] = Verdict("ok", 1, HOSTILE)
    async with browsing(settings, commander, part) as (_, client):
        await until(lambda: part.verdicts)
        assert part.reporter is not None
        log = OperationalLog(
            part.reporter.now_ms(part.token),
            lan_ip=HOSTILE,
            workloads=[Workload(HOSTILE, HOSTILE, HOSTILE, HOSTILE)],
        )
        part.reporter.log(part.token, log)
        part.reporter.playbooks(part.token, [PlaybookStatus(1, 1, "failed", HOSTILE, name=HOSTILE)])
        text = (await client.get("/")).text
        assert "<img" not in text
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert text.count("{{spool.logs}}") == 8, "shown as it is, and not taken for a place of the page"
        assert "&lt;img src=x onerror=alert(1)&gt;" in text


async def test_the_token_page_asks_and_checks(settings: Settings, commander: ToyCommander) -> None:
    part = FakePart("")
    token = new_token()
    async with browsing(settings, commander, part) as (agent, client):
        shown = (await client.get("/")).text
        assert "This machine needs a token" in shown
        assert shown.count("<input id=") == 1
        secret = await csrf(client)
        nonsense = await client.post("/token", data={"csrf": secret, "token": "rf_oops & <b>"})
        assert nonsense.status_code == 422
        assert "This is not a token" in nonsense.text
        assert 'value="rf_oops &amp; &lt;b&gt;"' in nonsense.text
        unknown = await client.post("/token", data={"csrf": secret, "token": token})
        assert "does not know this token" in unknown.text
        assert f'value="{token}"' in unknown.text
        commander.good(token)
        pasted = f"rigfarm sentry join {commander.url} {token}"
        right = await client.post("/token", data={"csrf": secret, "token": pasted})
        assert right.status_code == 303
        await until(lambda: part.token == token and part.verdicts)
        assert "rig-01" in (await client.get("/")).text
        assert agent.reporter.tokens == {token}


async def test_the_token_page_names_what_is_wrong_with_the_commander(
    settings: Settings, commander: ToyCommander
) -> None:
    part = FakePart("")
    async with browsing(settings, commander, part) as (_, client):
        secret = await csrf(client)
        commander.answer = page(404)
        answer = await client.post("/token", data={"csrf": secret, "token": new_token()})
        assert "no Commander" in answer.text
        commander.answer = None
        removed = new_token()
        commander.verdicts[removed] = Verdict("removed", 1, "rig-09")
        answer = await client.post("/token", data={"csrf": secret, "token": removed})
        assert "rig-09" in answer.text
        assert "was removed" in answer.text


async def test_a_sentry_that_knows_no_commander_asks_for_both(settings: Settings, commander: ToyCommander) -> None:
    part = FakePart("")
    token = new_token()
    commander.good(token)
    async with browsing(settings, None, part) as (agent, client):
        secret = await csrf(client)
        answer = await client.post("/token", data={"csrf": secret, "url": "ftp://farm", "token": token})
        assert "begins with https://" in answer.text
        assert 'value="ftp://farm"' in answer.text
        answer = await client.post("/token", data={"csrf": secret, "url": commander.url, "token": token})
        assert answer.status_code == 303
        await until(lambda: part.verdicts)
        assert f'commander = "{commander.url}"' in (agent.settings.data_dir / "sentry.toml").read_text()


async def test_a_removed_and_a_refused_rig_show_the_token_page(settings: Settings, commander: ToyCommander) -> None:
    part = FakePart()
    commander.good(part.token)
    async with browsing(settings, commander, part) as (agent, client):
        await until(lambda: part.verdicts)
        assert "needs a token" not in (await client.get("/")).text
        await commander.tell(Verdicts([(0, Verdict("unknown"))]))
        await until(lambda: agent.needs_token)
        text = (await client.get("/")).text
        assert "no longer knows this machine" in text
        assert "Mining continues" in text
        part.set_token(new_token())
        commander.verdicts[part.token] = Verdict("removed", 3, "rig-03")
        commander.cut()
        await until(lambda: agent.removed == "rig-03")
        await until(lambda: agent.needs_token)
        assert "(rig-03) has been removed" in (await client.get("/")).text


@pytest.mark.parametrize(
    "origin", [None, "null", "http://evil.example", "http://127.0.0.1", "http://127.0.0.1:1", "https://127.0.0.1"]
)
async def test_other_sites_cannot_post(settings: Settings, commander: ToyCommander, origin: str | None) -> None:
    part = FakePart("")
    async with browsing(settings, commander, part) as (_, client):
        secret = await csrf(client)
        headers = {} if origin is None else {"Origin": origin}
        async with httpx.AsyncClient(base_url=client.base_url, cookies=client.cookies) as evil:
            for path in ("/token", "/login", "/logout"):
                answer = await evil.post(path, data={"csrf": secret, "token": new_token()}, headers=headers)
                assert answer.status_code == 403, path
        assert not commander.connections


@pytest.mark.parametrize("secret", ["", "0" * 64])
async def test_a_form_needs_its_secret(settings: Settings, commander: ToyCommander, secret: str) -> None:
    async with browsing(settings, commander, FakePart("")) as (_, client):
        await client.get("/")
        for path in ("/token", "/login", "/logout"):
            answer = await client.post(path, data={"csrf": secret, "token": new_token()})
            assert answer.status_code == 403, path
        assert not commander.connections


@pytest.mark.parametrize(
    ("host", "opens"),
    [
        ("127.0.0.1:{port}", True),
        ("localhost:{port}", True),
        ("[::1]:{port}", True),
        ("192.168.1.20", True),
        (socket.gethostname(), True),
        ("evil.example:{port}", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example:{port}", False),
        ("", False),
    ],
)
async def test_no_other_name_opens_the_page(
    settings: Settings, commander: ToyCommander, host: str, opens: bool
) -> None:
    async with browsing(settings, commander, FakePart("")) as (_, client):
        answer = await client.get("/", headers={"Host": host.format(port=client.base_url.port)})
        assert answer.status_code == (200 if opens else 421)


async def test_every_answer_forbids_what_pages_of_ours_do_not_need(settings: Settings, commander: ToyCommander) -> None:
    async with browsing(settings, commander, FakePart("")) as (_, client):
        for path in ("/", "/login", "/sentry.css", "/sentry.js", "/icon.svg", "/nothing", "/status.json"):
            headers = (await client.get(path)).headers
            assert "default-src 'none'" in headers["Content-Security-Policy"], path
            assert "unsafe" not in headers["Content-Security-Policy"]
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["X-Frame-Options"] == "DENY"
            # With "no-referrer", a browser sends a form's origin as `null`, and the guard refuses every form.
            assert headers["Referrer-Policy"] == "same-origin"


async def test_with_a_password_nothing_opens_without_it(settings: Settings, commander: ToyCommander) -> None:
    part = FakePart()
    commander.good(part.token)
    hashed = hash_password("eight or more")
    async with browsing(settings, commander, part, ui_password=hashed, login=False) as (_, client):
        await until(lambda: part.verdicts)
        for path in ("/", "/status.json", "/token", "/nothing"):
            answer = await client.get(path)
            assert answer.headers.get("Location") == f"/login?next={path}"
        assert (await client.get("/", params={"values": "1"})).status_code == 401
        assert (await client.post("/token", data={"token": new_token()})).status_code == 401
        secret = await csrf(client, "/login")
        wrong = await client.post("/login", data={"csrf": secret, "password": "wrong"})
        assert wrong.status_code == 403
        assert "neither the password" in wrong.text
        right = await client.post("/login", data={"csrf": secret, "password": "eight or more"})
        assert right.status_code == 303
        assert "HttpOnly" in right.headers["Set-Cookie"]
        assert "rig-01" in (await client.get("/")).text
        await client.post("/logout", data={"csrf": await csrf(client)})
        assert (await client.get("/")).headers.get("Location") == "/login?next=/"


async def test_guesses_are_few(settings: Settings, commander: ToyCommander) -> None:
    hashed = hash_password("eight or more")
    async with browsing(settings, commander, FakePart(""), login=False, ui_password=hashed) as (agent, client):
        secret = await csrf(client, "/login")
        answers = [
            (await client.post("/login", data={"csrf": secret, "password": f"guess {n}"})).status_code
            for n in range(14)
        ]
        assert answers == [403] * 10 + [429] * 4
        late = await client.post("/login", data={"csrf": secret, "password": "eight or more"})
        assert late.status_code == 429, "also the right one, for else the wait would tell it"
        assert "Try again in" in late.text
        assert (await enter(client, await code(agent))).status_code == 303, "its owner is not locked out"


async def test_what_is_no_http_ends_the_connection_only(settings: Settings, commander: ToyCommander) -> None:
    async with browsing(settings, commander, FakePart("")) as (_, client):
        port = client.base_url.port
        for data in (
            b"\x00\xff" * 100 + b"\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 40_000 + b"\r\n\r\n",
            b"GET http://evil/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
            b"POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n" + b"a" * 2_000_000,
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(data)
            with contextlib.suppress(ConnectionError):
                answer = await reader.read()
                assert b" 200 " not in answer[:20]
            writer.close()
        assert (await client.get("/")).status_code == 200
        assert (await client.request("DELETE", "/")).status_code == 405
        assert (await client.head("/")).text == ""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HEAD //token HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 "), "a refused HEAD is answered, too, and without a body"
        assert body == b""
        writer.close()


def test_templates_escape_unless_told_otherwise() -> None:
    assert fill("<p title='$a'>$b</p>", a="'\"", b="<b>") == "<p title='&#x27;&quot;'>&lt;b&gt;</p>"
    assert fill("$a", a=escape("<b>")) == "&lt;b&gt;"
    with pytest.raises(KeyError):
        fill("$a $b", a=1)
