"""Row 38: who answers in the Commander's place gets nothing.

A real rig that joined a real Commander over TLS mines. Then somebody else has the Commander's address and port: without
TLS, with another certificate, with the Commander's own (its key was stolen), with proofs and frames that were recorded
in real sessions, with removals, orders, playbooks and nonsense; and a proxy in a real session adds frames.

The controls are a Sentry that takes any certificate and any proof, and one that believes a removal that is not signed.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from impostor import Impostor, encoded
from nacl.signing import SigningKey
from promise import record
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from farm import MiningRig, mining_rig
from rigfarm.sentry.join import join
from rigfarm.sentry.link import LinkState, proof, session
from rigfarm.sentry.link.session import Session
from rigfarm.sentry.link.trust import Trust
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.commands import Reboot, RestartMiner, ShutDown
from rigfarm.wire.frames import (
    Playbooks,
    Proof,
    Prove,
    RigCommand,
    Signed,
    Verdict,
    Verdicts,
    Welcome,
)
from rigfarm.wire.signing import frames_message, proof_message
from support.playbooks import apply, make_playbook
from support.until import until

LOOKS = 3
"""Connections that each impostor gets to try on."""


def stranger(folder: Path) -> ssl.SSLContext:
    """A certificate of somebody's own."""
    key, path = folder / "stranger.key", folder / "stranger.pem"
    what = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(path)]
    subprocess.run(["openssl", *what, *names], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key)
    return context


def stolen(commander: CommanderProcess) -> ssl.SSLContext:
    """The Commander's own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(commander.folder / "tls/certificate.pem", commander.folder / "tls/key.pem")
    return context


def forged(nonce: bytes = bytes(32)) -> list[bytes]:
    """What an impostor would like to say."""
    key = SigningKey.generate()
    welcome = Welcome(0, 5.0, [Verdict("removed", 1, "rig-01")], "9.9.9")
    frames = [
        Verdicts([(0, Verdict("removed", 1, "rig-01"))]),
        Playbooks(0, 2_000_000_000, []),
        RigCommand("1" * 32, 0, Reboot()),
        RigCommand("2" * 32, 0, ShutDown()),
        RigCommand("3" * 32, 0, RestartMiner()),
    ]
    inside = encoded(*frames)
    signed = Signed(2_000_000, inside, key.sign(frames_message(nonce, 2_000_000, inside)).signature)
    return [*encoded(welcome, *frames, signed), b"\xff\x00nonsense", encoded([101, "x"])[0]]


def own_proof(certificate: bytes = b"") -> Callable[[Prove], bytes]:
    key = SigningKey.generate()

    def prove(asked: Prove) -> bytes:
        signature = key.sign(proof_message(asked.nonce, certificate)).signature
        return encoded(Proof(bytes(key.verify_key), certificate, signature))[0]

    return prove


class Recorder:
    """Every message that real sessions brought."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.frames: list[bytes] = []
        received = session.received

        async def recording(*arguments: object) -> str | bytes:
            data = await received(*arguments)  # type: ignore[arg-type]  # handed on
            if isinstance(data, bytes):
                self.frames.append(data)
            return data

        patch.setattr(session, "received", recording)
        patch.setattr(proof, "received", recording)


class Watch:
    """Whether the rig's program is the one it was, and no other was started."""

    def __init__(self, rig: MiningRig) -> None:
        self._rig = rig
        self._pid, self._all = rig.pid, sorted(rig.processes())
        assert self._pid is not None

    @property
    def bad(self) -> bool:
        return self._rig.pid != self._pid or sorted(self._rig.processes()) != self._all


async def meet(rig: MiningRig, impostor: Impostor) -> None:
    """He gets several connections."""
    for _ in range(LOOKS):
        before = impostor.connections, rig.agent.link.error
        rig.agent.link.connect_to(rig.agent.settings.commander)
        await until(
            lambda before=before: impostor.connections > before[0] or rig.agent.link.error is not before[1]  # type: ignore[misc]
        )
        await until(lambda: rig.agent.link.state in (LinkState.WAITING, LinkState.ONLINE, LinkState.IDLE))


class Between:
    """A proxy that holds the Commander's certificate and key: it passes a session on, and adds frames of its own."""

    def __init__(self, port: int, tls: ssl.SSLContext, commander: CommanderProcess, old: list[bytes]) -> None:
        self._port, self._tls, self._commander, self._old = port, tls, commander, old
        self.added = 0

    async def run(self) -> None:
        async with serve(self._serve, "127.0.0.1", self._port, ssl=self._tls, compression=None):
            await asyncio.Event().wait()

    async def _serve(self, rig: ServerConnection) -> None:
        async with connect(
            f"wss://127.0.0.1:{self._commander.port}/link", ssl=self._commander.context, compression=None
        ) as commander:

            async def up() -> None:
                async for data in rig:
                    await commander.send(data)

            async def down() -> None:
                told = 0
                async for data in commander:
                    await rig.send(data)
                    told += 1
                    if told == 3:  # proof, welcome, playbooks: the session stands
                        for frame in encoded(
                            Verdicts([(0, Verdict("removed", 1, "rig-01"))]),
                            Playbooks(0, 2_000_000_000, []),
                            RigCommand("1" * 32, 0, Reboot()),
                        ):
                            await rig.send(frame)
                            self.added += 1
                        await asyncio.sleep(0.3)
                        for frame in self._old:
                            await rig.send(frame)
                            self.added += 1

            tasks = [asyncio.create_task(up()), asyncio.create_task(down())]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            except ConnectionClosed:
                pass
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.timeout(900)
async def test_who_answers_in_its_place_gets_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commander = CommanderProcess(tmp_path / "commander", settings={"report_interval_s": "1"}, tls=True)
    await asyncio.to_thread(commander.start)
    bad: list[str] = []
    try:
        playbook = await asyncio.to_thread(make_playbook, commander)
        [(rig_id, token)] = await asyncio.to_thread(commander.add_rigs, ["rig-01"])
        await asyncio.to_thread(apply, commander, playbook, [rig_id])
        folder = tmp_path / "rig"
        folder.mkdir(mode=0o700)
        await join(folder, commander.url, token, fingerprint=commander.fingerprint)
        with monkeypatch.context() as patch:
            recorder = Recorder(patch)
            async with mining_rig(folder, commander.url, token) as rig:
                await until(lambda: rig.pid, "it mines what it fetched over TLS")
        async with mining_rig(folder, commander.url, token) as rig:
            await until(lambda: rig.pid)
            await until(lambda: rig.agent.link.state is LinkState.ONLINE)
            watch = Watch(rig)
            ours = stolen(commander)
            fingerprint = bytes.fromhex(commander.fingerprint.removeprefix("SHA256:"))
            old_proof = next(frame for frame in recorder.frames if frame[1] == 108)
            theirs = stranger(tmp_path)
            await asyncio.to_thread(commander.kill)
            ways: dict[str, tuple[ssl.SSLContext | None, Callable[[Prove], bytes], list[bytes]]] = {
                "plain http": (None, own_proof(), forged()),
                "another certificate": (theirs, own_proof(), forged()),
                "another certificate, the real one's name in the proof": (theirs, own_proof(fingerprint), forged()),
                "another certificate, a recorded proof": (theirs, lambda _: old_proof, recorder.frames),
                "no proof, frames at once": (theirs, lambda _: forged()[0], forged()),
                "the stolen certificate": (ours, own_proof(fingerprint), forged()),
                "the stolen certificate, a recorded session": (ours, lambda _: old_proof, recorder.frames),
                "the stolen certificate, nonsense": (ours, lambda _: os.urandom(200), [os.urandom(50)]),
            }
            tokens = 0
            for name, (tls, prove, frames) in ways.items():
                async with Impostor(commander.port, tls, prove, frames) as impostor:
                    await meet(rig, impostor)
                    stole = any(token.encode() in heard for heard in impostor.heard) or impostor.hellos
                    tokens += bool(stole)
                    bad += [f"{name}: token"] * bool(stole) + [f"{name}: mining"] * watch.bad
            # Who ends TLS in between with the stolen key sees what is said, but can neither remove nor command.
            moved = CommanderProcess(commander.folder, settings={"report_interval_s": "1"}, tls=True)
            await asyncio.to_thread(moved.start)
            try:
                signed = [frame for frame in recorder.frames if frame[1] == 109]
                between = Between(commander.port, ours, moved, signed)
                task = asyncio.create_task(between.run())
                rig.agent.link.connect_to(commander.url)
                await until(lambda: between.added >= 3 + len(signed) and rig.agent.link.unsigned >= 3)
                bad += ["in between: mining"] * watch.bad
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            finally:
                await asyncio.to_thread(moved.stop)
        control = await _control(tmp_path, commander, folder, token, monkeypatch)
    finally:
        await asyncio.to_thread(commander.kill)
    record(
        38,
        "who answers in the Commander's place gets a token, or starts or ends a process",
        n=len(ways) + 1,
        bad=len(bad),
        unit="impostors",
        control="any certificate and any proof is taken; an unsigned removal is believed",
        control_bad=" and ".join(control),
    )
    assert bad == []
    assert len(control) == 2


async def _control(
    tmp_path: Path, commander: CommanderProcess, folder: Path, token: str, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """What the same impostor gets from a Sentry that is broken."""
    found = []
    with monkeypatch.context() as patch:
        patch.setattr(Trust, "accept", lambda *_: False)
        judge = Session.judge
        patch.setattr(Session, "judge", lambda self, verdicts, *, signed: judge(self, verdicts, signed=True))
        removed = encoded(Welcome(0, 5.0, [Verdict("removed", 1, "rig-01")], "9.9.9"))
        async with mining_rig(folder, commander.url, token) as rig:
            await until(lambda: rig.pid)
            async with Impostor(commander.port, stranger(tmp_path), own_proof(), removed) as impostor:
                rig.agent.link.connect_to(commander.url)
                await until(lambda: impostor.hellos)
                await until(lambda: not rig.processes())
                found = ["the token is stolen"] * any(token.encode() in heard for heard in impostor.heard)
                found += ["mining is ended"]
    return found
