"""The fakes answer over the real protocols what was recorded, and fail the way they are told to."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import socket
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from rigfarm.simulate.asic import FakeAsic, FakeAsicFarm, Fault, can_bind_low_ports, farm, makes, mixed
from rigfarm.simulate.asic.http import HttpRequest, digest_user, next_request
from rigfarm.simulate.asic.makes import btminer_seal
from rigfarm.simulate.asic.makes.btminer_seal import md5crypt, seal, unseal

DATA = files("rigfarm.simulate.asic") / "data"
_numbers = itertools.count(os.getpid() % 50_000)
needs_low_ports = pytest.mark.skipif(not can_bind_low_ports(), reason="ports below 1024 need root")


def network() -> str:
    number = next(_numbers)
    return f"127.{216 + number // 250 % 30}.{number % 250}.0/24"


async def asked(ip: str, command: bytes, port: int = 4028) -> bytes:
    reader, writer = await asyncio.open_connection(ip, port)
    writer.write(command)
    async with asyncio.timeout(60):
        answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize("line_end", [b"", b"\n", b"\0"])
async def test_cgminer_answers_the_recorded_file_and_a_nul_byte_and_closes(line_end: bytes) -> None:
    async with FakeAsicFarm([FakeAsic("luxos", steady=True)], network()) as one:
        answer = await asked(next(iter(one.devices)), b'{"command":"power"}' + line_end)
        assert answer.endswith(b"\0")
        assert json.loads(answer[:-1]) == json.loads((DATA / "luxminer" / "power.json").read_bytes())


@pytest.mark.parametrize(
    ("make", "folder", "command"),
    [
        ("antminer-stock", "antminer-stock-2020", "summary"),
        ("antminer-stock", "antminer-stock-2020", "stats"),
        ("luxos", "luxminer", "devs"),
        ("luxos", "luxminer", "stats"),
        ("whatsminer", "whatsminer-v2", "devs"),
        ("whatsminer", "whatsminer-v2", "pools"),
    ],
)
async def test_steady_fakes_change_nothing(make: str, folder: str, command: str) -> None:
    async with FakeAsicFarm([FakeAsic(make, steady=True)], network()) as one:
        answer = await asked(next(iter(one.devices)), json.dumps({"command": command}).encode())
        assert json.loads(answer[:-1]) == json.loads((DATA / folder / f"{command}.json").read_bytes())


async def test_an_unknown_command_is_an_error() -> None:
    async with FakeAsicFarm([FakeAsic("whatsminer")], network()) as one:
        answer = await asked(next(iter(one.devices)), b'{"command":"nonsense"}')
        assert json.loads(answer[:-1])["STATUS"][0]["STATUS"] == "E"


async def test_devices_differ_and_wander() -> None:
    clock = [1000.0]
    devices = [FakeAsic("luxos", number=n, clock=lambda: clock[0]) for n in (1, 2)]
    assert len({(device.mac, device.serial, round(device.rate, 6)) for device in devices}) == 2
    before = [device.rate for device in devices]
    clock[0] += 7
    assert all(a != b for a, b in zip(before, [device.rate for device in devices], strict=True))
    assert all(0.9 < device.rate < 1.1 for device in devices)
    assert FakeAsic("luxos", number=1).mac == devices[0].mac, "the same number is the same device"


async def test_a_restart_is_a_while_without_answers_and_a_new_uptime() -> None:
    clock = [1_000.0]
    async with FakeAsicFarm([FakeAsic("luxos", restart_s=20.0, clock=lambda: clock[0])], network()) as one:
        (ip,) = one.devices
        one[ip].restart()
        with pytest.raises(ConnectionResetError):
            await asked(ip, b'{"command":"stats"}')
        clock[0] += 21
        stats = json.loads((await asked(ip, b'{"command":"stats"}'))[:-1])
        assert stats["STATS"][1]["Elapsed"] < 5


@pytest.mark.parametrize("fault", [Fault.SILENT, Fault.RESET, Fault.GARBAGE, Fault.HALF, Fault.TLS, Fault.EMPTY])
async def test_faults(fault: Fault) -> None:
    async with FakeAsicFarm([FakeAsic("luxos", fault=fault)], network()) as one:
        (ip,) = one.devices
        try:
            answer = await asyncio.wait_for(asked(ip, b'{"command":"stats"}'), 0.3 if fault is Fault.SILENT else 30)
        except ConnectionResetError:
            assert fault is Fault.RESET
        except TimeoutError:
            assert fault is Fault.SILENT
        else:
            assert fault not in (Fault.RESET, Fault.SILENT)
            with pytest.raises(ValueError):
                json.loads(answer.rstrip(b"\0"))


async def test_an_answer_without_end() -> None:
    async with FakeAsicFarm([FakeAsic("luxos", fault=Fault.HUGE)], network()) as one:
        reader, writer = await asyncio.open_connection(next(iter(one.devices)), 4028)
        writer.write(b'{"command":"stats"}')
        assert len(await reader.readexactly(20 << 20)) == 20 << 20
        writer.close()


async def test_unplugged_is_refused_and_cuts_what_is_open() -> None:
    async with FakeAsicFarm([FakeAsic("luxos", fault=Fault.SILENT)], network()) as one:
        (ip,) = one.devices
        reader, _ = await asyncio.open_connection(ip, 4028)
        await asyncio.sleep(0.01)
        one.unplug(ip)
        assert await reader.read() == b""
        with pytest.raises(ConnectionRefusedError):
            await asked(ip, b"")


async def test_an_address_of_its_own_each_and_none_outside_loopback() -> None:
    one = FakeAsicFarm([FakeAsic("luxos"), FakeAsic("luxos", ip="127.0.2.1"), FakeAsic("luxos")], "127.0.2.0/29")
    assert list(one.devices) == ["127.0.2.1", "127.0.2.2", "127.0.2.3"]
    with pytest.raises(ValueError, match="not a loopback"):
        FakeAsicFarm([FakeAsic("luxos")], "192.168.1.0/24")
    with pytest.raises(ValueError, match="two devices"):
        FakeAsicFarm([FakeAsic("luxos", ip="127.0.2.9"), FakeAsic("luxos", ip="127.0.2.9")])


def test_without_low_ports_some_makes_are_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(farm, "can_bind_low_ports", lambda: False)
    devices, line = mixed(6)
    assert {device.make for device in devices} == {"luxos", "whatsminer"}
    assert line.startswith("left out, for ports below 1024 need root: ")
    assert "IceRiver KS5L" in line
    assert "\n" not in line


def test_with_low_ports_all_makes_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(farm, "can_bind_low_ports", lambda: True)
    devices, line = mixed(14)
    assert {device.make for device in devices} == set(makes())
    assert line == ""


def test_hundreds_are_light() -> None:
    """A thousand of them are built in a moment and without opening a file."""
    one = FakeAsicFarm([FakeAsic("bitaxe") for _ in range(1000)], "127.3.0.0/16")
    assert len(one.devices) == 1000


def test_a_program_serves_them_until_it_is_told_to_end() -> None:
    command = [sys.executable, "-m", "rigfarm.simulate.asic", "--count", "3", "--make", "luxos", "--network", network()]
    process = subprocess.Popen([*command, "--gone", "1"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = [process.stdout.readline().strip() for _ in range(4)]
    assert lines[-1].startswith("ready: 3 devices")
    first, _, last = (line.split()[0] for line in lines[:3])
    socket.create_connection((first, 4028), 5).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((last, 4028), 5)
    process.terminate()
    assert process.wait(10) == 0


def test_aes_and_md5crypt_are_the_real_ones() -> None:
    """FIPS 197 appendix C.3; and hashes made by crypt(3)."""
    key, block = bytes(range(32)), bytes.fromhex("00112233445566778899aabbccddeeff")
    schedule = btminer_seal._schedule(key)
    cipher = btminer_seal._encrypt(block, schedule)
    assert cipher.hex() == "8ea2b7ca516745bfeafc49904b496089"
    assert btminer_seal._decrypt(cipher, schedule) == block
    assert md5crypt("admin", "BQ5hoXV9") == "RxmaDUO33TS7O26yeMHZ81"
    assert unseal("secret", seal("secret", "some words of any length")) == "some words of any length"


def test_a_digest_is_checked() -> None:
    """The worked example of RFC 7616 has another nonce; this one is made by hand the same way."""
    header = (
        'Digest username="root", realm="r", nonce="n", uri="/x", qop=auth, nc=00000001, cnonce="c", '
        'response="1f9a15b5ea9f3ba3fb4d5bd8f1a4e7a1"'
    )
    request = HttpRequest("GET", "/x", {}, {"authorization": header}, b"")
    assert digest_user(request, "r", "root", "wrong") == ("root", False)
    assert digest_user(HttpRequest("GET", "/x", {}, {}, b""), "r", "root", "root") == (None, False)


def test_requests_are_cut_out_of_a_stream() -> None:
    stream = bytearray(b"POST /a?b=1 HTTP/1.1\r\nContent-Length: 3\r\n\r\nxyzGET / HTTP/1.1\r\n\r\nGET /half")
    first, second = next_request(stream), next_request(stream)
    assert first is not None
    assert (first.method, first.path, first.query, first.body) == ("POST", "/a", {"b": "1"}, b"xyz")
    assert second is not None
    assert second.path == "/"
    assert next_request(stream) is None
    assert stream == b"GET /half"


def test_the_recorded_files_name_their_source() -> None:
    text = (DATA / "README.md").read_text()
    assert "256foundation/asic-rs" in text
    assert "Apache License 2.0" in text
    folders = {Path(str(folder)).name for folder in DATA.iterdir() if folder.is_dir()}
    assert all(folder in text for folder in folders)
