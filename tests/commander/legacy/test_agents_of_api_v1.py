"""Agents of Mining Rig Monitor report to a real Commander as they are: each call field by field, and what follows from
it on the Commander."""

from __future__ import annotations

import asyncio
import sqlite3
import urllib.error
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from rigfarm.common.clock import utc_ms
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.simulate.program.pack import pack
from rigfarm.wire.codec import encode
from rigfarm.wire.log import OperationalLog
from support.load import connect
from support.playbooks import add_playbook, apply, upload
from support.until import until, until_now

MACHINE = {"cpu_name": "AMD Ryzen 9 7950X", "ram_size": "128GB", "motherboard_name": "ASUS X670E", **{
    f"gpu_{n}_name": f"NVIDIA RTX 30{n}0" if n <= 2 else None for n in range(1, 9)
}}  # fmt: skip
LOG: dict[str, Any] = {
    "cpu_temp": 71.5, "cpu_hashrate": 21.5, "cpu_hashrate_uom": "KH/s", "cpu_algorithm": "rx/0", "cpu_coin_name": "XMR",
    "cpu_pool_address": "pool.test:3333", "cpu_wallet_address": "48wallet", "cpu_power": 140,
    "gpu_1_core_temp": 60, "gpu_1_mem_temp": "84", "gpu_1_hashrate_1": 60.5, "gpu_1_hashrate_2": 450,
    "gpu_1_core_clock": 1440, "gpu_1_mem_clock": 6800, "gpu_1_power": 118.5, "gpu_1_fan": 55,
    "gpu_2_core_temp": 61, "gpu_2_hashrate_1": 59.5, "gpu_2_hashrate_2": None, "gpu_2_power": None,
    "gpu_fan_uom": "%", "gpu_algorithm_1": "etchash", "gpu_algorithm_2": "kheavyhash", "gpu_hashrate_uom_1": "MH/s",
    "gpu_hashrate_uom_2": "mh/s", "gpu_coin_name_1": "ETC", "gpu_coin_name_2": "KAS",
    "gpu_pool_address_1": "etc.test:1", "gpu_wallet_address_1": "0xwallet", "lan_ip": "10.0.0.7", "wan_ip": None,
    "uptime": "3 hours, 2 minutes",
}  # fmt: skip
ASIC = {"model": "KS3", "model_variant": None, "firmware_version": "1.2.3", "software_version": "stock"}
ASIC_LOG: dict[str, Any] = {
    "hashrate_5_min": 8123.5, "hashrate_30_min": 8100, "hashrate_uom": "GH/s", "pool_rejection_rate": 0.5,
    "uptime": "01:02:03:04", "pool_1_address": "stratum+tcp://kas.test:5555", "pool_1_user": "kaspa:q.rack1",
    "pool_1_state": "Unconnected", "pool_1_accepted_share": 10, "pool_1_rejected_share": 1,
    "pool_2_address": "stratum+tcp://kas.test:5556", "pool_2_user": "kaspa:q.rack2", "pool_2_state": "Connected",
    "pool_2_accepted_share": 200, "pool_2_rejected_share": 2, "pool_3_address": None,
    **{f"hashboard_{n}_hashrate_5_min": 2700 + n for n in (1, 2, 3)},
    **{f"hashboard_{n}_temp_1": 50 + n for n in (1, 2, 3)}, **{f"hashboard_{n}_temp_2": 70 + n for n in (1, 2, 3)},
    "fan_1_speed": 5000, "fan_2_speed": 5100, "fan_3_speed": 0, "fan_4_speed": None, "lan_ip": "10.0.0.8",
    "coin_name": "KAS", "power": 3200,
}  # fmt: skip


@pytest.fixture(scope="module")
def commander(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommanderProcess]:
    settings = {"report_interval_s": "5"}
    with CommanderProcess(tmp_path_factory.mktemp("commander"), settings=settings) as process:
        yield process


class Agent:
    """Calls with one code, as an agent does."""

    def __init__(self, commander: CommanderProcess, code: str | None) -> None:
        self._base = f"{commander.url}/api/v1/"
        self._headers = {} if code is None else {"api_code": code}

    def post(self, path: str, body: object) -> httpx.Response:
        return httpx.post(self._base + path, json=body, headers=self._headers, timeout=60)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self._base + path, headers=self._headers, timeout=60)


def _machine(commander: CommanderProcess, name: str) -> tuple[int, Agent]:
    [(rig_id, token)] = commander.add_rigs([name])
    return rig_id, Agent(commander, token)


def _asic(commander: CommanderProcess, name: str) -> tuple[int, Agent, str]:
    [(rig_id, token)] = commander.add_rigs([name], "asic")
    return rig_id, Agent(commander, token), token


def _rig(commander: CommanderProcess, rig_id: int) -> dict[str, Any]:
    found = commander.api("GET", f"/api/rigs/{rig_id}")
    assert isinstance(found, dict)
    return found


def _logs_in(journal: Path) -> int:
    with sqlite3.connect(f"{journal.as_uri()}?mode=ro", uri=True) as db:
        return int(db.execute("SELECT count(*) FROM journal").fetchone()[0])


def test_ping(commander: CommanderProcess) -> None:
    answer = Agent(commander, None).get("ping")
    assert (answer.status_code, answer.json()) == (200, {"message": "pong"})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", "cpu_gpu_miners/specs"), ("post", "cpu_gpu_miners/logs"), ("get", "cpu_gpu_miners/playbooks"),
        ("post", "asic_miners/specs"), ("post", "asic_miners/logs"), ("get", "asic_miners/expected_status"),
    ],
)  # fmt: skip
def test_codes_are_asked_for(commander: CommanderProcess, method: str, path: str) -> None:
    for code, words in ((None, "API_CODE does not exist in request header."), ("wrong", "API_CODE invalid.")):
        agent = Agent(commander, code)
        answer = agent.get(path) if method == "get" else agent.post(path, {})
        assert (answer.status_code, answer.json()) == (401, {"message": words})


def test_a_code_is_of_one_kind(commander: CommanderProcess) -> None:
    _, machine = _machine(commander, "of one kind")
    _, asic, _ = _asic(commander, "of the other")
    assert machine.post("asic_miners/logs", ASIC_LOG).status_code == 401
    assert asic.get("cpu_gpu_miners/playbooks").status_code == 401


def test_specs_of_a_machine(commander: CommanderProcess) -> None:
    rig_id, agent = _machine(commander, "with specs")
    answer = agent.post("cpu_gpu_miners/specs", MACHINE)
    assert (answer.status_code, answer.json()) == (200, None)
    until_now(lambda: _rig(commander, rig_id).get("specs"))
    specs = _rig(commander, rig_id)["specs"]
    assert (specs["cpu"], specs["board"], specs["ram_bytes"]) == ("AMD Ryzen 9 7950X", "ASUS X670E", 128_000_000_000)
    assert [gpu["name"] for gpu in specs["gpus"]] == ["NVIDIA RTX 3010", "NVIDIA RTX 3020"]


def test_specs_that_lack_something(commander: CommanderProcess) -> None:
    _, machine = _machine(commander, "without specs")
    answer = machine.post("cpu_gpu_miners/specs", {"cpu_name": "", "ram_size": "8GB"})
    blank = ["can't be blank"]
    assert (answer.status_code, answer.json()) == (422, {"errors": {"cpu_name": blank, "motherboard_name": blank}})
    _, asic, _ = _asic(commander, "asic without specs")
    answer = asic.post("asic_miners/specs", {"model": "KS3"})
    assert answer.json() == {"errors": {"firmware_version": blank, "software_version": blank}}


def test_a_log_of_a_machine_field_by_field(commander: CommanderProcess) -> None:
    rig_id, agent = _machine(commander, "with logs")
    agent.post("cpu_gpu_miners/specs", MACHINE)
    rows = _logs_in(commander.folder / "journal.db")
    answer = agent.post("cpu_gpu_miners/logs", LOG)
    assert (answer.status_code, answer.json()) == (200, None)
    assert _logs_in(commander.folder / "journal.db") > rows, "it was durable before it was answered"
    until_now(lambda: _rig(commander, rig_id).get("log"))
    rig = _rig(commander, rig_id)
    assert rig["state"] in ("online", "degraded")
    log = rig["log"]
    assert (log["uptime_s"], log["power_w"], log["lan_ip"]) == (10_920.0, 258.5, "10.0.0.7")
    assert "wan_ip" not in log
    cpu, first, second = log["workloads"]
    assert (cpu["coin"], cpu["algorithm"], cpu["hashrate"], cpu["state"]) == ("XMR", "rx/0", 21_500.0, "mining")
    assert (cpu["pool"], cpu["wallet"]) == ("pool.test:3333", "48wallet")
    assert (first["coin"], first["hashrate"], first["pool"]) == ("ETC", 120e6, "etc.test:1")
    assert (second["coin"], second["hashrate"], second["algorithm"]) == ("KAS", 450e6, "kheavyhash")
    processor, one, two = log["devices"]
    assert (processor["kind"], processor["core_c"], processor["power_w"]) == ("cpu", 71.5, 140.0)
    assert processor["hashrates"][0] == 21_500.0
    assert {key: one[key] for key in ("kind", "index", "name", "core_c", "memory_c", "core_mhz", "memory_mhz")} == {
        "kind": "gpu", "index": 0, "name": "NVIDIA RTX 3010", "core_c": 60.0, "memory_c": 84.0, "core_mhz": 1440.0,
        "memory_mhz": 6800.0,
    }  # fmt: skip
    assert (one["fan_percent"], one["power_w"], one["hashrates"][1:]) == (55.0, 118.5, [60.5e6, 450e6])
    assert "power_w" not in two
    assert two["hashrates"][:2] == [None, 59.5e6]


def test_a_log_of_an_asic_field_by_field(commander: CommanderProcess) -> None:
    rig_id, agent, _ = _asic(commander, "asic with logs")
    assert agent.post("asic_miners/specs", ASIC).json() is None
    answer = agent.post("asic_miners/logs", ASIC_LOG)
    assert (answer.status_code, answer.json()) == (200, None)
    until_now(lambda: "log" in (rig := _rig(commander, rig_id)) and "specs" in rig)
    rig = _rig(commander, rig_id)
    assert (rig["specs"]["model"], rig["specs"]["firmware_version"]) == ("KS3", "1.2.3")
    log = rig["log"]
    assert (log["uptime_s"], log["power_w"], log["fans"]) == (93_784.0, 3200.0, [5000.0, 5100.0, 0.0])
    [work] = log["workloads"]
    assert (work["coin"], work["hashrate"], work["accepted"], work["rejected"]) == ("KAS", 8123.5e9, 210, 3)
    assert (work["pool"], work["worker"]) == ("stratum+tcp://kas.test:5556", "kaspa:q.rack2")
    assert [(pool["url"], pool["alive"]) for pool in log["pools"]] == [
        ("stratum+tcp://kas.test:5555", False),
        ("stratum+tcp://kas.test:5556", True),
    ]
    assert [(one["hashrates"], one["core_c"], one["chip_c"]) for one in log["devices"]] == [
        ([2701e9], 51.0, 71.0), ([2702e9], 52.0, 72.0), ([2703e9], 53.0, 73.0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        {}, {"cpu_temp": "hot", "cpu_hashrate": "1e400", "cpu_hashrate_uom": "bananas", "uptime": "for ever"},
        {"cpu_hashrate": [1], "gpu_1_fan": {}, "lan_ip": "x" * 20_000},
        {"cpu_coin_name": "\u202e x", "cpu_power": True},
        {f"gpu_{n}_hashrate_1": -1 for n in range(1, 9)}, {"uptime": "1 day, 9999999999999 hours"},
        {"lan_ip": 10**400, "cpu_power": 10**400, "uptime": -(10**300)},
    ],
)  # fmt: skip
def test_what_cannot_be_is_unknown(commander: CommanderProcess, body: dict[str, object]) -> None:
    _, agent = _machine(commander, f"strange {zlib.crc32(repr(body).encode())}")
    assert agent.post("cpu_gpu_miners/logs", body).status_code == 200


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"[" * 5_000, b'{"a": "\xff"}'])
def test_what_is_not_an_object_is_refused(commander: CommanderProcess, body: bytes) -> None:
    _, agent = _machine(commander, f"broken {zlib.crc32(body)}")
    answer = httpx.post(f"{commander.url}/api/v1/cpu_gpu_miners/logs", content=body, headers=agent._headers)
    assert answer.status_code == 400
    bulk = httpx.post(f"{commander.url}/api/v1/asic_miners/expected_status_bulk", content=body)
    assert bulk.status_code == 422


def test_playbooks(commander: CommanderProcess) -> None:
    rig_id, agent = _machine(commander, "Ríg 7")
    assert agent.get("cpu_gpu_miners/playbooks").json() == []
    software = upload(commander, pack("tar.gz", salt="xmrig"), name="XMRig", version="6.22.2")
    playbook = add_playbook(commander, software, "-o $CPU_POOL -u $CPU_WALLET.$WORKER_NAME --algo rx/0", "XMR agents")
    apply(commander, playbook, [rig_id])
    [found] = agent.get("cpu_gpu_miners/playbooks").json()
    times = found.pop("inserted_at"), found.pop("updated_at")
    assert all(len(one) == 19 and one[10] == "T" for one in times)
    whats = ("coin_name", "algorithm", "wallet_address", "pool_address")
    blank = {f"gpu_{what}_{n}": None for what in whats for n in (1, 2)}
    assert found == blank | {
        "id": playbook, "software_name": "XMRig", "software_version": "6.22.2",
        "command_argument": "-o stratum+tcp://pool.test:3333 -u 48wallet.Rig-7 --algo rx/0",
        "module": "Elixir.MinerProvision.XMRIG_6_22_2", "cpu_coin_name": "XMR", "cpu_algorithm": "rx/0",
        "cpu_wallet_address": "48wallet", "cpu_pool_address": "stratum+tcp://pool.test:3333",
    }  # fmt: skip
    agent.post("cpu_gpu_miners/logs", LOG)

    def state() -> object:
        said = commander.api("GET", f"/api/rigs/{rig_id}/playbooks")
        agent.post("cpu_gpu_miners/logs", LOG)
        return said[0]["state"] if isinstance(said, list) else None

    until_now(lambda: state() == "mining", lambda: repr(commander.api("GET", f"/api/rigs/{rig_id}/playbooks")))
    commander.api("POST", f"/api/playbooks/{playbook}/stop", {"rigs": [rig_id]})
    assert agent.get("cpu_gpu_miners/playbooks").json() == []


def test_an_asic_is_told_to_pause_and_to_blink(commander: CommanderProcess) -> None:
    rig_id, agent, code = _asic(commander, "asic that obeys")
    agent.post("asic_miners/specs", ASIC)
    agent.post("asic_miners/logs", ASIC_LOG)
    on = {"name": "asic that obeys", "asic_expected_status": "on", "light_expected_status": "off"}
    assert agent.get("asic_miners/expected_status").json() == on

    def gives(command: dict[str, object], expected: dict[str, str]) -> None:
        commander.api("POST", "/api/commands", {"command": command, "rigs": [rig_id]})
        until_now(lambda: agent.get("asic_miners/expected_status").json() == expected)

    until_now(lambda: "supports" in _rig(commander, rig_id).get("specs", {}))
    gives({"type": "pause"}, on | {"asic_expected_status": "off"})
    gives({"type": "locate", "on": True}, on | {"asic_expected_status": "off", "light_expected_status": "on"})
    bulk = Agent(commander, None).post("asic_miners/expected_status_bulk", {"api_code_list": [code, "unknown", 7]})
    assert bulk.json() == {code: on | {"asic_expected_status": "off", "light_expected_status": "on"}}
    gives({"type": "locate", "on": False}, on | {"asic_expected_status": "off"})
    commander.kill()
    commander.start()
    assert agent.get("asic_miners/expected_status").json()["asic_expected_status"] == "off", "after a restart, too"
    gives({"type": "resume"}, on)


def test_agents_may_keep_their_codes(commander: CommanderProcess) -> None:
    code = "5f0c7a4e-9d7b-4b1e-8d57-2d2f6f6c9a10"
    body = {"rigs": [{"name": "kept its code", "kind": "asic", "api_code": code}]}
    [made] = commander.api("POST", "/api/rigs/with-api-codes", body)  # type: ignore[misc]
    agent = Agent(commander, code)
    assert agent.get("asic_miners/expected_status").json()["name"] == "kept its code"
    for wrong in (body, {"rigs": [{"name": "short", "api_code": "abc"}]}):
        with pytest.raises(urllib.error.HTTPError) as refused:
            commander.api("POST", "/api/rigs/with-api-codes", wrong)
        assert refused.value.code in (400, 409, 422)
    commander.api("DELETE", f"/api/rigs/{made['id']}")
    with pytest.raises(urllib.error.HTTPError) as refused:
        commander.api("POST", "/api/rigs/with-api-codes", body)
    assert refused.value.code == 422, "the code of a removed rig ends mining wherever it is used"
    assert agent.get("asic_miners/expected_status").status_code == 401


def test_a_removed_rig_is_refused(commander: CommanderProcess) -> None:
    rig_id, agent = _machine(commander, "to be removed")
    assert agent.post("cpu_gpu_miners/logs", LOG).status_code == 200
    commander.api("DELETE", f"/api/rigs/{rig_id}")
    answer = agent.post("cpu_gpu_miners/logs", LOG)
    assert (answer.status_code, answer.json()) == (401, {"message": "API_CODE invalid."})


def test_a_sentry_with_the_same_token_takes_over_and_the_agent_may_return(commander: CommanderProcess) -> None:
    [(rig_id, token)] = commander.add_rigs(["moves to a Sentry"])
    agent = Agent(commander, token)
    assert agent.post("cpu_gpu_miners/logs", LOG).status_code == 200

    async def by_a_sentry() -> None:
        link = await connect(commander.url, [token])
        log = OperationalLog(t=utc_ms(), power_w=77.0)
        link.send_logs([encode(log)], [0])
        await until(lambda: _rig(commander, rig_id).get("log", {}).get("power_w") == 77.0)
        link.close()

    asyncio.run(by_a_sentry())
    assert agent.post("cpu_gpu_miners/logs", LOG).status_code == 200
    until_now(lambda: _rig(commander, rig_id)["log"]["power_w"] == 258.5)


def test_logs_go_on_after_a_restart_and_none_is_taken_for_an_old_one(commander: CommanderProcess) -> None:
    rig_id, agent = _machine(commander, "after a restart")
    for watts in (100, 101):
        assert agent.post("cpu_gpu_miners/logs", LOG | {"cpu_power": watts}).status_code == 200
    commander.kill()
    commander.start()
    assert agent.post("cpu_gpu_miners/logs", LOG | {"cpu_power": 102}).status_code == 200
    until_now(lambda: _rig(commander, rig_id)["log"]["power_w"] == 220.5)
    commander.kill()
    commander.start()
    until_now(lambda: _rig(commander, rig_id).get("log", {}).get("power_w") == 220.5)


def test_a_silent_agents_rig_goes_offline_and_returns(tmp_path: Path) -> None:
    quick = "import rigfarm.commander.legacy.actions as a; a.SILENT_S = 1.0; a.CHECK_EVERY_S = 0.1"
    with CommanderProcess(tmp_path / "commander", settings={"report_interval_s": "600"}, mutation=quick) as commander:
        rig_id, agent = _machine(commander, "silent")
        agent.post("cpu_gpu_miners/logs", LOG)
        until_now(lambda: _rig(commander, rig_id)["state"] == "offline")
        agent.post("cpu_gpu_miners/logs", LOG)
        until_now(lambda: _rig(commander, rig_id)["state"] != "offline")


def test_it_can_be_switched_off(tmp_path: Path) -> None:
    with CommanderProcess(tmp_path / "commander", settings={"legacy_api": "off"}) as commander:
        assert Agent(commander, None).get("ping").status_code in (401, 404)
        assert Agent(commander, "rf_x").post("cpu_gpu_miners/logs", LOG).status_code in (401, 404)
