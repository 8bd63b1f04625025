"""Adding a mining program is one file, wherever it lies; a broken one costs itself."""

from __future__ import annotations

import asyncio

import pytest

from rigfarm.sentry.miners import adapters, interpret, read
from rigfarm.sentry.readings import WorkloadSource

PLUGIN = '''
"""AcmeMiner: a program nobody knows, read by a file outside of Rigfarm."""

from __future__ import annotations

from msgspec import Struct

from rigfarm.sentry.miners import Http, MinerAdapter, lenient
from rigfarm.sentry.readings import MinerReading
from rigfarm.wire.log import Device, Workload


class _Card(Struct):
    bus: str | None = None
    mhs: float | None = None


class _Page(Struct):
    algo: str | None = None
    cards: list[_Card] = []


def parse(answers):
    page = lenient.read(answers["page"], _Page)
    if page is None or page.algo is None:
        return None
    rates = [card.mhs * 1e6 if card.mhs is not None else None for card in page.cards]
    return MinerReading(
        workloads=[Workload(algorithm=page.algo, hashrate=sum(rate for rate in rates if rate))],
        devices=[
            Device(kind="gpu", index=n, id=card.bus, hashrates=[rate])
            for n, (card, rate) in enumerate(zip(page.cards, rates))
        ],
    )


ADAPTER = MinerAdapter(
    name="acme",
    software="AcmeMiner",
    requests=(Http("page", ("/acme.json",)),),
    parse=parse,
    api_arguments="--api 127.0.0.1:$API_PORT",
)
'''


@pytest.fixture
def folder(tmp_path):
    tmp_path.chmod(0o755)
    return tmp_path


def put(folder, name, text):
    path = folder / name
    path.write_text(text)
    path.chmod(0o644)


async def test_one_file_outside_of_the_package_is_all_it_takes(folder):
    put(folder, "acme.py", PLUGIN)

    async def serve(reader, writer):
        assert b"GET /acme.json " in await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.0 200 OK\r\n\r\n{"algo": "acmehash", "cards": [{"bus": "0B:00.0", "mhs": 12.5}, null]}')
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        reading = await read(WorkloadSource(adapter="acme", port=port, coins=["ACM"]), adapters([folder])["acme"])

    (workload,) = reading.workloads
    assert (workload.software, workload.coin, workload.algorithm) == ("AcmeMiner", "ACM", "acmehash")
    assert (workload.hashrate, workload.state) == (12_500_000.0, "mining")
    assert [(device.id, device.hashrates) for device in reading.devices] == [("0000:0b:00.0", [12.5e6]), (None, [None])]


def test_the_shipped_ones_stay():
    assert {"xmrig", "trex", "teamredminer"} <= set(adapters())
    assert set(adapters(["/nowhere"])) == set(adapters())


def test_the_operators_file_replaces_the_shipped_one(folder):
    put(folder, "mine.py", PLUGIN.replace('name="acme"', 'name="xmrig"'))

    assert adapters([folder])["xmrig"].software == "AcmeMiner"
    assert adapters()["xmrig"].software == "XMRig"


@pytest.mark.parametrize(
    "text", ["syntax error", "raise SystemExit(1)", "import nothing_of_that_name", "ADAPTER = 1", ""]
)
def test_a_broken_file_costs_itself(folder, text):
    put(folder, "broken.py", text)
    put(folder, "acme.py", PLUGIN)

    assert set(adapters([folder])) == {*adapters(), "acme"}


def test_a_file_that_everybody_may_write_is_not_loaded(folder):
    put(folder, "acme.py", PLUGIN)
    (folder / "acme.py").chmod(0o666)

    assert "acme" not in adapters([folder])


def test_an_adapter_that_fails_costs_its_own_reading(folder):
    put(folder, "acme.py", PLUGIN.replace("page = lenient", "1 / 0\n    page = lenient"))
    source = WorkloadSource(adapter="acme", port=1, coins=["ACM"])

    reading = interpret({"page": b"{}"}, source, adapters([folder])["acme"])

    assert (reading.workloads[0].state, reading.workloads[0].hashrate) == (None, None)
    assert "ZeroDivisionError" in reading.problems[0]


@pytest.mark.parametrize("adapter", adapters().values(), ids=lambda adapter: adapter.name)
def test_every_shipped_adapter_switches_the_api_on_at_the_sentrys_port(adapter):
    assert "$API_PORT" in adapter.api_arguments
    assert ("127.0.0.1" in adapter.api_arguments) is adapter.loopback
    assert adapter.name == adapter.name.lower()
    assert any(not request.optional for request in adapter.requests)
