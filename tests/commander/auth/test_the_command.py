"""`rigfarm commander` as an operator uses it: real processes, real signals."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import argon2
import httpx
import pytest
from click.testing import CliRunner, Result
from gated import CHEAP_HASH, PASSWORD
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from rigfarm.commander.auth.scopes import SCOPES
from rigfarm.commander.cli import commander
from rigfarm.commander.settings import load_settings

SCRIPT = Path(__file__).with_name("run_commander.py")


def _environment(folder: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RIGFARM_")}
    own = {"RIGFARM_DATA_DIR": str(folder / "data"), "RIGFARM_HOST": "127.0.0.1", "RIGFARM_PORT": "0"}
    return kept | own | {"RIGFARM_TLS": "off"} | more


def _process(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, *words],
        capture_output=True, text=True, timeout=60, check=False, env=_environment(folder, **more),
    )  # fmt: skip


def _command(folder: Path, *words: str, stdin: str = "", **more: str) -> Result:
    """A command that does not run the service, in this process: a new one would spend a second on its imports."""
    mask, before = os.umask(0o077), dict(os.environ)
    os.environ.clear()
    os.environ.update(_environment(folder, **more))
    try:
        return CliRunner().invoke(commander, words, input=stdin)
    finally:
        os.umask(mask)
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _running(folder: Path, **more: str) -> Iterator[tuple[subprocess.Popen[str], str, list[str]]]:
    """The process, its URL, and what it printed before that."""
    with subprocess.Popen(
        [sys.executable, SCRIPT],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=_environment(folder, **more),
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            said: list[str] = []
            for line in process.stdout:
                said.append(line)
                if found := re.search(r"runs at (http://\S+)", line):
                    break
            else:
                assert process.stderr is not None
                pytest.fail(process.stderr.read())
            yield process, found[1].rstrip(","), said
        finally:
            process.kill()


@contextmanager
def _page(url: str, **options: Any) -> Iterator[ClientConnection]:
    """A live page of a browser that logs in for it."""
    cookie = httpx.post(f"{url}/login", data={"password": PASSWORD}).headers["set-cookie"].partition(";")[0]
    headers = {"Cookie": cookie}
    with connect(f"ws{url[4:]}/live", origin=url, additional_headers=headers, **options) as page:  # type: ignore[arg-type]
        assert page.recv() == "live"
        yield page


def test_the_first_start_prints_the_password_once_and_kill_9_does_not_change_it(tmp_path: Path) -> None:
    with _running(tmp_path) as (process, url, said):
        password = re.search(r"password of this Commander is  (\S+)", "".join(said))
        assert password
        assert httpx.post(f"{url}/login", data={"password": password[1]}).status_code == 303
        process.kill()
        process.wait()
    with _running(tmp_path) as (_, url, said):
        assert "password" not in "".join(said)
        assert httpx.post(f"{url}/login", data={"password": password[1]}).status_code == 303
        assert httpx.post(f"{url}/login", data={"password": "no"}).status_code == 401


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_good_order_while_pages_are_open(tmp_path: Path, number: signal.Signals) -> None:
    with _running(tmp_path, RIGFARM_PASSWORD_HASH=CHEAP_HASH) as (process, url, _), _page(url) as page:
        started = time.monotonic()
        process.send_signal(number)
        with pytest.raises(ConnectionClosed):
            page.recv(10)
        assert process.wait(20) == 0
        assert time.monotonic() - started < 15, "a hang would wait for the grace period of the pages several times over"
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    assert not (tmp_path / "data" / "commander.sock").exists()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int, str]]:
    """One for the tests that leave it as it was: its folder, process id and URL."""
    folder = tmp_path_factory.mktemp("commander")
    with _running(folder, RIGFARM_PASSWORD=PASSWORD) as (process, url, _):
        yield folder, process.pid, url


def test_a_second_commander_on_the_same_folder_is_refused(running: tuple[Path, int, str]) -> None:
    folder, pid, url = running
    second = _process(folder)
    assert second.returncode == 1
    assert f"in use by another process of Rigfarm (process {pid}). Stop it first." in second.stderr
    assert "Traceback" not in second.stderr
    assert httpx.get(f"{url}/healthz").status_code == 200


def test_a_port_that_is_taken_is_named(running: tuple[Path, int, str], tmp_path: Path) -> None:
    port = running[2].rpartition(":")[2]
    second = _process(tmp_path, "--port", port)
    assert second.returncode == 1
    assert f"port {port}: Address already in use" in second.stderr


def test_everything_it_makes_is_its_users_only(running: tuple[Path, int, str]) -> None:
    folder, pid, url = running
    httpx.post(f"{url}/login", data={"password": PASSWORD})
    files = [folder / "data", *(folder / "data").rglob("*")]
    assert len(files) > 3
    assert {path.name for path in files if path.stat().st_mode & 0o077} == set()
    assert not [path for path in files if path.is_file() and PASSWORD.encode() in path.read_bytes()]
    assert PASSWORD.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_the_link_is_not_compressed_and_pages_are(running: tuple[Path, int, str]) -> None:
    url = running[2]
    with connect(f"ws{url[4:]}/link?x=y") as link, _page(url) as page:
        assert link.recv() == "hello"
        assert link.protocol.extensions == []
        assert [extension.name for extension in page.protocol.extensions] == ["permessage-deflate"]


def test_a_frame_over_a_mebibyte_closes_its_own_link_only(running: tuple[Path, int, str]) -> None:
    with _page(running[2]) as quiet, _page(running[2], compression=None) as loud:
        loud.send(b"x" * ((1 << 20) + 1))
        with pytest.raises(ConnectionClosed) as closed:
            loud.recv(10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009
        with pytest.raises(TimeoutError):
            quiet.recv(0.1)


def test_an_api_key_is_the_last_word_while_it_runs_and_while_it_does_not(tmp_path: Path) -> None:
    made = _command(tmp_path, "api-key", "create", "before")
    assert (made.exit_code, made.stderr) == (0, "")
    assert re.match(r"API key before can read\. It expires \d{4}-\d\d-\d\d \d\d:\d\d UTC\.", made.stdout)
    secrets = [made.stdout.split()[-1]]
    with _running(tmp_path) as (_, url, _):
        more = ("--scope", "read", "--scope", "operate", "--expires", "never")
        secrets.append(_command(tmp_path, "api-key", "create", "during", *more).stdout.split()[-1])
        for secret, name in zip(secrets, ("before", "during"), strict=True):
            answer = httpx.get(f"{url}/api/rigs", headers={"Authorization": f"Bearer {secret}"})
            assert (answer.status_code, answer.json()) == (200, [name])
        listed = _command(tmp_path, "api-key", "list").stdout
        assert re.match(r"before\tmay read\tmade \S+ \S+\texpires \d\S+ \S+\tused \d\S+ \S+ from 127.0.0.1\n", listed)
        assert "during\tmay read and operate\t" in listed
        assert "expires never" in listed
        assert "refused from now on" in _command(tmp_path, "api-key", "revoke", "before").stdout
        assert httpx.get(f"{url}/api/rigs", headers={"Authorization": f"Bearer {secrets[0]}"}).status_code == 401
    again = _command(tmp_path, "api-key", "create", "during")
    assert again.exit_code == 1
    assert again.stdout == ""
    assert "An API key named during already exists" in again.stderr


def test_hash_password_prints_what_the_setting_takes(tmp_path: Path) -> None:
    made = _command(tmp_path, "hash-password", stdin=f"{PASSWORD}\n")
    assert made.exit_code == 0
    hashed = made.stdout.strip()
    parameters = argon2.extract_parameters(hashed)
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (19456, 2, 1)
    assert load_settings(None, {"RIGFARM_PASSWORD_HASH": hashed}).password_hash == hashed
    assert argon2.PasswordHasher().verify(hashed, PASSWORD)
    assert "RIGFARM_PASSWORD_HASH=" in made.stderr
    assert "password_hash = " in made.stderr
    for short in ("\n", "x\n", "1234567\n"):
        refused = _command(tmp_path, "hash-password", stdin=short)
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert "at least 8 characters" in refused.stderr


def test_reset_password_ends_every_login_while_it_runs_and_while_it_does_not(tmp_path: Path) -> None:
    missing = _command(tmp_path, "reset-password", stdin=f"{PASSWORD}\n")
    assert "No Commander's data was found in" in missing.stderr

    def log_in(url: str, password: str) -> int:
        return httpx.post(f"{url}/login", data={"password": password}).status_code

    with _running(tmp_path) as (_, url, said):
        first = re.search(r"password of this Commander is  (\S+)", "".join(said))
        assert first
        with httpx.Client(base_url=url) as browser:
            assert browser.post("/login", data={"password": first[1]}).status_code == 303
            assert browser.get("/settings").status_code == 200
            assert "at least 8 characters" in _command(tmp_path, "reset-password", stdin="short\n").stderr
            assert browser.get("/settings").status_code == 200, "nothing was changed"
            assert _command(tmp_path, "reset-password", stdin="while it runs\n").exit_code == 0
            assert browser.get("/settings").status_code == 303, "signed out"
        assert [log_in(url, one) for one in (first[1], "while it runs")] == [401, 303]
        with httpx.Client(base_url=url) as browser:
            browser.post("/login", data={"password": "while it runs"})
            cookies = dict(browser.cookies)
    assert _command(tmp_path, "reset-password", stdin="while it rests\n").exit_code == 0
    with _running(tmp_path) as (_, url, _):
        assert httpx.get(f"{url}/settings", cookies=cookies).status_code == 303
        assert [log_in(url, one) for one in ("while it runs", "while it rests")] == [401, 303]
    for more in ({"RIGFARM_PASSWORD": "12345678"}, {"RIGFARM_PASSWORD_HASH": CHEAP_HASH}):
        refused = _command(tmp_path, "reset-password", stdin="something else\n", **more)
        assert refused.exit_code == 1
        assert "comes from its settings" in refused.stderr


@pytest.mark.parametrize(
    ("words", "more", "said"),
    [
        (["--port", "99999"], {}, "The setting port (from --port) is wrong"),
        (["--config", "/nowhere.toml"], {}, "/nowhere.toml cannot be read"),
        ([], {"RIGFARM_DATA_DIR": "/proc/farm"}, "The data folder /proc/farm cannot be used"),
        (["api-key", "list"], {"RIGFARM_PORT": "x"}, "The setting port (from RIGFARM_PORT) is wrong"),
        (["api-key", "list"], {"RIGFARM_DATABASE_URL": "mysql://root:canary@db/farm"}, "Rigfarm cannot use"),
        (["api-key", "create", "x", "--scope", "root"], {}, "Unknown scope root: choose from read, metrics, operate"),
        (["api-key", "create", "x", "--expires", "90"], {}, "--expires takes hours or days"),
        (["api-key", "create", "x", "--expires", "0d"], {}, "--expires takes hours or days"),
        (["api-key", "create", "x", "--expires", "9999999d"], {}, "--expires takes hours or days"),
        (["--pot"], {}, "No such option"),
    ],
)
def test_what_is_wrong_is_said_in_words(tmp_path: Path, words: list[str], more: dict[str, str], said: str) -> None:
    ended = _command(tmp_path, *words, **more)
    assert isinstance(ended.exception, SystemExit)
    assert ended.exit_code in (1, 2)
    assert said in ended.stderr
    assert "canary" not in ended.output


@pytest.mark.parametrize(
    "words",
    [
        ["backup", "farm.backup"],
        ["reset-password"],
        ["api-key", "list"],
        ["activity", "verify"],
        ["rotate-identity"],
        ["migrate", "--to", "postgresql://127.0.0.1:1/farm"],
    ],
)
@pytest.mark.parametrize("found", ["database-kind", ".restore-unfinished"])
def test_no_command_takes_another_database_for_the_farm(tmp_path: Path, words: list[str], found: str) -> None:
    """A farm in PostgreSQL whose settings were not named, and one that is half restored."""
    identity = tmp_path / "data" / "identity"
    identity.mkdir(parents=True)
    (identity / "key.pem").write_text("the key")
    (identity / "activity.key").write_bytes(b"k" * 32)
    (tmp_path / "data" / found).write_text("PostgreSQL\n")
    ended = _command(tmp_path, *words, stdin="a new password\n")
    said = "This Commander uses PostgreSQL" if found == "database-kind" else "was interrupted"
    assert (ended.exit_code, said in ended.stderr) == (1, True), ended.output
    assert (identity / "key.pem").read_text() == "the key"
    assert not (tmp_path / "data" / "rigfarm.db").exists()


def test_a_start_that_fails_says_why(tmp_path: Path) -> None:
    ended = _process(tmp_path, RIGFARM_DATABASE_URL="postgresql://root:canary@127.0.0.1:1/farm")
    assert ended.returncode == 1
    assert "The database postgresql" in ended.stderr
    assert "cannot be used" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "canary" not in ended.stderr


def test_a_misspelt_variable_is_pointed_at(tmp_path: Path) -> None:
    ended = _command(tmp_path, "api-key", "list", RIGFARM_PASWORD="x")
    assert ended.exit_code == 0
    assert "did you mean RIGFARM_PASSWORD?" in ended.stderr


def test_its_help_has_every_scope(tmp_path: Path) -> None:
    said = _command(tmp_path, "api-key", "create", "--help").output.split("Scopes:")[1]
    assert tuple(re.findall(r"^ +([a-z]+)  ", said, re.MULTILINE))[: len(SCOPES)] == SCOPES
