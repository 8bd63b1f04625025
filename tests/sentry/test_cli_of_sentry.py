"""`rigfarm sentry`: joining says what is wrong, running ends within five seconds, and a join beside it is noticed."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from rigfarm.common.commander_url import commander_url
from rigfarm.common.whole_file import write_private
from rigfarm.sentry.identity.folder import FolderError, data_folder, locked, make_private
from rigfarm.sentry.identity.passwords import matches
from rigfarm.sentry.identity.tokens import TokenStore, find_token
from rigfarm.sentry.join import JoinError, join
from rigfarm.wire.frames import Verdict
from rigfarm.wire.tokens import new_token
from support.toy_commander import ToyCommander, page
from support.until import until


def command(folder: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "rigfarm.cli", "sentry", *arguments, "--data-dir", str(folder)]


async def rigfarm(folder: Path, *arguments: str, **more: str) -> tuple[int, str]:
    """Run a command; its exit status and everything it said."""
    process = await asyncio.create_subprocess_exec(
        *command(folder, *arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **{key: value for key, value in more.items() if key != "stdin"}},
    )
    out, _ = await process.communicate(more.get("stdin", "").encode())
    assert process.returncode is not None
    return process.returncode, out.decode()


def test_a_hash_is_printed_with_the_place_where_it_goes(tmp_path: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-m", "rigfarm.cli", "sentry", "hash-password"],
        input="eight or more\n",
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "RIGFARM_DATA_DIR": str(tmp_path)},
    )
    assert matches("eight or more", made.stdout.strip()), "alone, so that a script can take it"
    assert f"{tmp_path}/sentry.toml" in made.stderr
    assert "ui_password" in made.stderr


async def test_join_checks_and_keeps(commander: ToyCommander, tmp_path: Path) -> None:
    token = new_token()
    commander.good(token)
    status, said = await rigfarm(tmp_path / "s", "join", commander.url + "/", token, "--insecure-http")
    assert status == 0, said
    assert "rig-01" in said
    assert "rigfarm sentry run" in said
    assert (tmp_path / "s" / "sentry.toml").read_text() == f'insecure_http = true\ncommander = "{commander.url}"\n'
    assert TokenStore(tmp_path / "s").load() == token
    assert stat.S_IMODE((tmp_path / "s" / "tokens.json").stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a folder to another user")
async def test_root_leaves_nothing_of_its_own_in_the_folder_of_the_service(
    commander: ToyCommander, tmp_path: Path
) -> None:
    """A file that only root could read would keep the service from starting."""
    folder = tmp_path / "s"
    folder.mkdir(mode=0o700)
    os.chown(folder, 12_345, 12_346)
    for above in (tmp_path, *tmp_path.parents):
        if above.is_relative_to("/tmp") and above != Path("/tmp"):
            above.chmod(0o711)
    token = new_token()
    commander.good(token)
    status, said = await rigfarm(folder, "join", commander.url + "/", token, "--insecure-http")
    assert status == 0, said
    assert {path.name for path in folder.iterdir()} >= {"sentry.toml", "tokens.json", "lock"}
    assert {(path.stat().st_uid, path.stat().st_gid) for path in folder.iterdir()} == {(12_345, 12_346)}


@pytest.mark.parametrize("way", ["environment", "standard input"])
async def test_a_token_need_not_stand_among_the_arguments(commander: ToyCommander, tmp_path: Path, way: str) -> None:
    token = new_token()
    commander.good(token)
    more = {"RIGFARM_TOKEN": token} if way == "environment" else {"stdin": token + "\n"}
    status, said = await rigfarm(tmp_path / "s", "join", commander.url, "--insecure-http", **more)
    assert status == 0, said
    assert token not in said


async def test_join_says_what_is_wrong(commander: ToyCommander, tmp_path: Path) -> None:
    folder, token = tmp_path / "s", new_token()
    folder.mkdir(0o700)

    async def wrong(url: str, text: str, ca_file: Path | None = None) -> str:
        with pytest.raises(JoinError) as caught:
            await join(folder, url, text, ca_file, insecure_http=True)
        assert not list(folder.iterdir()), "nothing is kept of a join that failed"
        return str(caught.value)

    assert "does not know this token" in await wrong(commander.url, token)
    assert "begin with rf_" in await wrong(commander.url, "rf_short")
    assert "begins with https://" in await wrong("ftp://farm", token)
    assert "can't contain a user name" in await wrong("http://me:secret@farm", token)
    assert "is not a Commander's address" in await wrong("http://farm:99999", token)
    assert "is not a file" in await wrong(commander.url, token, tmp_path / "no.pem")
    assert "does not speak TLS" in await wrong(commander.url.replace("http", "https"), token)
    commander.verdicts[token] = Verdict("removed", 4, "rig-04")
    assert "(rig-04) was removed" in await wrong(commander.url, token)
    commander.answer = page(200)
    assert "ordinary web page" in await wrong(commander.url, token)
    await commander.stop()
    assert "Nothing listens" in await wrong(commander.url, token)


async def test_a_certificate_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    import ssl

    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    new_key = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    name = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(["openssl", *new_key, *name], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    commander = ToyCommander()
    commander.tls = context
    await commander.start()
    token = new_token()
    commander.good(token)
    (tmp_path / "s").mkdir(0o700)
    url = f"https://127.0.0.1:{commander.port}"
    with pytest.raises(JoinError, match="vouches for"):
        await join(tmp_path / "s", url, token)
    assert await join(tmp_path / "s", url, token, cert) == "rig-01"
    assert f'ca_file = "{cert}"' in (tmp_path / "s" / "sentry.toml").read_text()
    await commander.stop()


async def test_run_reports_and_ends_when_it_is_told_to(commander: ToyCommander, tmp_path: Path) -> None:
    token = new_token()
    commander.good(token)
    commander.interval_s = 0.5
    folder = tmp_path / "s"
    assert (await rigfarm(folder, "join", commander.url, token, "--insecure-http"))[0] == 0
    (folder / "sentry.toml").write_text('ui = "off"\n' + (folder / "sentry.toml").read_text())
    process = await asyncio.create_subprocess_exec(
        *command(folder, "run"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        await until(lambda: commander.kept and any(commander.kept.values()), "a log of this very machine")
        status, said = await rigfarm(folder, "status")
        assert status == 0, said
        assert "rig-01" in said
        assert "Link       linked" in said
        other, said = await rigfarm(folder, "run")
        assert other == 1
        assert "already running" in said
        # A join beside it is noticed.
        second = new_token()
        commander.good(second)
        status, said = await rigfarm(folder, "join", commander.url, second, "--insecure-http")
        assert "takes over within seconds" in said
        await until(lambda: any(second in hello.tokens for hello in commander.hellos))
    finally:
        process.send_signal(signal.SIGTERM)
        out, _ = await process.communicate()
    assert process.returncode == 0, out
    assert token not in out.decode()
    assert second not in out.decode()
    assert (await rigfarm(folder, "status"))[0] == 1


async def test_run_on_a_machine_that_is_no_rig_yet_says_how_it_becomes_one(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    folder.mkdir(0o700)
    (folder / "sentry.toml").write_text('ui = "off"\n')
    process = await asyncio.create_subprocess_exec(
        *command(folder, "run"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    said = (await process.stdout.readline()).decode()
    process.send_signal(signal.SIGTERM)
    await process.communicate()
    assert "This machine is not a rig yet. On the Commander, New rig shows the line" in said


@pytest.mark.parametrize(
    "page", ["/rigs", "/rigs/12?from=-1h", "/asics?state=offline#x", "/login?next=%2F", "/settings/"]
)
def test_a_pasted_page_means_its_commander(page: str) -> None:
    assert commander_url(f"https://farm.example:7070{page}") == "https://farm.example:7070"


async def test_gpus_are_forgotten_when_the_operator_says_so(tmp_path: Path) -> None:
    (tmp_path / "gpus.json").write_text("[]")
    assert await rigfarm(tmp_path, "forget-gpus") == (0, "GPU numbering was reset.\n")
    assert not (tmp_path / "gpus.json").exists()
    code, said = await rigfarm(tmp_path, "forget-gpus")
    assert (code, "No GPUs are known" in said) == (0, True)


async def test_a_wrong_configuration_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    folder.mkdir(0o700)
    (folder / "sentry.toml").write_text("spool_mb = 3\n")
    status, said = await rigfarm(folder, "run")
    assert status == 1
    assert "unknown setting spool_mb. Did you mean spool_mib?" in said
    assert "Traceback" not in said


def test_the_folder_is_made_private(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    make_private(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (folder / "x").write_text("")
    (folder / "x").chmod(0o644)
    folder.chmod(0o755)
    assert len(make_private(folder)) == 2
    assert stat.S_IMODE((folder / "x").stat().st_mode) == 0o600
    assert make_private(folder) == []
    folder.chmod(0o711)  # the way of a playbook's own user to its program
    assert make_private(folder) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderError, match="Choose another"):
        make_private(tmp_path / "file" / "x")


def test_one_sentry_a_folder(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(FolderError, match=f"process {os.getpid()}"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


def test_where_the_folder_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert data_folder(tmp_path, {"RIGFARM_DATA_DIR": "/x"}) == tmp_path
    assert data_folder(None, {"RIGFARM_DATA_DIR": "/x"}) == Path("/x")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert data_folder(None, {}) == Path("/var/lib/rigfarm-sentry")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert data_folder(None, {"XDG_DATA_HOME": "/home/a/share"}) == Path("/home/a/share/rigfarm-sentry")


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write_private(path, b"one")
    write_private(path, b"two")
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["x"]


def test_a_damaged_token_file_is_no_token(tmp_path: Path) -> None:
    store = TokenStore(tmp_path)
    assert store.load() is None
    token = new_token()
    store.save(token)
    assert store.load() == token
    for damage in (b"", b"{", b'{"rig": 3}', b'{"rig": "rf_x"}', b"\xff"):
        store.path.write_bytes(damage)
        assert store.load() is None
    store.save(None)
    assert store.load() is None


def test_a_token_is_found_in_what_was_pasted() -> None:
    token = new_token()
    assert find_token(f"  {token}\n") == token
    assert find_token(f"rigfarm sentry join http://10.0.0.5:7070 '{token}'") == token
    assert find_token(token + "x") is None
    assert find_token("") is None
