"""With an enrolment key, finds become rigs with tokens, and nobody copies a token."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator

import msgspec
import pytest

from rigfarm.sentry.asic import enrol as enrol_module
from rigfarm.sentry.asic.enrol import WantedRig, enrol
from rigfarm.sentry.asic.model import InputError, Login
from rigfarm.sentry.playbooks.fetch import authorities
from rigfarm.wire.tokens import is_token, new_token
from support.asic_trial import Sentry, farm_of
from support.until import until

KEY = "re_canary-of-the-enrolment-key"


class ToyCommander:
    """Answers `POST /api/enrol` as a Commander does; `say` replaces its answer."""

    def __init__(self) -> None:
        self.rigs: list[dict[str, object]] = []
        self.requests = 0
        self.say: tuple[int, bytes] | None = None
        self.refuse_after: int | None = None
        self.url = ""

    def answer(self, path: str, key: str | None, body: bytes) -> tuple[int, bytes]:
        self.requests += 1
        if self.say is not None:
            return self.say
        if path != "/api/enrol":
            return 404, b"{}"
        if key != f"Bearer {KEY}":
            return 401, b'{"detail":"unknown key"}'
        if self.refuse_after is not None and self.requests > self.refuse_after:
            return 409, b'{"title":"Conflict","detail":"The name rig-1 is taken."}'
        wanted = msgspec.json.decode(body)["rigs"]
        made = [{"id": i, "name": rig["name"], "token": new_token()} for i, rig in enumerate(wanted, 1)]
        self.rigs += wanted
        return 201, msgspec.json.encode({"rigs": made})


@contextlib.contextmanager
def toy_commander() -> Iterator[ToyCommander]:
    commander = ToyCommander()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, said = commander.answer(self.path, self.headers.get("authorization"), body)
            self.send_response(status)
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    commander.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield commander
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def commander() -> Iterator[ToyCommander]:
    with toy_commander() as one:
        yield one


async def test_a_selection_of_a_scan_is_enrolled_in_one_go(asics: Sentry, commander: ToyCommander) -> None:
    async with farm_of("luxos", "whatsminer", "bitaxe", steady=False) as farm:
        first, second, third = farm.devices
        asics.service.start_scan(",".join(farm.devices))
        await until(lambda: asics.service.scan and asics.service.scan.state == "done")
        added = await asics.service.enrol(commander.url, KEY, {first: "rig-1", third: "rig-3"}, authorities)
        assert [(view.ip, view.name, view.has_token) for view in added] == [
            (first, "rig-1", True),
            (third, "rig-3", True),
        ]
        assert commander.rigs == [
            {"name": "rig-1", "kind": "asic", "mac": farm[first].mac},
            {"name": "rig-3", "kind": "asic", "mac": farm[third].mac},
        ]
        tokens = asics.part.tokens()
        assert len(tokens) == 2
        assert all(is_token(token) for token in tokens)
        await until(lambda: all(asics.ear.logs[token] for token in tokens), "they report at once")
        assert second not in [view.ip for view in asics.service.devices()]
        assert asics.ear.changes
        assert not [line for line in asics.told if KEY in line]


async def test_a_listed_device_gets_its_token_and_keeps_its_login(asics: Sentry, commander: ToyCommander) -> None:
    async with farm_of("luxos", steady=False) as farm:
        (ip,) = farm.devices
        await asics.add(ip, token=new_token(), login=Login("op", "secret"))
        unit = asics.unit(ip)
        old = unit.device.token
        asics.service.start_scan(ip)
        await until(lambda: asics.service.scan and asics.service.scan.state == "done")
        await asics.service.enrol(commander.url, KEY, {ip: "new name"}, authorities)
        assert unit.device.token not in (None, old)
        assert (unit.device.name, unit.device.login) == ("new name", Login("op", "secret"))
        assert len(asics.service.devices()) == 1


async def test_big_lists_go_in_parts_and_lose_no_token(
    commander: ToyCommander, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrol_module, "_PER_REQUEST", 10)
    wanted = [WantedRig(f"rig-{i}") for i in range(25)]
    made = await enrol(commander.url, KEY, wanted, authorities)
    assert [rig.name for rig in made] == [rig.name for rig in wanted]
    assert commander.requests == 3
    commander.refuse_after = 4
    assert len(await enrol(commander.url, KEY, wanted, authorities)) == 10, (
        "what was made before the refusal comes back"
    )


@pytest.mark.parametrize(
    ("said", "field", "why"),
    [
        ((401, b"{}"), "key", "expired or been revoked"),
        ((404, b""), "commander", "no Commander that enrols"),
        ((409, b'{"detail":"The name rig-1 is taken."}'), "names", "The name rig-1 is taken."),
        ((500, b"<html>oops</html>"), "names", "status 500"),
        ((201, b"not json"), "commander", "makes no sense"),
        ((201, b'{"rigs":[]}'), "commander", "does not fit"),
        ((201, b'{"rigs":[{"id":1,"name":"a","token":"short"}]}'), "commander", "does not fit"),
        ((422, b'{"detail":"\\u001b[2Jevil"}'), "names", "[2Jevil"),
    ],
)
async def test_refusals_in_words(commander: ToyCommander, said: tuple[int, bytes], field: str, why: str) -> None:
    commander.say = said
    with pytest.raises(InputError) as caught:
        await enrol(commander.url, KEY, [WantedRig("rig-1")], authorities)
    assert (caught.value.field, why in caught.value.message) == (field, True), caught.value.message
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("url", ["", "farm.example", "ftp://farm.example", "http://", "http://127.0.0.1:1"])
async def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(InputError) as caught:
        await enrol(url, KEY, [WantedRig("rig-1")], authorities)
    assert caught.value.field == "commander"


async def test_no_key_no_request(commander: ToyCommander) -> None:
    with pytest.raises(InputError, match="enrolment key"):
        await enrol(commander.url, " ", [WantedRig("rig-1")], authorities)
    assert commander.requests == 0


async def test_names_that_cannot_be(asics: Sentry, commander: ToyCommander) -> None:
    async with farm_of("luxos", "bitaxe", steady=False) as farm:
        first, second = farm.devices
        asics.service.start_scan(",".join(farm.devices))
        await until(lambda: asics.service.scan and asics.service.scan.state == "done")
        for names, why in (
            ({first: "Rig", second: "rig"}, "cannot both"),
            ({"10.9.9.9": "x"}, "not among"),
            ({}, "at least one"),
            ({first: "x" * 65}, "64"),
        ):
            with pytest.raises(InputError, match=why):
                await asics.service.enrol(commander.url, KEY, names, authorities)
        assert commander.requests == 0
        assert asics.service.devices() == []


def test_an_enrolled_rig_does_not_show_its_token() -> None:
    rig = enrol_module.EnrolledRig(1, "rig-1", "rf_secret")
    assert "rf_secret" not in repr(rig)
