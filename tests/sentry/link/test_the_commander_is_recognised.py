"""A rig knows its Commander by certificate and key: who answers in its place learns nothing and changes nothing."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import http.server
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from nacl.signing import SigningKey
from sentry_helpers import QUICK, FakePart, running
from websockets.asyncio.server import ServerConnection

from rigfarm.common.fingerprints import find_fingerprint
from rigfarm.sentry.agent.agent import Agent
from rigfarm.sentry.asic.enrol import WantedRig, enrol
from rigfarm.sentry.asic.model import InputError
from rigfarm.sentry.identity.settings import Settings, load_settings
from rigfarm.sentry.join import JoinError, join
from rigfarm.sentry.link import LinkState
from rigfarm.sentry.link.errors import ImpostorError, InsecureError
from rigfarm.sentry.link.trust import FILE_NAME, Trust
from rigfarm.sentry.playbooks.fetch import FetchError, Pace, fetch
from rigfarm.sentry.update import Updates
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import encode
from rigfarm.wire.commands import Reboot, UpdateSentry
from rigfarm.wire.frames import (
    DownFrame,
    Playbooks,
    Proof,
    Prove,
    RigCommand,
    Signed,
    Succession,
    Verdict,
    Verdicts,
)
from rigfarm.wire.playbooks import Archive
from rigfarm.wire.signing import frames_message, proof_message, succession_message
from rigfarm.wire.tokens import new_token
from support.toy_commander import ToyCommander
from support.until import until


class Pair:
    """A self-signed certificate with its key."""

    def __init__(self, folder: Path, name: str, *, days: str = "2") -> None:
        self.key, self.path = folder / f"{name}.key", folder / f"{name}.pem"
        new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", days]
        what = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
        where = ["-keyout", str(self.key), "-out", str(self.path)]
        subprocess.run(["openssl", *new, *what, *where], check=True, capture_output=True)
        self.sha256 = hashlib.sha256(ssl.PEM_cert_to_DER_cert(self.path.read_text())).digest()
        self.fingerprint = f"SHA256:{self.sha256.hex()}"

    @property
    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path, self.key)
        return context


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Pair, Pair]:
    folder = tmp_path_factory.mktemp("certificates")
    return Pair(folder, "ours"), Pair(folder, "other")


@contextlib.asynccontextmanager
async def served(pair: Pair | None, commander: ToyCommander | None = None) -> AsyncIterator[ToyCommander]:
    commander = commander or ToyCommander()
    commander.tls, commander.certificate = (pair.context, pair.sha256) if pair is not None else (None, b"")
    await commander.start()
    try:
        yield commander
    finally:
        await commander.stop()


class Eavesdropper:
    """A server that keeps every byte that comes out of TLS, and says nothing."""

    def __init__(self, pair: Pair | None) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._context = pair.context if pair is not None else None
        self.port: int = self._listener.getsockname()[1]
        self.heard = b""
        self.connections = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                connection.settimeout(20)
                with contextlib.suppress(OSError):
                    inside = self._context.wrap_socket(connection, server_side=True) if self._context else connection
                    while piece := inside.recv(65536):
                        self.heard += piece
                    inside.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@contextlib.contextmanager
def eavesdropper(pair: Pair | None) -> Iterator[Eavesdropper]:
    one = Eavesdropper(pair)
    try:
        yield one
    finally:
        one.close()


def https(port: int) -> str:
    return f"https://127.0.0.1:{port}"


def folder_of(tmp_path: Path) -> Path:
    folder = tmp_path / "sentry"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


async def joined(tmp_path: Path, commander: ToyCommander, pair: Pair) -> tuple[Path, str]:
    """A machine that has joined."""
    token = new_token()
    commander.good(token)
    folder = folder_of(tmp_path)
    await join(folder, https(commander.port), token, fingerprint=pair.fingerprint)
    return folder, token


def sentry(folder: Path, url: str, token: str) -> tuple[Agent, FakePart]:
    part = FakePart(token)
    return Agent(Settings(data_dir=folder, commander=url, ui="off"), [part], timings=QUICK), part


# Joining


async def test_join_by_fingerprint_pins_certificate_and_key(pairs: tuple[Pair, Pair], tmp_path: Path) -> None:
    async with served(pairs[0]) as commander:
        folder, token = await joined(tmp_path, commander, pairs[0])
        trust = Trust(folder)
        assert (trust.certificate, trust.key) == (pairs[0].sha256, bytes(commander.key.verify_key))
        assert (folder / FILE_NAME).stat().st_mode & 0o777 == 0o600
        assert load_settings(folder, {}).insecure_http is False
        agent, _ = sentry(folder, https(commander.port), token)
        async with running(agent):
            await until(lambda: agent.link.state is LinkState.ONLINE)


@pytest.mark.parametrize("spelling", ["upper", "colons"])
async def test_a_fingerprint_may_be_copied_from_a_browser(
    pairs: tuple[Pair, Pair], tmp_path: Path, spelling: str
) -> None:
    digits = pairs[0].sha256.hex()
    text = {"upper": digits.upper(), "colons": ":".join(digits[i : i + 2] for i in range(0, 64, 2)).upper()}[spelling]
    assert find_fingerprint(f"SHA256:{text}") == pairs[0].sha256
    for wrong in ("SHA256:" + text[:-2], f"SHA256:{text}00", text, "SHA256:", f"MD5:{text}"):
        assert find_fingerprint(wrong) is None
    async with served(pairs[0]) as commander:
        token = new_token()
        with pytest.raises(JoinError, match="is not a fingerprint"):
            await join(folder_of(tmp_path), https(commander.port), token, fingerprint=text[:-2])
        assert not commander.connections


async def test_a_wrong_fingerprint_sends_nothing_at_all(pairs: tuple[Pair, Pair], tmp_path: Path) -> None:
    """An impostor that is there when the operator joins must not get the token."""
    with eavesdropper(pairs[1]) as impostor:
        with pytest.raises(JoinError, match="another fingerprint than expected: SHA256:" + pairs[1].sha256.hex()):
            await join(folder_of(tmp_path), https(impostor.port), new_token(), fingerprint=pairs[0].fingerprint)
        await until(lambda: impostor.connections)
        assert impostor.heard == b""
        assert not list(folder_of(tmp_path).iterdir())


async def test_without_a_fingerprint_an_unknown_certificate_is_refused(
    pairs: tuple[Pair, Pair], tmp_path: Path
) -> None:
    with eavesdropper(pairs[0]) as commander:
        with pytest.raises(JoinError, match=r"Join with --fingerprint"):
            await join(folder_of(tmp_path), https(commander.port), new_token())
        assert commander.heard == b""


async def test_a_machine_that_joined_knows_its_commander_without_help(pairs: tuple[Pair, Pair], tmp_path: Path) -> None:
    """Its token was rotated; the operator leaves the fingerprint out."""
    async with served(pairs[0]) as commander:
        folder, _ = await joined(tmp_path, commander, pairs[0])
        again = new_token()
        commander.good(again)
        assert await join(folder, https(commander.port), again)
        assert Trust(folder).certificate == pairs[0].sha256
    async with served(pairs[1]) as stranger:
        stranger.good(again)
        with pytest.raises(JoinError, match="another key"):
            await join(folder, https(stranger.port), again)
        assert not stranger.hellos


async def test_plain_http_takes_an_explicit_switch(tmp_path: Path) -> None:
    token = new_token()
    with eavesdropper(None) as impostor:
        with pytest.raises(JoinError, match="is plain http"):
            await join(folder_of(tmp_path), f"http://127.0.0.1:{impostor.port}", token)
        assert not impostor.connections
    async with served(None) as commander:
        commander.good(token)
        folder = folder_of(tmp_path)
        await join(folder, commander.url, token, insecure_http=True)
        assert load_settings(folder, {}).insecure_http is True
    assert Trust(folder).key == bytes(commander.key.verify_key)


async def test_an_old_configuration_with_http_is_not_used(settings: Settings) -> None:
    """What an older version wrote down: the rig mines on and says what to do; the token stays at home."""
    with eavesdropper(None) as impostor:
        part = FakePart()
        agent = Agent(
            msgspec.structs.replace(settings, commander=f"http://127.0.0.1:{impostor.port}", insecure_http=False),
            [part],
            timings=QUICK,
        )
        async with running(agent):
            await until(lambda: isinstance(agent.link.error, InsecureError))
            assert "insecure_http = true" in str(agent.link.error)
            assert part.mining
        assert not impostor.connections


# Afterwards


async def test_an_impostor_with_the_same_address_hears_no_token(pairs: tuple[Pair, Pair], tmp_path: Path) -> None:
    async with served(pairs[0]) as commander:
        folder, token = await joined(tmp_path, commander, pairs[0])
        port = commander.port
    impostor = ToyCommander()
    impostor.port = port
    impostor.verdicts[token] = Verdict("removed", 1, "rig-01")
    async with served(pairs[1], impostor):
        agent, part = sentry(folder, https(port), token)
        async with running(agent):
            await until(lambda: isinstance(agent.link.error, ImpostorError))
            assert "another key" in str(agent.link.error)
            assert part.mining
            assert not impostor.hellos
    assert Trust(folder).certificate == pairs[0].sha256


async def test_who_passes_the_proof_on_from_the_real_commander_hears_no_token(
    pairs: tuple[Pair, Pair], tmp_path: Path
) -> None:
    """A man in the middle relays Prove and Proof: the proof names the certificate, and his is another."""
    async with served(pairs[0]) as commander:
        folder, token = await joined(tmp_path, commander, pairs[0])
        port = commander.port
    relay = ToyCommander()
    relay.port, relay.key = port, commander.key
    async with served(pairs[1], relay):
        relay.certificate = pairs[0].sha256
        agent, part = sentry(folder, https(port), token)
        async with running(agent):
            await until(lambda: isinstance(agent.link.error, ImpostorError))
            assert "Someone may be in between" in str(agent.link.error)
            assert part.mining
            assert not relay.hellos


@pytest.mark.parametrize("answer", ["another's signature", "an old proof", "no proof", "nonsense"])
async def test_a_proof_that_proves_nothing(
    pairs: tuple[Pair, Pair], tmp_path: Path, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(pairs[0]) as commander:
        folder, token = await joined(tmp_path, commander, pairs[0])
        hellos = len(commander.hellos)

        def lie(_: ServerConnection, prove: Prove) -> object:
            public = bytes(commander.key.verify_key)
            if answer == "another's signature":
                signature = SigningKey.generate().sign(proof_message(prove.nonce, pairs[0].sha256)).signature
                return Proof(public, pairs[0].sha256, signature)
            if answer == "an old proof":
                signature = commander.key.sign(proof_message(bytes(32), pairs[0].sha256)).signature
                return Proof(public, pairs[0].sha256, signature)
            return Verdicts([]) if answer == "no proof" else [108, "x"]

        monkeypatch.setattr(commander, "prove", lie)
        agent, part = sentry(folder, https(commander.port), token)
        async with running(agent):
            await until(lambda: agent.link.error)
            assert part.mining
        assert len(commander.hellos) == hellos


async def test_a_new_certificate_that_the_commander_proves_is_followed(
    pairs: tuple[Pair, Pair], tmp_path: Path
) -> None:
    """The certificate was renewed: no rig has to be visited."""
    async with served(pairs[0]) as commander:
        folder, token = await joined(tmp_path, commander, pairs[0])
        agent, part = sentry(folder, https(commander.port), token)
        async with running(agent):
            await until(lambda: agent.link.state is LinkState.ONLINE)
            await commander.stop()
            commander.tls, commander.certificate = pairs[1].context, pairs[1].sha256
            await until(lambda: agent.link.state is not LinkState.ONLINE)
            await commander.start()
            await until(lambda: agent.link.state is LinkState.ONLINE)
            assert agent.trust.certificate == pairs[1].sha256
            assert part.mining
        assert Trust(folder).certificate == pairs[1].sha256


async def test_a_new_key_that_the_old_one_vouches_for_is_followed(pairs: tuple[Pair, Pair], tmp_path: Path) -> None:
    async with served(pairs[0]) as commander:
        folder, token = await joined(tmp_path, commander, pairs[0])
        keys = [commander.key, SigningKey.generate(), SigningKey.generate()]
        handed = [
            Succession(bytes(after.verify_key), before.sign(succession_message(bytes(after.verify_key))).signature)
            for before, after in pairwise(keys)
        ]

        handed_over: list[Succession] = []

        def prove(socket: ServerConnection, prove: Prove) -> Proof:
            commander._nonces[socket] = prove.nonce
            signature = commander.key.sign(proof_message(prove.nonce, commander.certificate)).signature
            return Proof(bytes(commander.key.verify_key), commander.certificate, signature, handed_over)

        commander.prove = prove  # type: ignore[method-assign]  # it hands statements over too
        commander.key = keys[2]
        for statements, good in ((handed[:1], False), (handed[1:], False), (handed[::-1], False), (handed, True)):
            handed_over[:] = statements
            agent, part = sentry(folder, https(commander.port), token)
            async with running(agent):
                await until(lambda: agent.link.error or agent.link.state is LinkState.ONLINE)  # noqa: B023
                assert (agent.link.state is LinkState.ONLINE) == good
                assert part.mining
        assert Trust(folder).key == bytes(keys[2].verify_key)


# What is signed

FORGERIES = ("replayed", "another connection's", "changed", "reordered", "another key", "nested")


async def told(commander: ToyCommander, *frames: DownFrame) -> None:
    await commander.tell(*frames, signed=False)


class FakeUpdates(Updates):
    """Notes what it is told to become."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, settings.data_dir)
        self.told: list[UpdateSentry] = []

    async def carry_out(self, command: UpdateSentry, *_: object) -> None:
        self.told.append(command)


async def test_only_what_is_signed_changes_a_rig(settings: Settings) -> None:
    """A proxy that ends TLS, or who broke into it, makes frames up: nothing of theirs runs, nothing of ours ends."""
    async with served(None) as commander:
        part = FakePart()
        commander.good(part.token)
        updates, update = FakeUpdates(settings), UpdateSentry("9.0", "0" * 64, 1)
        settings = msgspec.structs.replace(settings, commander=commander.url)
        agent = Agent(settings, [part], timings=QUICK, updates=updates)
        async with running(agent):
            await until(lambda: agent.link.state is LinkState.ONLINE)
            frames = [
                Playbooks(0, 7, []),
                RigCommand("1", 0, Reboot()),
                RigCommand("2", 0, update),
                Verdicts([(0, Verdict("removed", 1, "rig-01"))]),
            ]
            for frame in frames:
                await told(commander, frame)
            await until(lambda: agent.link.unsigned == 4)
            assert agent.link.state is LinkState.ONLINE
            assert part.mining
            assert not part.playbooks
            assert not part.orders
            assert not updates.told
            part.report(3)
            await until(lambda: len(commander.uptimes) == 3, "its logs are still taken")
            await commander.tell(*frames[:3])
            await until(lambda: part.orders and part.playbooks and updates.told == [update])
            await commander.tell(frames[3])
            await until(lambda: not part.mining)


@pytest.mark.parametrize(
    "forgery", ["replayed", "another connection's", "changed", "reordered", "another key", "nested"]
)
async def test_a_signature_serves_once_and_here(settings: Settings, forgery: str) -> None:
    async with served(None) as commander:
        part = FakePart()
        commander.good(part.token)
        agent = Agent(msgspec.structs.replace(settings, commander=commander.url), [part], timings=QUICK)
        async with running(agent):
            await until(lambda: agent.link.state is LinkState.ONLINE)
            [socket] = commander.sockets
            removal = encode(Verdicts([(0, Verdict("removed", 1, "rig-01"))]))
            harmless = encode(Playbooks(0, 1, []))
            nonce, key = commander._nonces[socket], commander.key
            later = commander._sequence + 5

            def signed(frame: bytes, sequence: int = later, nonce: bytes = nonce, key: SigningKey = key) -> Signed:
                return Signed(sequence, [frame], key.sign(frames_message(nonce, sequence, [frame])).signature)

            good = signed(harmless)
            forged = {
                "replayed": good,
                "another connection's": signed(removal, nonce=bytes(32)),
                "changed": Signed(later, [removal], good.signature),
                "reordered": signed(harmless, later - 1),
                "another key": signed(removal, key=SigningKey.generate()),
                "nested": signed(encode(Signed(1, [removal], bytes(64))), later + 1),
            }[forgery]
            await socket.send(encode(good))
            await until(lambda: len(part.playbooks) == 1)
            connections = commander.connections
            await socket.send(encode(forged))
            if forgery == "nested":
                part.report()
                await until(lambda: commander.uptimes)
            else:
                await until(lambda: commander.connections > connections, "the connection is over")
            assert part.mining
            assert len(part.playbooks) == 1


async def test_an_unsigned_removal_in_the_greeting_is_not_believed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(None) as commander:
        part = FakePart()
        commander.verdicts[part.token] = Verdict("removed", 1, "rig-01")
        monkeypatch.setattr(commander, "sign", lambda _, frame: encode(frame))
        agent = Agent(msgspec.structs.replace(settings, commander=commander.url), [part], timings=QUICK)
        async with running(agent):
            await until(lambda: agent.link.unsigned)
            assert part.mining
            assert not part.verdicts
        monkeypatch.undo()
        agent = Agent(agent.settings, [part], timings=QUICK)
        async with running(agent):
            await until(lambda: not part.mining, "once it is signed, it is")


def test_what_is_known_of_the_commander_may_be_damaged(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    for content in (b"", b"{", b'{"key": "xyz"}', b'{"key": 3}', b"\xff\xfe"):
        (folder / FILE_NAME).write_bytes(content)
        trust = Trust(folder)
        assert (trust.certificate, trust.key) == (None, None)


def test_nothing_but_joining_makes_a_sentry_trust_anybody_anew(tmp_path: Path) -> None:
    """What was learnt was not written, or the file was damaged since: a running Sentry goes on with what it knows."""
    folder = folder_of(tmp_path)
    trust = Trust(folder)
    trust.certificate, trust.key = b"c" * 32, b"k" * 32
    trust.reload()
    assert (trust.certificate, trust.key) == (b"c" * 32, b"k" * 32)
    trust.save()
    (folder / FILE_NAME).write_bytes(b"{")
    trust.reload()
    assert (trust.certificate, trust.key) == (b"c" * 32, b"k" * 32)


# Downloads and enrolment


ARCHIVE = Archive("fake", "1", hashlib.sha256(b"program").hexdigest(), 7, "/a", "executable", "fake")


class Depot(http.server.BaseHTTPRequestHandler):
    """Serves one archive."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "7")
        self.end_headers()
        self.wfile.write(b"program")

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextlib.contextmanager
def depot(pair: Pair) -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Depot) as server:
        server.socket = pair.context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def trust_in(pair: Pair | None, *, ca: bool) -> Trust:
    trust = Trust(ca_file=pair.path if pair is not None and ca else None)
    trust.certificate = pair.sha256 if pair is not None and not ca else None
    return trust


@pytest.mark.parametrize("ca", [True, False], ids=["--ca", "pin"])
async def test_mining_software_comes_from_the_commander_only(
    pairs: tuple[Pair, Pair], tmp_path: Path, ca: bool
) -> None:
    """The rig's token goes along with every download: it must not go to whoever answers."""

    async def get(port: int, trust: Trust) -> None:
        await fetch(https(port), "rf_secret", ARCHIVE, tmp_path / "part", lambda _: None, Pace(), trust.context)

    with depot(pairs[0]) as port:
        await get(port, trust_in(pairs[0], ca=ca))
        assert (tmp_path / "part").read_bytes() == b"program"
    (tmp_path / "part").unlink()
    with eavesdropper(pairs[1]) as impostor:
        for trust in (trust_in(pairs[0], ca=ca), trust_in(None, ca=ca)):
            with pytest.raises(FetchError):
                await get(impostor.port, trust)
        assert impostor.connections == 2
        assert impostor.heard == b""
    with eavesdropper(None) as impostor:
        with pytest.raises(FetchError, match="is plain http"):
            await fetch(
                f"http://127.0.0.1:{impostor.port}", "rf_secret", ARCHIVE, tmp_path / "part", print, Pace(),
                trust_in(pairs[0], ca=ca).context,
            )  # fmt: skip
        assert not impostor.connections


@pytest.mark.parametrize("ca", [True, False], ids=["--ca", "pin"])
async def test_an_enrolment_key_goes_to_the_commander_only(pairs: tuple[Pair, Pair], ca: bool) -> None:
    with eavesdropper(pairs[1]) as impostor:
        for trust in (trust_in(pairs[0], ca=ca), trust_in(None, ca=ca)):
            with pytest.raises(InputError):
                await enrol(https(impostor.port), "rk_secret", [WantedRig("rig-01")], trust.context)
        assert impostor.connections == 2
        assert impostor.heard == b""
    with pytest.raises(InputError, match="is plain http"):
        await enrol("http://127.0.0.1:1", "rk_secret", [WantedRig("rig-01")], trust_in(pairs[0], ca=ca).context)


# With the real Commander


async def test_a_real_commander_may_change_certificate_and_key(tmp_path: Path) -> None:
    """After a renewal, after a rotation and after a restored backup no rig has to be visited."""
    commander = CommanderProcess(tmp_path / "commander", settings={"report_interval_s": "1"}, tls=True)
    await asyncio.to_thread(commander.start)
    try:
        [(_, token)] = await asyncio.to_thread(commander.add_rigs, ["rig-01"])
        folder = folder_of(tmp_path)
        assert await join(folder, commander.url, token, fingerprint=commander.fingerprint) == "rig-01"
        agent, part = sentry(folder, commander.url, token)
        async with running(agent):
            await until(lambda: agent.link.state is LinkState.ONLINE)
            first, key = commander.fingerprint, agent.trust.key
            await asyncio.to_thread(commander.stop)
            shutil.copytree(commander.folder, tmp_path / "backup", ignore=shutil.ignore_patterns("*.sock"))
            shutil.rmtree(commander.folder / "tls")
            rotate = [sys.executable, "-m", "rigfarm.cli", "commander", "rotate-identity"]
            await asyncio.to_thread(subprocess.run, rotate, env=commander.environment, check=True, capture_output=True)
            await asyncio.to_thread(commander.start)
            await until(lambda: agent.link.state is LinkState.ONLINE)
            assert commander.fingerprint != first
            assert agent.trust.certificate == find_fingerprint(commander.fingerprint)
            assert agent.trust.key not in (None, key)
            # A backup from before the rotation is another key again: the rig does not take it for its Commander.
            await asyncio.to_thread(commander.kill)
            shutil.rmtree(commander.folder)
            shutil.copytree(tmp_path / "backup", commander.folder)
            await asyncio.to_thread(commander.start)
            await until(lambda: isinstance(agent.link.error, ImpostorError))
            assert part.mining
    finally:
        await asyncio.to_thread(commander.kill)


async def test_a_real_commander_removes_over_tls(tmp_path: Path) -> None:
    with CommanderProcess(tmp_path / "commander", settings={"report_interval_s": "1"}, tls=True) as commander:
        [(rig, token)] = await asyncio.to_thread(commander.add_rigs, ["rig-01"])
        folder = folder_of(tmp_path)
        await join(folder, commander.url, token, fingerprint=commander.fingerprint)
        agent, part = sentry(folder, commander.url, token)
        async with running(agent):
            await until(lambda: agent.link.state is LinkState.ONLINE)
            await asyncio.to_thread(commander.api, "DELETE", f"/api/rigs/{rig}")
            await until(lambda: not part.mining)
        # And who was away then hears of it when he returns.
        agent, part = sentry(folder, commander.url, token)
        async with running(agent):
            await until(lambda: not part.mining)
