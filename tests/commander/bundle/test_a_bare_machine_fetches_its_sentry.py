"""The line of a new rig's dialog, run by a real shell against a real Commander, and what is served for it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import platform
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.di import Provide
from litestar.testing import TestClient
from structlog.testing import capture_logs

from rigfarm.commander.bundle import Bundle, Bundles, install_line
from rigfarm.commander.bundle.model import BundleError, read_bundle
from rigfarm.commander.bundle.serving import bundle_routes
from rigfarm.commander.join_address import JoinAddress
from rigfarm.commander.server.downloads import Downloads
from rigfarm.simulate.commander import CommanderProcess

MACHINE = platform.machine()
NAME = f"rigfarm-sentry-{MACHINE}"
TOKEN = "rf_" + "x" * 43
STAND_IN = f"""#!/bin/sh
# Rigfarm Sentry 9.9 for {MACHINE}
echo "$@" > "$HOME/arguments"
case $1 in join) cat > "$HOME/token";; esac
"""
"""Begins as a Sentry does; says what it was given."""
TOOLS = ["sh", "uname", "mktemp", "rm", "curl", "wget", "sha256sum", "id", "cat", "chmod"]


@pytest.fixture(scope="module")
def commander(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommanderProcess]:
    folder = tmp_path_factory.mktemp("commander")
    put(folder / "bundles", STAND_IN)
    with CommanderProcess(folder) as process:
        yield process


def put(folder: Path, text: str, name: str = NAME) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text)
    return path


def fetch(url: str) -> tuple[bytes, dict[str, str]]:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read(), dict(answer.headers)


def wait_for(url: str, content: bytes) -> None:
    """The Commander looks at its folder every few seconds."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if fetch(url)[0] == content:
                return
        except urllib.error.HTTPError:
            pass
        time.sleep(0.2)
    pytest.fail(f"{url} does not give what was put there")


def bare(tmp_path: Path, *without: str) -> dict[str, str]:
    """The environment of a machine with little on it: `sudo` is root's own."""
    tools, home = tmp_path / "tools", tmp_path / "home"
    tools.mkdir()
    home.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        if tool not in without and found is not None:
            (tools / tool).symlink_to(found)
    (tools / "sudo").write_text('#!/bin/sh\nexec "$@"\n')
    (tools / "sudo").chmod(0o755)
    return {"PATH": str(tools), "HOME": str(home), "TMPDIR": str(tmp_path)}


def run(line: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["/bin/sh", "-c", line], env=environment, capture_output=True, text=True, timeout=60)


async def line(folder: Path, url: str, token: str = TOKEN, fingerprint: str = "") -> str:
    bundles = Bundles(folder)
    await bundles.look()
    return install_line(bundles.offered, JoinAddress(url, fingerprint), token)


@pytest.mark.parametrize("without", ["wget", "curl"])
async def test_it_works(commander: CommanderProcess, tmp_path: Path, without: str) -> None:
    if shutil.which("curl" if without == "wget" else "wget") is None:
        pytest.skip(f"this machine has only {without}")
    environment = bare(tmp_path, without)
    done = run(await line(commander.folder / "bundles", commander.url), environment)
    assert done.returncode == 0, done.stderr
    home = Path(environment["HOME"])
    assert (home / "arguments").read_text() == f"join {commander.url} --insecure-http --install\n"
    assert (home / "token").read_text() == f"{TOKEN}\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "tools"], "nothing is left of the download"


@pytest.mark.parametrize("without", ["wget", "curl"])
async def test_it_works_with_a_certificate_that_only_its_fingerprint_vouches_for(tmp_path: Path, without: str) -> None:
    if shutil.which("curl" if without == "wget" else "wget") is None:
        pytest.skip(f"this machine has only {without}")
    (tmp_path / "commander").mkdir()
    put(tmp_path / "commander/bundles", STAND_IN)
    with CommanderProcess(tmp_path / "commander", tls=True) as secure:
        (tmp_path / "machine").mkdir()
        environment = bare(tmp_path / "machine", without)
        shown = await line(secure.folder / "bundles", secure.url, fingerprint=secure.fingerprint)
        done = run(shown, environment)
        assert done.returncode == 0, done.stderr
        home = Path(environment["HOME"])
        said = f"join {secure.url} --fingerprint {secure.fingerprint} --install\n"
        assert (home / "arguments").read_text() == said
        assert (home / "token").read_text() == f"{TOKEN}\n"


async def test_another_file_is_not_run(commander: CommanderProcess, tmp_path: Path) -> None:
    other = tmp_path / "other"
    put(other, STAND_IN + "# one byte more\n")
    environment = bare(tmp_path)
    done = run(await line(other, commander.url), environment)
    assert done.returncode != 0
    assert "FAILED" in done.stderr + done.stdout
    assert list(Path(environment["HOME"]).iterdir()) == []


async def test_a_machine_nobody_built_for_is_told_so(commander: CommanderProcess, tmp_path: Path) -> None:
    environment = bare(tmp_path, "uname")
    (tmp_path / "tools/uname").write_text("#!/bin/sh\necho riscv64\n")
    (tmp_path / "tools/uname").chmod(0o755)
    done = run(await line(commander.folder / "bundles", commander.url), environment)
    assert done.returncode != 0
    assert "no Sentry for riscv64" in done.stderr


async def test_hostile_addresses_stay_addresses(commander: CommanderProcess, tmp_path: Path) -> None:
    environment = bare(tmp_path, "curl", "wget")
    (tmp_path / "tools/curl").write_text(
        f'#!/bin/sh\necho "$6" > "$HOME/asked"\ncp "{commander.folder}/bundles/{NAME}" "$5"\n'
    )
    (tmp_path / "tools/curl").chmod(0o755)
    (tmp_path / "tools/cp").symlink_to(shutil.which("cp") or "/bin/cp")
    hostile = 'http://a\';touch $HOME/evil;`touch $HOME/evil`"$(touch $HOME/evil)"#'
    done = run(await line(commander.folder / "bundles", hostile), environment)
    home = Path(environment["HOME"])
    assert not (home / "evil").exists()
    assert done.returncode == 0, done.stderr
    assert (home / "asked").read_text() == f"{hostile}/bundle/{NAME}\n"
    assert (home / "arguments").read_text() == f"join {hostile} --insecure-http --install\n"


async def test_other_users_cannot_see_the_token(commander: CommanderProcess) -> None:
    shown = await line(commander.folder / "bundles", commander.url)
    builtin, _, rest = shown.partition(" | ")
    assert builtin == f"echo {TOKEN}", "no process of its own in any shell"
    assert TOKEN not in rest
    assert (await line(commander.folder / "bundles", commander.url, "")).endswith("install --no-new-rights'")


async def test_without_a_bundle_there_is_no_line(tmp_path: Path) -> None:
    assert await line(tmp_path / "none", "http://c") == ""
    assert (tmp_path / "none").is_dir(), "where one may be put"


# What is served


def test_a_stranger_gets_the_file_and_nothing_else(commander: CommanderProcess) -> None:
    content, headers = fetch(f"{commander.url}/bundle/{NAME}")
    assert content.decode() == STAND_IN
    assert headers["etag"] == f'"{hashlib.sha256(content).hexdigest()}"'
    assert headers["content-length"] == str(len(content))
    put(commander.folder / "bundles", "secret", "other")
    for name in ("other", "..%2Frigfarm.db", "%2e%2e", f"{NAME}x", "rigfarm-sentry-"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            fetch(f"{commander.url}/bundle/{name}")
        assert refused.value.code == 404


def test_a_file_that_is_replaced_is_offered_anew(tmp_path: Path) -> None:
    put(tmp_path / "bundles", STAND_IN)
    with CommanderProcess(tmp_path) as commander:
        url = f"{commander.url}/bundle/{NAME}"
        assert fetch(url)[0].decode() == STAND_IN
        put(tmp_path / "bundles", STAND_IN + "# newer\n")
        with pytest.raises(urllib.error.HTTPError) as refused:
            fetch(url)
        assert (refused.value.code, refused.value.headers["retry-after"]) == (503, "5"), "not before it was hashed"
        wait_for(url, (STAND_IN + "# newer\n").encode())


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        (NAME, "#!/bin/sh\necho hello\n", "does not begin"),
        ("rigfarm-sentry-other", STAND_IN, "does not begin"),
        ("rigfarm-sentry-a b", STAND_IN, "its name is not"),
        ("rigfarm-sentry-x;reboot", STAND_IN, "its name is not"),
    ],
)
async def test_what_is_no_sentry_is_not_offered(tmp_path: Path, name: str, text: str, why: str) -> None:
    path = put(tmp_path / "bundles", text, name)
    with pytest.raises(BundleError, match=why):
        read_bundle(path)
    bundles = Bundles(tmp_path / "bundles")
    with capture_logs() as said:
        for _ in range(3):
            await bundles.look()
    assert bundles.offered == ()
    assert [why in line["why"] for line in said] == [True], "once"


async def test_a_file_is_hashed_once(tmp_path: Path) -> None:
    bundles = Bundles(tmp_path / "bundles")
    path = put(tmp_path / "bundles", STAND_IN)
    await bundles.look()
    [before] = bundles.offered
    assert before == Bundle(
        MACHINE, "9.9", hashlib.sha256(STAND_IN.encode()).hexdigest(), len(STAND_IN), path, before.id
    )
    await bundles.look()
    assert bundles.offered[0] is before
    os.utime(path)
    await bundles.look()
    assert bundles.offered[0] is not before


def test_places_to_fetch_are_bounded_and_given_back(tmp_path: Path) -> None:
    put(tmp_path / "bundles", STAND_IN)
    bundles = Bundles(tmp_path / "bundles")
    app = Litestar([*bundle_routes], dependencies={"bundles": Provide(lambda: bundles, sync_to_thread=False)})
    asyncio.run(bundles.look())
    with TestClient(app) as client:
        assert client.get(f"/bundle/{NAME}").text == STAND_IN
        assert len(bundles.downloads) == 0
        bundles.downloads = Downloads(0, 1)
        full = client.get(f"/bundle/{NAME}")
        assert (full.status_code, full.headers["retry-after"]) == (503, "5")
