"""The two services: how exposed they are by systemd's own measure, and that they run under a real systemd."""

from __future__ import annotations

import os
import re
import shutil
import site
import socket
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from real_systemd import boot, can_boot

from rigfarm.commander import install as commander
from rigfarm.commander.owner import act_as_owner
from rigfarm.sentry import install as sentry
from rigfarm.service import InstallError

ARGV = ["/opt/rigfarm/bin/rigfarm", "commander"]
COMMANDER_AT_MOST, SENTRY_AT_MOST = 1.5, 2.5
has_systemd_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed (apt-get install systemd)"
)
UNITS: list[tuple[str, Callable[[Sequence[str]], str], float]] = [
    (commander.UNIT, commander.unit_text, COMMANDER_AT_MOST),
    (sentry.UNIT, sentry.unit_text, SENTRY_AT_MOST),
]


@has_systemd_analyze
@pytest.mark.parametrize(("name", "text", "most"), UNITS)
def test_how_exposed_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: Callable[[Sequence[str]], str], most: float
) -> None:
    monkeypatch.setattr("rigfarm.sentry.install.unit.homes", lambda _: False)  # installed where it should be
    unit = tmp_path / name
    unit.write_text(text(["/bin/true"]))
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
    found = re.search(r"exposure level for \S+: ([0-9.]+)", said)
    assert found is not None, said
    assert float(found[1]) <= most, said


@has_systemd_analyze
@pytest.mark.parametrize(("name", "text", "most"), UNITS)
def test_systemd_finds_no_fault_in_it(
    tmp_path: Path, name: str, text: Callable[[Sequence[str]], str], most: float
) -> None:
    unit = tmp_path / name
    unit.write_text(text(["/bin/true", "100%", 'a "b"']).replace("User=rigfarm-commander", "User=root"))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


class Systemctl:
    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def __call__(self, arguments: Sequence[str]) -> None:
        self.calls.append(list(arguments))


def test_the_commander_is_installed_with_a_user_of_its_own_and_goes_without_a_trace(tmp_path: Path) -> None:
    run, users = Systemctl(), []
    said = commander.install(ARGV, root=tmp_path, run=run, user=lambda name, _, root: users.append((name, root)))
    path = tmp_path / "etc/systemd/system" / commander.UNIT
    assert path.read_text() == commander.unit_text(ARGV)
    assert users == [("rigfarm-commander", tmp_path)]
    assert run.calls == [["daemon-reload"], ["enable", commander.UNIT], ["restart", commander.UNIT]]
    assert "journalctl" in said[-1]
    data = tmp_path / commander.DATA_DIR.relative_to("/")
    data.mkdir(parents=True)
    again = commander.install(ARGV, root=tmp_path, run=(second := Systemctl()), user=lambda *_: None)
    assert "Kept" in again[0]
    assert ["restart", commander.UNIT] not in second.calls
    assert commander.uninstall(root=tmp_path, run=run, keep_data=True)
    assert data.exists()
    assert commander.uninstall(root=tmp_path, run=run)
    assert not data.exists()
    assert not path.exists()
    assert commander.uninstall(root=tmp_path, run=run) == ["There is nothing to remove."]


def test_the_commander_s_unit_is_never_root_s() -> None:
    lines = commander.unit_text(ARGV).splitlines()
    assert "User=rigfarm-commander" in lines
    assert "CapabilityBoundingSet=" in lines
    with pytest.raises(InstallError, match="temporary folder"):
        commander.unit_text(["/tmp/rigfarm"])


def test_it_is_not_installed_from_where_its_user_cannot_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commander, "homes", lambda _: True)
    with pytest.raises(InstallError, match="home folder"):
        commander.install(root=tmp_path, run=Systemctl(), user=lambda *_: None)


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_root_leaves_nothing_of_its_own_in_the_commander_s_folder(tmp_path: Path) -> None:
    """`sudo rigfarm commander api-key create` made files of root's there, and the service did not start again."""
    folder = tmp_path / "data"
    folder.mkdir()
    os.chown(folder, 12_345, 12_346)
    for above in (tmp_path, *tmp_path.parents):
        if above.is_relative_to("/tmp") and above != Path("/tmp"):
            above.chmod(0o711)
    child = os.fork()
    if child == 0:
        act_as_owner(folder)
        (folder / "file").touch()
        os._exit(0 if (os.getresuid(), os.getgroups()) == ((12_345,) * 3, [12_346]) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert (folder / "file").stat().st_uid == 12_345


@pytest.mark.skipif(os.geteuid() != 0, reason="boots a systemd")
@pytest.mark.timeout(300)
def test_both_run_under_a_real_systemd(tmp_path: Path) -> None:
    if not can_boot(tmp_path / "trial"):
        pytest.skip("no systemd can be booted in namespaces here")
    code = [str(Path(commander.__file__).parents[2]), *site.getsitepackages()]
    paths = ":".join(f"/code/{number}" for number in range(len(code)))
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        port, ui = one.getsockname()[1], other.getsockname()[1]
    start = ["/usr/bin/python3", "-m", "rigfarm.cli"]
    environment = (
        f"PYTHONPATH={paths} PYTHONDONTWRITEBYTECODE=1 RIGFARM_PORT={port} RIGFARM_HOST=127.0.0.1 "
        f"RIGFARM_PASSWORD=correct-horse-battery RIGFARM_UI=127.0.0.1:{ui}"
    )
    drop_in = f"[Service]\nEnvironment={environment}\nStandardError=append:/out/log\nStandardOutput=append:/out/log\n"
    units = {
        commander.UNIT: commander.unit_text([*start, "commander"]),
        sentry.UNIT: sentry.unit_text([*start, "sentry", "run"]).replace("read-only", "yes"),
        f"{commander.UNIT}.d/test.conf": drop_in,
        f"{sentry.UNIT}.d/test.conf": drop_in,
    }
    script = f"""
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH={paths}
systemd-sysusers --inline 'u rigfarm-commander - "Rigfarm Commander" - -'
systemctl start rigfarm-commander rigfarm-sentry
for try in $(seq 100); do
    grep -q 'Commander .* runs at' /out/log && python3 -m rigfarm.cli sentry code && break
    sleep 0.3
done
for unit in rigfarm-commander rigfarm-sentry; do
    pid=$(systemctl show -p MainPID --value $unit)
    echo $unit $(systemctl is-active $unit) $(grep -E '^(Uid|CapEff|NoNewPrivs|Seccomp):' /proc/$pid/status)
done
python3 -m rigfarm.cli commander status
getent passwd rigfarm-miner
stat -c '%U %a %n' /var/lib/rigfarm-commander /var/lib/rigfarm-commander/* /var/lib/rigfarm-sentry
systemctl stop rigfarm-commander rigfarm-sentry
systemctl is-failed rigfarm-commander rigfarm-sentry
"""
    if (
        "rigfarm"
        not in subprocess.run(
            [*start, "--help"], env={"PYTHONPATH": ":".join(code)}, capture_output=True, text=True
        ).stdout
    ):
        pytest.skip("the system's Python cannot run this environment's packages")
    said = boot(tmp_path / "machine", units, script, code=code)
    log = tmp_path / "machine/out/log"
    told = f"{said}\n{log.read_text() if log.exists() else ''}"
    assert re.search(
        r"^rigfarm-commander active Uid: [1-9].*CapEff: 0+ NoNewPrivs: 1 Seccomp: 2", said, re.MULTILINE
    ), told
    assert re.search(r"^rigfarm-sentry active Uid: 0 .*CapEff: 0*c0 NoNewPrivs: 1", said, re.MULTILINE), told
    assert re.search(r"^Code +\S+", said, re.MULTILINE), told
    assert "State      active (running)" in said, told
    assert "rigfarm-miner:" in said, told
    assert "rigfarm-commander 700 /var/lib/rigfarm-commander" in said, told
    assert "root 700 /var/lib/rigfarm-sentry" in said, told
    assert said.rstrip().endswith("inactive\ninactive"), told
