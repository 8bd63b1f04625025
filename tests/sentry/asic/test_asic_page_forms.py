"""Adding, changing and removing ASICs on the Sentry's page: what is kept, what is said, what is never shown again."""

from __future__ import annotations

import pytest
from page_helpers import csrf
from page_of_asics import Looker, looking

from rigfarm.sentry.asic.csv_import import Entry
from rigfarm.sentry.asic.model import Login
from rigfarm.sentry.identity.settings import Settings, load_settings
from rigfarm.wire.tokens import new_token
from support.asic_trial import farm_of
from support.until import until

SECRET = "canary-of-the-login"


def device(looker: Looker, id: int = 1) -> tuple[str, str | None, Login | None]:
    kept = looker.service.roster[id].device
    return kept.ip, kept.token, kept.login


async def test_one_is_added(settings: Settings) -> None:
    token = new_token()
    async with farm_of("luxos") as farm, looking(settings) as looker:
        (ip,) = farm.devices
        added = await looker.post("/asics/add", ip=ip, name="rack 1", model="auto", token=token)
        assert (added.status_code, added.headers["Location"]) == (303, "/asics")
        await looker.state(1, "reading")
        assert device(looker) == (ip, token, None)
        assert token not in await looker.text() + await looker.text("/asics/1")


MISTAKES: list[tuple[dict[str, str], str, str]] = [
    ({"ip": "10.0.0.999"}, "ip", "not an IPv4 address"),
    ({"ip": "8.8.8.8"}, "ip", "not an address of a LAN"),
    ({"ip": ""}, "ip", "not an IPv4 address"),
    ({"token": "rf_oops"}, "token", "has 46 characters"),
    ({"name": "x" * 65}, "name", "64"),
    ({"model": "toaster"}, "model", "Choose one"),
    ({"username": "root"}, "password", "belong together"),
    ({"password": SECRET}, "username", "belong together"),
    ({"username": "root", "password": SECRET * 20}, "username", "200 characters"),
]


async def test_what_cannot_be_is_said_beside_its_field(settings: Settings) -> None:
    async with looking(settings) as looker:
        for typed, field, why in MISTAKES:
            fields = {"ip": "127.9.9.1", "name": "rack <1>", "model": "iceriver", **typed}
            answer = await looker.post("/asics/add", **fields)
            assert answer.status_code == 422, typed
            beside = answer.text.partition(f'id="wrong-{field}"')[2].partition("</p>")[0]
            assert why in beside, typed
            assert 'value="rack &lt;1&gt;"' in answer.text or field == "name"
            assert '<option value="iceriver" selected>' in answer.text or field == "model"
            assert SECRET not in answer.text
        assert looker.service.devices() == []


async def test_a_change_keeps_what_was_not_entered(settings: Settings) -> None:
    token = new_token()
    async with looking(settings) as looker:
        await looker.service.add(Entry("127.9.9.1", "old", token, Login("op", SECRET)))
        page = await looker.text("/asics/1")
        assert 'value="op"' in page
        assert token not in page
        assert SECRET not in page
        kept = {"ip": "127.9.9.2", "name": "new", "model": "auto", "username": "op"}
        assert (await looker.post("/asics/1", **kept)).status_code == 303
        assert device(looker) == ("127.9.9.2", token, Login("op", SECRET))
        assert (await looker.post("/asics/1", **{**kept, "username": "other"})).status_code == 422
        await looker.post("/asics/1", **{**kept, "username": "other", "password": "pw"})
        assert device(looker)[2] == Login("other", "pw")
        await looker.post("/asics/1", **{**kept, "username": "", "drop_token": "on"})
        assert device(looker) == ("127.9.9.2", None, None)
        again = new_token()
        await looker.post("/asics/1", **{**kept, "username": "", "token": again})
        assert device(looker)[1] == again


async def test_two_cannot_have_one_address(settings: Settings) -> None:
    async with looking(settings) as looker:
        await looker.service.add(Entry("127.9.9.1", "first"), Entry("127.9.9.2"))
        answer = await looker.post("/asics/2", ip="127.9.9.1", model="auto")
        assert answer.status_code == 422
        assert "already in the list, as first" in answer.text
        assert "127.9.9.2" in answer.text.partition("<h1>")[2].partition("</h1>")[0]


async def test_one_is_removed(settings: Settings) -> None:
    async with looking(settings) as looker:
        await looker.service.add(Entry("127.9.9.1", "rack <1>"))
        assert "Remove rack &lt;1&gt;" in await looker.text("/asics/1"), "the button names its target"
        assert (await looker.post("/asics/1/remove")).status_code == 303
        assert looker.service.devices() == []
        assert (await looker.client.get("/asics/1")).status_code == 404


async def test_one_that_is_not_there(settings: Settings) -> None:
    async with looking(settings) as looker:
        for id in ("0", "9", "-1", "x", "²", "9" * 30, "%2e%2e"):
            assert (await looker.client.get(f"/asics/{id}")).status_code == 404, id
            assert (await looker.post(f"/asics/{id}/remove")).status_code == 404, id


async def test_another_device_at_its_address_is_accepted_by_hand(settings: Settings) -> None:
    async with farm_of("luxos", "luxos", steady=False) as farm, looking(settings) as looker:
        first, second = farm.devices
        await looker.service.add(Entry(first))
        await looker.state(1, "reading")
        await farm.swap(first, second)
        await looker.state(1, "id-mismatch")
        farm.unplug(second)
        page = await looker.text("/asics/1")
        assert "Accept the device that is there now" in page
        assert "Another device" in page
        assert (await looker.post("/asics/1/accept")).headers["Location"] == "/asics/1"
        await looker.state(1, "reading")
        assert "right one" not in await looker.text("/asics/1")


async def test_many_by_csv(settings: Settings) -> None:
    token = new_token()
    async with looking(settings) as looker:
        text = f"ip,name,token,username,password\r\n127.9.9.1,one,{token},root,{SECRET}\r\n127.9.9.2,two\r\n"
        assert (await looker.post("/asics/csv", csv=text)).status_code == 303
        assert [view.name for view in looker.service.devices()] == ["one", "two"]
        assert device(looker) == ("127.9.9.1", token, Login("root", SECRET))
        for path in ("/asics", "/asics/1", "/asics/csv", "/"):
            assert SECRET not in await looker.text(path)


async def test_a_csv_with_mistakes_adds_nothing_and_comes_back(settings: Settings) -> None:
    async with looking(settings) as looker:
        answer = await looker.post("/asics/csv", csv="127.9.9.1,<b>\r\n10.0.0.999,b\r\n127.9.9.1,c")
        assert answer.status_code == 422
        assert "127.9.9.1,&lt;b&gt;\n10.0.0.999,b\n127.9.9.1,c</textarea>" in answer.text
        assert "<b>Line 2: </b>" in answer.text
        assert "is listed twice" in answer.text
        assert looker.service.devices() == []
        await looker.service.add(Entry("127.9.9.5", "there"))
        answer = await looker.post("/asics/csv", csv="127.9.9.6\n127.9.9.5")
        assert "already in the list, as there" in answer.text
        assert len(looker.service.devices()) == 1
        many = await looker.post("/asics/csv", csv="\n".join(f"oops-{n}" for n in range(80)))
        assert "And 30 more" in many.text


async def test_the_address_of_the_commander(settings: Settings) -> None:
    async with looking(settings) as looker:
        assert "none yet" in await looker.text()
        wrong = await looker.post("/asics/commander", address="ftp://farm")
        assert wrong.status_code == 422
        assert "begins with https://" in wrong.text
        assert 'value="ftp://farm"' in wrong.text
        assert (await looker.post("/asics/commander", address="127.0.0.1:1/")).status_code == 303
        await until(lambda: load_settings(settings.data_dir, {}).commander == "https://127.0.0.1:1")
        assert "https://127.0.0.1:1" in await looker.text()


async def test_what_the_environment_says_is_not_changed_here(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RIGFARM_COMMANDER", "http://10.0.0.1:7070")
    async with looking(settings) as looker:
        answer = await looker.post("/asics/commander", address="http://10.0.0.2:7070")
        assert "comes from RIGFARM_COMMANDER" in answer.text


async def test_nobody_else_can_send_these_forms(settings: Settings) -> None:
    paths = ["add", "csv", "scan", "scan/cancel", "enrol", "commander", "1", "1/accept", "1/remove"]
    fields = {"ip": "127.9.9.9", "csv": "127.9.9.9", "range": "127.9.9.9", "address": "http://127.0.0.1:1"}
    async with looking(settings) as looker:
        await looker.service.add(Entry("127.9.9.1", "mine"))
        secret = {"csrf": await csrf(looker.client, "/asics"), **fields}
        for path in paths:
            for wrong in ("", "0" * 64):
                answer = await looker.client.post(f"/asics/{path}", data={"csrf": wrong, **fields})
                assert answer.status_code == 403, path
            for origin in ("http://evil.example", "null"):
                answer = await looker.client.post(f"/asics/{path}", data=secret, headers={"Origin": origin})
                assert answer.status_code == 403, path
        looker.client.cookies.clear()
        for path in paths:
            assert (await looker.client.post(f"/asics/{path}", data=secret)).status_code == 401, path
        assert [view.ip for view in looker.service.devices()] == ["127.9.9.1"]
        assert looker.service.scan is None
