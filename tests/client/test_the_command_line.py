"""The command line against a real Commander with a certificate of its own: docs/cli.md, and what may go wrong."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rigfarm.simulate.commander import CommanderProcess, free_port
from rigfarm.wire.codec import encode
from rigfarm.wire.frames import CommandResult, DownFrame, RigCommand
from support.load import connect
from support.until import until_now

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cli.md"
LINES = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
WATCHING = [line for line in LINES if "--watch" in line]
HOSTILE = "\x1b]0;owned\x07\u202erig\x9b31m"


class Operator:
    """Somebody with a home of their own."""

    def __init__(self, home: Path) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("RIGFARM_", "XDG_"))}
        path = f"{Path(sys.executable).parent}:{clean['PATH']}"
        self.home = home
        self.environment = {**clean, "HOME": str(home), "PATH": path}

    def run(self, line: str, said: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", line],
            env=self.environment | more, cwd=self.home, input=said,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def good(self, line: str, said: str = "", **more: str) -> str:
        ran = self.run(line, said, **more)
        assert ran.returncode == 0, (line, ran.stderr)
        return ran.stdout


@pytest.fixture(scope="module")
def commander(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommanderProcess]:
    with CommanderProcess(tmp_path_factory.mktemp("commander"), tls=True) as commander:
        commander.add_rigs(["rig-1", "rig-2", "rig-3"])
        commander.add_rigs(["asic-1"], "asic")
        commander.api("POST", "/api/rigs/labels", {"filter": {}, "place": "hall-2"})
        commander.api("POST", "/api/rigs/labels", {"filter": {}, "kind": "asic", "place": "hall-1"})
        yield commander


@pytest.fixture(scope="module")
def operator(commander: CommanderProcess, tmp_path_factory: pytest.TempPathFactory) -> Operator:
    operator = Operator(tmp_path_factory.mktemp("home"))
    said = operator.good(_here(LINES[0], commander), f"{commander.key}\n")
    assert "Logged in" in said
    assert commander.key not in said
    return operator


def _here(line: str, commander: CommanderProcess) -> str:
    return line.replace("https://commander.lan:7070", f"{commander.url} --fingerprint {commander.fingerprint}")


def test_the_login_is_stored_for_this_user_only(operator: Operator) -> None:
    stored = operator.home / ".config" / "rigfarm" / "login.json"
    assert stored.stat().st_mode & 0o777 == 0o600
    assert stored.parent.stat().st_mode & 0o777 == 0o700


def test_the_documented_lines_work_in_their_order(operator: Operator) -> None:
    """A rig that waits for its first report takes no command: exit code 1, and the reason."""
    assert LINES[0].startswith("rigfarm login")
    for line in LINES[1:]:
        if line in WATCHING:
            continue
        ran = operator.run(line.replace("--timeout 900", "--timeout 1"))
        if "--wait" in line:  # these rigs have never connected
            assert (ran.returncode, "did not answer in time" in ran.stderr) == (5, True), ran.stderr
            continue
        told = re.search(r" (restart|reboot|pause|resume|power-limit|set-pools) ", line)
        assert ran.returncode == 0 or (told and ran.returncode == 1), (line, ran.stdout, ran.stderr)
        assert "Traceback" not in ran.stderr
    assert "rig-02" not in operator.good("rigfarm rigs list")


@pytest.mark.parametrize("line", WATCHING)
def test_watching_goes_on_until_it_is_interrupted(operator: Operator, line: str) -> None:
    process = subprocess.Popen(
        ["bash", "-c", f"exec {line} --json"], env=operator.environment, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert first["event"] == "snapshot"


def test_rigs_are_shown_as_they_were(operator: Operator, commander: CommanderProcess) -> None:
    """By the name that they had; history is written some time after it happened."""
    commander.add_rigs(["rig-then"])
    until_now(lambda: "rig-then" in operator.run("rigfarm rigs list name:rig-then --at -0s").stdout)
    at = datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
    operator.good("rigfarm rigs rename rig-then rig-now")
    listed = operator.run(f"rigfarm rigs list name:rig-then --at {at}")
    assert "rig-then" in listed.stdout
    assert "As it was at" in listed.stderr
    assert "of the last log before" in listed.stderr
    assert "resolution_s" in operator.good(f"rigfarm rigs show rig-then --at {at}")
    assert operator.run("rigfarm rigs show rig-then").returncode == 1
    assert operator.run(f"rigfarm rigs show rig-now --at {at}").returncode == 1
    assert operator.run("rigfarm rigs list --at -1h --watch").returncode == 2


def test_watching_prints_a_change(operator: Operator, commander: CommanderProcess) -> None:
    process = subprocess.Popen(
        ["bash", "-c", "exec rigfarm asics list --watch"], env=operator.environment, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        while "asic-1" not in process.stdout.readline():
            pass
        commander.add_rigs(["asic-2"], "asic")
        while "asic-2" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def test_json_is_what_the_api_answers(operator: Operator, commander: CommanderProcess) -> None:
    printed = json.loads(operator.good("rigfarm rigs list --json"))
    assert printed == commander.api("GET", "/api/rigs?kind=cpu-gpu")


def test_a_name_cannot_control_the_terminal() -> None:
    code = (
        "import json, sys; from rigfarm.client.show import *; from rigfarm.client.errors import Failure;"
        f"row = {{'name': {HOSTILE!r}, {HOSTILE!r}: [{{'a': {HOSTILE!r}}}], 'hashrates': {{{HOSTILE!r}: 1.0}}}};"
        "print_table([row], columns(name='name', rate=hashrates)); print_json(row); details(row);"
        f"Failure({HOSTILE!r}).show()"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for char in "\x1b\x07\u202e\x9b":
        assert char not in ran.stdout + ran.stderr, repr(char)
    assert "owned" in ran.stdout
    assert "owned" in ran.stderr


def test_circuits_are_listed_and_warn(operator: Operator, commander: CommanderProcess) -> None:
    rigs = commander.api("GET", "/api/rigs?kind=cpu-gpu&filter=place:hall-2")
    assert isinstance(rigs, list)
    made = commander.api("POST", "/api/circuits", {"name": "PDU-7", "limit_w": 3680, "places": ["hall-2"]})
    assert isinstance(made, dict)
    try:
        assert re.search(r"PDU-7 +3\.680 kW +", operator.good("rigfarm circuits list pdu"))
        assert json.loads(operator.good("rigfarm circuits list --json"))[0]["places"] == ["hall-2"]
        assert "hall-2" in operator.good(f"rigfarm circuits show {made['id']}")
        unknown = f"it is unknown what {len(rigs)} rigs will draw."
        said = f"PDU-7 would draw at least 0 W of its limit of 3.680 kW: {unknown}"
        (one,) = json.loads(operator.good("rigfarm circuits forecast place:hall-2 --json"))
        assert (one["detail"], one["level"]) == (said, "unknown")
        assert "unknown" in operator.good("rigfarm circuits forecast --all")
        assert operator.good("rigfarm circuits forecast --all --asics --json") == "[]\n"
        asked = operator.run("rigfarm rigs restart place:hall-2", "n\n")
        assert (asked.returncode, said in asked.stderr) == (1, True)
        assert said not in operator.run("rigfarm rigs shut-down place:hall-2", "n\n").stderr
        kept = operator.good(f"rigfarm circuits show {made['id']} --json")
        changed = json.dumps({**json.loads(kept), "limit_w": 7360})
        assert "Changed circuit" in operator.good(f"rigfarm circuits edit {made['id']}", changed)
        assert "7.360 kW" in operator.good("rigfarm circuits list")
    finally:
        commander.api("DELETE", f"/api/circuits/{made['id']}")


def test_nothing_is_done_without_a_filter_or_a_yes(operator: Operator) -> None:
    assert operator.run("rigfarm rigs remove --yes").returncode == 2
    assert operator.run("rigfarm rigs remove --all name:rig --yes").returncode == 2
    asked = operator.run("rigfarm rigs remove --all", "n\n")
    assert asked.returncode == 1
    assert "rig-1, " in asked.stderr, "which rigs it is about"
    assert operator.run("rigfarm rigs remove name=rig-77 --yes").returncode == 1
    assert "rig-1" in operator.good("rigfarm rigs list")


@pytest.mark.parametrize(("answers", "code"), [(("done", "done"), 0), (("done", "failed"), 1), (("done", ""), 5)])
async def test_waiting_ends_with_what_the_rigs_answered(tmp_path: Path, answers: tuple[str, ...], code: int) -> None:
    with CommanderProcess(tmp_path / "commander") as commander:
        there = {"RIGFARM_URL": commander.url, "RIGFARM_API_KEY": commander.key}
        made = await asyncio.to_thread(commander.add_rigs, ["asic-1", "asic-2"], "asic")
        link = await connect(commander.url, [token for _, token in made])

        def answer(frame: DownFrame) -> None:
            if isinstance(frame, RigCommand) and answers[frame.slot]:
                link.send(encode(CommandResult(frame.id, frame.slot, answers[frame.slot])))  # type: ignore[arg-type]

        link.on_frame = answer
        operator, timeout_s = Operator(tmp_path), 1 if code == 5 else 60
        line = f"rigfarm asics restart --all --yes --json --wait --timeout {timeout_s}"
        ran = await asyncio.to_thread(operator.run, line, **there)
        assert ran.returncode == code, ran.stderr
        results = json.loads(ran.stdout)
        assert {one["state"] for one in results} - {"queued", "running"} == set(answers) - {""}
        again = f"rigfarm commands wait {results[0]['batch']} --timeout {timeout_s}"
        assert (await asyncio.to_thread(operator.run, again, **there)).returncode == code
        link.close()


def test_what_was_edited_meanwhile_is_not_overwritten(operator: Operator) -> None:
    wallet = {"kind": "wallet", "name": "mine", "coin": "XMR", "wallet": "4" + "A" * 94}
    made = json.loads(operator.good("rigfarm addresses create --json", json.dumps(wallet)))
    seen = operator.good(f"rigfarm addresses show {made['id']} --json")
    operator.good(f"rigfarm addresses edit {made['id']}", '{"name": "theirs"}')
    late = operator.run(f"rigfarm addresses edit {made['id']}", seen)
    assert (late.returncode, "changed by someone else" in late.stderr) == (1, True), late.stderr
    for wrong in ("", "[]", "{", "\xff", '{"a": ' * 99_999):
        assert operator.run(f"rigfarm addresses edit {made['id']}", wrong).returncode == 2, wrong[:9]
    assert operator.run(f"rigfarm addresses delete {made['id']}", "n\n").returncode == 1
    assert "Deleted" in operator.good(f"rigfarm addresses delete {made['id']} --yes")


def test_mining_software_gets_its_file(operator: Operator, tmp_path: Path) -> None:
    made = json.loads(operator.good("rigfarm software create --json", '{"name": "XMRig", "version": "9"}'))
    archive = tmp_path / "xmrig.tar.gz"
    (tmp_path / "xmrig").write_text("#!/bin/sh\n")
    subprocess.run(["tar", "-C", str(tmp_path), "-czf", str(archive), "xmrig"], check=True)
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert sha256 in operator.good(f"rigfarm software upload {made['id']} {archive}")
    assert operator.run(f"rigfarm software pin {made['id']} {'0' * 64}").returncode == 1
    assert "pinned" in operator.good(f"rigfarm software pin {made['id']} {sha256}")
    operator.good(f"rigfarm software delete {made['id']} --yes")


def test_exit_codes_say_what_went_wrong(operator: Operator, commander: CommanderProcess, tmp_path: Path) -> None:
    assert operator.run("rigfarm rigs show 999").returncode == 1
    assert operator.run("rigfarm rigs list colour:red").returncode == 1
    assert operator.run("rigfarm rigs list --colour red").returncode == 2
    nowhere = {"RIGFARM_URL": f"http://127.0.0.1:{free_port()}", "RIGFARM_API_KEY": "rk_x"}
    assert operator.run("rigfarm rigs list", **nowhere).returncode == 3
    script = {"RIGFARM_URL": commander.url, "RIGFARM_FINGERPRINT": commander.fingerprint}
    stranger = Operator(tmp_path)
    assert stranger.run("rigfarm rigs list").returncode == 4
    assert stranger.run("rigfarm rigs list", **script, RIGFARM_API_KEY="rk_wrong").returncode == 4
    assert "rig-1" in stranger.good("rigfarm rigs list", **script, RIGFARM_API_KEY=commander.key)
    script["RIGFARM_FINGERPRINT"] = f"SHA256:{'0' * 64}"
    other = stranger.run("rigfarm rigs list", **script, RIGFARM_API_KEY=commander.key)
    assert other.returncode == 3
    assert "another certificate" in other.stderr
    assert stranger.run("rigfarm login http://farm.example").returncode == 2
    assert "not logged in" in stranger.good("rigfarm logout")


class _Liar(BaseHTTPRequestHandler):
    """Answers each question alike."""

    answer = b""
    link = ""

    def do_GET(self) -> None:
        self.send_response(200)
        if self.link:
            self.send_header("Link", self.link)
        self.send_header("Content-Length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    ("line", "answer", "link", "code", "said"),
    [
        ("rigfarm rigs list", b"[5, null]", "", 3, "This is not a Commander"),
        ("rigfarm rigs list", b'{"a": 1}', "", 3, "This is not a Commander"),
        ("rigfarm rigs list", b"null", "", 3, "This is not a Commander"),
        ("rigfarm rigs list", b"[]", '</api/rigs?after=1>; rel="next"', 1, "The list is too long"),
    ],
)
def test_what_answers_otherwise_than_a_commander_is_said(
    tmp_path: Path, line: str, answer: bytes, link: str, code: int, said: str
) -> None:
    liar = type("Liar", (_Liar,), {"answer": answer, "link": link})
    with ThreadingHTTPServer(("127.0.0.1", 0), liar) as server:
        threading.Thread(target=server.serve_forever).start()
        there = {"RIGFARM_URL": f"http://127.0.0.1:{server.server_port}", "RIGFARM_API_KEY": "rk_x"}
        ran = Operator(tmp_path).run(line, **there)
        server.shutdown()
    assert (ran.returncode, said in ran.stderr) == (code, True), ran.stderr
    assert "Traceback" not in ran.stderr


def test_an_unknown_certificate_is_shown_before_a_key_is_sent(commander: CommanderProcess, tmp_path: Path) -> None:
    operator = Operator(tmp_path)
    refused = operator.run(f"rigfarm login {commander.url}", f"{commander.key}\n")
    assert refused.returncode == 3
    assert commander.fingerprint in refused.stdout
    assert not (tmp_path / ".config").exists()
    main, other = pty.openpty()
    process = subprocess.Popen(
        ["bash", "-c", f"rigfarm login {commander.url}"],
        env=operator.environment, stdin=other, stdout=other, stderr=other, start_new_session=True,
    )  # fmt: skip
    os.close(other)
    said = _until(main, "Is it the same?")
    assert commander.fingerprint in said
    os.write(main, b"y\n")
    _until(main, "API key")
    os.write(main, f"{commander.key}\n".encode())
    shown = _until(main, "logout deletes it")
    assert commander.key not in shown
    assert process.wait(60) == 0
    os.close(main)
    assert "rig-1" in operator.good("rigfarm rigs list")
    assert "Logged out" in operator.good("rigfarm logout")
    assert operator.run("rigfarm rigs list").returncode == 4


def _until(terminal: int, words: str) -> str:
    said = ""
    while words not in said:
        said += os.read(terminal, 65536).decode(errors="replace")
    return said


def test_the_shell_completes_commands(operator: Operator) -> None:
    line = 'COMP_WORDS="rigfarm rigs re" COMP_CWORD=2 _RIGFARM_COMPLETE=bash_complete rigfarm'
    assert set(operator.run(line).stdout.split()) == {
        f"plain,{name}" for name in ("restart", "reboot", "rename", "remove")
    }


def test_it_imports_no_web_stack() -> None:
    code = (
        "import sys, rigfarm.client.login, rigfarm.client.farm, rigfarm.client.playbooks, rigfarm.client.book,"
        "rigfarm.client.circuits;"
        "print({'litestar', 'httpx', 'uvicorn', 'sqlalchemy', 'asyncio', 'jinja2'} & {*sys.modules})"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"


def test_every_exit_code_is_documented() -> None:
    from rigfarm.client.errors import ExitCode

    assert {str(int(code)) for code in ExitCode} == set(re.findall(r"^\| (\d) \|", PAGE.read_text(), re.MULTILINE))
