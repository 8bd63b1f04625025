"""Row 37: a local user of a rig, its mining program among them, gets no more than it has. Real Sentries, as root,
joined or not; an intruder that tries the page, the socket, files, `/proc` and privileges, as nobody and as a mining
program that a real Commander had the rig run.

The control is a page that believes who comes first: any visitor counts as an administrator until a password is set.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from promise import record

from rigfarm.sentry.identity.tokens import TokenStore
from rigfarm.sentry.processes.access import Policy, account_for
from rigfarm.simulate.commander import CommanderProcess, free_port
from rigfarm.simulate.program.pack import pack_files
from rigfarm.simulate.program.reach import anyones_python
from support.playbooks import apply, make_playbook
from support.program.sentry import SentryProcess
from support.until import until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="acts as other users")

NOBODY = 65534
PASSWORD = "a page's own password"
FIRST_COME = """
import rigfarm.sentry.ui.guard as guard
visitor = guard.Guard.visitor
def believing(self, request):
    found = visitor(self, request)
    return found._replace(administrator=found.administrator or self.password_hash is None)
guard.Guard.visitor = believing
"""
SCRIPT = Path(__file__).with_name("intruder.py").read_bytes()


class Machine:
    """A rig with a Sentry, and somebody who listens at the address to which its token shall be lured."""

    def __init__(self, folder: Path, sentry: SentryProcess, port: int, evil: socket.socket) -> None:
        self.folder, self.sentry, self.port, self.evil = folder, sentry, port, evil
        self.known = folder / "known"
        self.script = folder / "intruder.py"
        self.script.write_bytes(SCRIPT)
        self.before = self.kept()

    def kept(self) -> list[bytes]:
        """What decides whose rig this is."""
        names = ("sentry.toml", "tokens.json", "commander.json")
        return [path.read_bytes() for name in names if (path := self.sentry.folder / name).exists()]

    def tell(self, **more: object) -> None:
        """What the intruder may know: any user of a machine can see it."""
        pids = [self.sentry.pid, *self.sentry.processes()]
        evil = f"http://127.0.0.1:{self.evil.getsockname()[1]}"
        self.known.write_text(
            json.dumps({"port": self.port, "folder": str(self.sentry.folder), "pids": pids, "evil": evil, **more})
        )
        self.known.chmod(0o644)

    def code(self) -> str:
        command = [sys.executable, "-m", "rigfarm.cli", "sentry", "code", "--data-dir", str(self.sentry.folder)]
        found = re.search(r"Code +(\S+)", subprocess.run(command, capture_output=True, text=True).stdout)
        assert found is not None
        return found[1]

    async def as_nobody(self) -> dict[str, list[str]]:
        self.tell()
        command = [anyones_python(), str(self.script), str(self.known)]
        who = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        await asyncio.to_thread(subprocess.run, command, cwd="/", timeout=300, check=True, **who)  # type: ignore[call-overload]
        return self.found(NOBODY)

    def found(self, uid: int) -> dict[str, list[str]]:
        said: dict[str, list[str]] = json.loads(Path(f"{self.known}.{uid}").read_text())
        assert len(said["tried"]) > 200
        return said

    def bad(self, said: dict[str, list[str]], *secrets: str) -> list[str]:
        """Ways that led somewhere; and what changed, or was seen, by whatever way."""
        seen = "\n".join(said["seen"])
        bad = [*said["got"], *(f"saw a secret of {len(one)} letters" for one in secrets if one and one in seen)]
        if self.kept() != self.before:
            bad.append("what the Sentry keeps has changed")
        os.kill(self.sentry.pid, 0)
        with contextlib.suppress(BlockingIOError):
            self.evil.accept()
            bad.append("the Sentry went to the intruder's address")
        return bad


@contextlib.asynccontextmanager
async def machine(
    folder: Path, commander: CommanderProcess | None, token: str = "", *, password: str = "", mutation: str = ""
) -> AsyncIterator[Machine]:
    folder.mkdir()
    port = free_port()
    url = commander.url if commander is not None else ""
    sentry = SentryProcess(folder / "sentry", url, token, ui=f"127.0.0.1:{port}", mutation=mutation)
    sentry.folder.mkdir(mode=0o700)
    if password:
        (sentry.folder / "sentry.toml").write_text(f'ui_password = "{password}"\n')
    async with contextlib.AsyncExitStack() as stack:
        if commander is not None:
            stack.enter_context(sentry)
        else:
            sentry.start()
            stack.callback(sentry.stop)
        evil = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        evil.setblocking(False)
        await until(lambda: _answers(port), "the page")
        yield Machine(folder, sentry, port, evil)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=5):
        return True
    return False


async def new_rig(commander: CommanderProcess, name: str) -> tuple[int, str]:
    made = await asyncio.to_thread(commander.api, "POST", "/api/rigs", {"name": name, "kind": "cpu-gpu"})
    return made["id"], made["token"]


@pytest.mark.timeout(900)
async def test_no_way_leads_to_root_token_address_or_password(tmp_path: Path, commander: CommanderProcess) -> None:
    bad: list[str] = []
    n = 0

    async with machine(tmp_path / "unjoined", None) as one:
        said = await one.as_nobody()
        n += len(said["tried"])
        bad += [f"unjoined: {way}" for way in one.bad(said, one.code())]

    for number, password in enumerate(("", PASSWORD)):
        _, token = await new_rig(commander, f"rig-{number}")
        async with machine(tmp_path / f"joined-{number}", commander, token, password=password) as one:
            said = await one.as_nobody()
            n += len(said["tried"])
            bad += [f"joined: {way}" for way in one.bad(said, token, PASSWORD, one.code())]

    rig, token = await new_rig(commander, "rig-9")
    account = account_for(None, Policy())
    assert account is not None
    async with machine(tmp_path / "mining", commander, token) as one:
        program = f"#!{anyones_python()}\n".encode() + SCRIPT
        archive = pack_files("tar.gz", {"fakeminer": program})
        other = await asyncio.to_thread(make_playbook, commander, "other", "-o $CPU_POOL --pass hunter2")
        await asyncio.to_thread(apply, commander, other, [rig])
        await until(lambda: one.sentry.processes(), "a program that is not the intruder's")
        one.tell(is_program=True)
        playbook = await asyncio.to_thread(make_playbook, commander, "evil", f"{one.known} 600 -o $CPU_POOL", archive)
        await asyncio.to_thread(apply, commander, playbook, [rig])
        await until(lambda: Path(f"{one.known}.{account.uid}").exists(), "the intruder", 300)
        said = one.found(account.uid)
        n += len(said["tried"])
        bad += [f"mining: {way}" for way in one.bad(said, token, one.code()) if not _of_its_own_user(way, one)]
        assert TokenStore(one.sentry.folder).load() == token

    async with machine(tmp_path / "control", None, mutation=FIRST_COME) as one:
        said = await one.as_nobody()
        control = one.bad(said)
    assert any("/asics/begin" in way for way in control)
    assert bad == []
    record(
        37,
        "a local user or mining program of a rig gets no more than it has",
        n=n,
        bad=len(bad),
        unit="ways to root, a token, the address or the password",
        control="a page that believes who comes first",
        control_bad=f"{len(control)} ways led somewhere, the choice of the page's password among them",
    )


def _of_its_own_user(way: str, one: Machine) -> bool:
    """Two programs of one rig have the same user, and are not kept apart (docs/playbooks.md)."""
    found = re.search(r" (\d+)$", way)
    if found is None or int(found[1]) == one.sentry.pid:
        return False
    try:
        return Path(f"/proc/{found[1]}").stat().st_uid not in (0, os.geteuid())
    except FileNotFoundError:
        return True  # it was the other program, and the intruder ended it


def test_the_intruder_knows_a_way_in(tmp_path: Path) -> None:
    """As root, who may do nearly everything, most of its ways lead somewhere: it can tell."""
    own = subprocess.Popen(["sleep", "60"])
    try:
        known = tmp_path / "known"
        (tmp_path / "data").mkdir()
        (tmp_path / "data/tokens.json").write_text("a token")
        known.write_text(
            json.dumps({"port": 1, "folder": str(tmp_path / "data"), "pids": [own.pid], "evil": "http://x"})
        )
        code = (
            "import intruder, json; one = intruder.Intruder(json.load(open(%r))); one.files(); one.processes(); "
            "print(one.got, one.seen)"
        )
        command = [sys.executable, "-c", code % str(known)]
        said = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True).stdout
        for way in ("write tokens.json", "list .", f"/proc environ {own.pid}", f"signal 9 {own.pid}", "a token"):
            assert way in said
    finally:
        own.send_signal(signal.SIGKILL)
        own.wait()
