"""As what a program runs: arguments, folder, environment, user, priority; and what is said when it cannot."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from rigfarm.sentry.playbooks.ports import free_port, is_free
from rigfarm.sentry.processes import cgroup, process, shim
from rigfarm.sentry.processes.access import Account
from rigfarm.sentry.processes.leftovers import MARK, end_marked, marked
from rigfarm.sentry.processes.process import Ending, Process, Program, StartError
from rigfarm.simulate.program.pack import archive_for, source
from rigfarm.simulate.program.reach import anyones_python, let_programs_in
from rigfarm.wire.playbooks import Archive
from support.program.depot import Depot
from support.program.rig import Rig, assigned_for

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="starting a program as another user takes root")


def program(path: Path, *arguments: str, **options: Any) -> Program:
    env = {"PATH": os.defpath, "LANG": "C.UTF-8"}
    return Program(str(path), list(arguments), str(path.parent), env, f"test{path.stat().st_ino}:1", **options)


def fake(folder: Path) -> Path:
    path = folder / "fakeminer"
    path.write_bytes(source())
    path.chmod(0o755)
    return path


async def run(what: Program) -> tuple[Ending, bytes, list[str]]:
    output: list[bytes] = []
    one = Process(what, output.append, lambda _: None)
    await one.start()
    return await one.ended(), b"".join(output), one.notes


async def test_it_works(tmp_path: Path) -> None:
    path = fake(tmp_path)
    ending, output, notes = await run(program(path, "--behave", "exit", "--exit-code", "3", "Größe 中", ""))
    assert ending == Ending(code=3)
    assert output.splitlines()[-1] == b"nothing to do, bye"
    assert notes == []


async def test_what_it_sees(rig: Callable[..., Rig], archive: Archive, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("RIGFARM_TOKEN", "secret")
    monkeypatch.setenv("CUDA_CACHE_PATH", "/somewhere")
    order = assigned_for(archive, template=f"--dump {tmp_path}/dump", nice=7, affinity=[0])
    async with rig() as one:
        await one.runner.apply(1, [order])
        status = await one.until("mining")
        seen = json.loads((tmp_path / "dump").read_text())
        assert status.pid is not None
        running = psutil.Process(status.pid)
        assert running.cpu_affinity() == [0]
        assert os.getsid(status.pid) == status.pid
        assert running.open_files() == []
        assert [Path(f"/proc/{status.pid}/fd/0").resolve()] == [Path("/dev/null")]
        limits = Path(f"/proc/{status.pid}/limits").read_text()
        assert "Max core file size        0                    0" in limits
        assert "NoNewPrivs:\t1" in Path(f"/proc/{status.pid}/status").read_text()
        assert Path(f"/proc/{status.pid}/oom_score_adj").read_text() == "500\n"
    env = seen["env"]
    assert seen["nice"] == 7
    assert seen["cwd"] == str(tmp_path / "sentry/playbooks/work/1")
    assert env["HOME"] == str(tmp_path / "sentry/playbooks/work/1")
    assert env["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert env["CUDA_CACHE_PATH"] == "/somewhere"
    assert env["TERM"] == "dumb"
    assert not [name for name in env if name.startswith("RIGFARM_") and name != MARK]
    assert "secret" not in env.values()


async def test_wishes_that_are_not_granted_are_noted(tmp_path: Path) -> None:
    ending, _, notes = await run(program(fake(tmp_path), "--behave", "exit", affinity=[4_000]))
    assert ending.code == 0
    assert notes == ["the program runs without processors [4000]: [Errno 22] Invalid argument"]


@pytest.mark.parametrize(
    ("content", "mode", "reason"),
    [
        (b"\x7fELF nonsense", 0o755, "Exec format error"),
        (b"#!/no/such/interpreter\n", 0o755, "No such file or directory"),
        (b"#!/bin/true\n", 0o644, "Permission denied"),
    ],
)
async def test_what_cannot_be_started_says_why(tmp_path: Path, content: bytes, mode: int, reason: str) -> None:
    path = tmp_path / "program"
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(StartError, match=reason):
        await run(program(path))
    assert marked(program(path).mark) == []


async def test_a_rig_says_it_too_and_tries_again(rig: Callable[..., Rig], depot: Depot) -> None:
    content = b"\x7fELF of another kind of processor"
    archive = archive_for(content, "executable")
    depot.put(content, archive.path)
    async with rig() as one:
        await one.runner.apply(1, [assigned_for(archive)])
        status = await one.until("failed")
        assert "could not be started: [Errno 8] Exec format error" in status.detail
        assert "restart 1 of at most 12 within an hour, in 2 s" in status.detail


async def test_a_supervisor_that_cannot_be_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "shim_command", lambda descriptor: ["/no/such/python", str(descriptor)])
    with pytest.raises(StartError, match="supervisor cannot be started"):
        await run(program(fake(tmp_path)))
    monkeypatch.setattr(process, "shim_command", lambda descriptor: ["/bin/true"])
    with pytest.raises(StartError, match="supervisor ended before the program began"):
        await run(program(fake(tmp_path)))


async def test_a_supervisor_that_its_program_took_over_floods_nobody(tmp_path: Path) -> None:
    """One that systemd started runs as the same user as its program."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(str(tmp_path / "socket"))
    listener.listen()
    packet, count = b"o" + bytes(shim.READ_BYTES - 1), 200

    def flood() -> None:
        connection, _ = listener.accept()
        connection.recv(1 << 16)
        for pid in (os.getpid(), 1):
            connection.send(json.dumps({"event": "started", "pid": pid}).encode())
        for _ in range(count):
            connection.send(packet)
        connection.close()

    passed, dropped = 0, 0

    def take(output: bytes) -> None:
        nonlocal passed
        passed += len(output)

    def drop(number: int) -> None:
        nonlocal dropped
        dropped += number

    begun: list[tuple[int, int]] = []
    supervised = program(fake(tmp_path), supervisors=str(tmp_path / "socket"))
    one = Process(supervised, take, drop, lambda pid: begun.append((pid, passed)))
    flooding = asyncio.create_task(asyncio.to_thread(flood))
    await one.start()
    assert (await one.ended()).survivors == []
    await flooding
    listener.close()
    assert one.pid == os.getpid(), "the first that it names"
    assert begun == [(one.pid, 0)], "told before anything that it prints"
    assert passed + dropped >= count * (shim.READ_BYTES - 1)
    assert passed < 4 * shim.OUTPUT_BURST_BYTES


async def test_a_start_that_is_cancelled_can_be_stopped(tmp_path: Path) -> None:
    for delay in (0, 0.001, 0.01, 0.03):
        one = Process(program(fake(tmp_path)), lambda _: None, lambda _: None)
        starting = asyncio.create_task(one.start())
        await asyncio.sleep(delay)
        starting.cancel()
        await asyncio.wait([starting])
        await one.stop(0.5)
        assert marked(one.program.mark) == []


async def test_it_is_asked_before_it_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "polite"
    path.write_text(f"""#!{sys.executable}
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b"saved\\n"), sys.exit(0)))
os.write(1, b"ready\\n")  # not print: the signal may come while it writes, and buffers are not reentrant
while True:
    signal.pause()
""")
    path.chmod(0o755)
    output: list[bytes] = []
    one = Process(program(path), output.append, lambda _: None)
    await one.start()
    while b"ready" not in b"".join(output):
        await asyncio.sleep(0.01)
    assert await one.stop(60.0) == Ending(code=0)
    assert b"".join(output) == b"ready\nsaved\n"


@as_root
async def test_a_program_of_another_user_dies_with_its_parent_too(tmp_path: Path) -> None:
    """The change of user takes that wish back: made before it, a program would mine on when everything above it was
    killed at one stroke, and the next one would be started beside it."""
    path = tmp_path / "asks"
    path.write_text(f"""#!{anyones_python()}
import ctypes, os
told = ctypes.c_int()
ctypes.CDLL(None).prctl(2, ctypes.byref(told))  # PR_GET_PDEATHSIG
os.write(1, b"%d as %d" % (told.value, os.getuid()))
""")
    path.chmod(0o755)
    let_programs_in(path)
    account = Account("nobody", 65_534, 65_534, [])
    ending, output, _ = await run(program(path, account=account))
    assert (ending, output) == (Ending(code=0), b"%d as 65534" % signal.SIGKILL)


@as_root
async def test_a_user_who_cannot_reach_the_program_is_told_what_to_do(
    rig: Callable[..., Rig], archive: Archive, tmp_path: Path
) -> None:
    async with rig() as one:
        tmp_path.chmod(0o700)
        await one.runner.apply(1, [assigned_for(archive)])
        status = await one.until("failed")
        assert "'rigfarm-miner' cannot reach the program: chmod o+x /" in status.detail


def test_only_what_is_marked_is_ended(tmp_path: Path) -> None:
    mark = f"test{tmp_path.stat().st_ino}"
    ours = [subprocess.Popen(["sleep", "60"], env={MARK: f"{mark}:{number}"}) for number in (1, 12, 1)]
    other = subprocess.Popen(["sleep", "60"], env={MARK: f"{mark}x:1", "X": f"{MARK}={mark}:1"})
    try:
        assert set(marked(f"{mark}:1")) == {ours[0].pid, ours[2].pid}
        assert set(marked(f"{mark}:")) == {one.pid for one in ours}
        assert end_marked(f"{mark}:1") == []
        assert [one.poll() for one in ours] == [-signal.SIGKILL, None, -signal.SIGKILL]
        assert end_marked(f"{mark}:") == []
        assert other.poll() is None
    finally:
        for one in (*ours, other):
            one.send_signal(signal.SIGKILL)
            one.wait()


def test_where_our_own_cgroup_is(tmp_path: Path) -> None:
    proc = tmp_path / "proc"
    proc.mkdir()
    hierarchy = tmp_path / "cg"
    (hierarchy / "system.slice/sentry.service").mkdir(parents=True)
    (proc / "cgroup").write_text("1:name=systemd:/x\n0::/system.slice/sentry.service\n")
    (proc / "mountinfo").write_text(f"41 31 0:38 / {hierarchy} rw,relatime shared:9 - cgroup2 cgroup2 rw\n")
    assert cgroup._own(proc) == hierarchy / "system.slice/sentry.service"
    assert cgroup.make("a-1", proc) is None, "a folder that is no cgroup is not taken for one"
    assert list((hierarchy / "system.slice/sentry.service").iterdir()) == []
    (proc / "cgroup").write_text("1:name=systemd:/x\n")
    assert cgroup.make("a-1", proc) is None
    assert cgroup.make("a-1", tmp_path / "nowhere") is None


def test_a_free_port_is_free(tmp_path: Path) -> None:
    port = free_port()
    assert 20_000 <= port < 32_000
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)
    assert is_free(port)
    with pytest.raises(OSError, match="no free port"):
        free_port(range(65_536))


def test_the_shim_needs_nothing_but_the_standard_library() -> None:
    assert process.shim_command(3)[1:3] == ["-I", "-S"]
    text = Path(shim.__file__).read_text()
    assert "import rigfarm" not in text
    assert "from rigfarm" not in text
