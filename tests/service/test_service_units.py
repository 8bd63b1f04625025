"""The two services: how exposed they are by systemd's own measure, and that they run under a real systemd."""

from __future__ import annotations

import json
import os
import re
import shutil
import site
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from real_systemd import boot, can_boot

from rigfarm.commander import install as commander
from rigfarm.commander.owner import act_as_owner
from rigfarm.sentry import install as sentry
from rigfarm.service import InstallError

pytestmark = pytest.mark.slow

ARGV = ["/opt/rigfarm/bin/rigfarm", "commander"]
COMMANDER_AT_MOST, SENTRY_AT_MOST = 1.5, 2.0
has_systemd_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed (apt-get install systemd)"
)
INTRUDER = Path(__file__).parents[1] / "faults/intruder.py"
EVERYTHING = sentry.Grants(("rigfarm-miner", "root"), tuning=True, power=True)


@has_systemd_analyze
@pytest.mark.parametrize(
    ("name", "most"),
    [
        (commander.UNIT, COMMANDER_AT_MOST),
        (sentry.UNIT, SENTRY_AT_MOST),
        ("rigfarm-programs@.service", SENTRY_AT_MOST),
        ("rigfarm-programs-root@.service", SENTRY_AT_MOST),
        ("rigfarm-reboot@.service", 0.5),
        ("rigfarm-poweroff@.service", 0.5),
    ],
)
def test_how_exposed_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, most: float) -> None:
    monkeypatch.setattr("rigfarm.sentry.install.unit.homes", lambda _: False)  # installed where it should be
    units = sentry.texts(["/bin/true"], sentry.DATA_DIR, EVERYTHING)
    unit = tmp_path / name
    unit.write_text(units[name] if name in units else commander.unit_text(["/bin/true"]))
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
    found = re.search(r"exposure level for \S+: ([0-9.]+)", said)
    assert found is not None, said
    assert float(found[1]) <= most, said


@has_systemd_analyze
def test_systemd_finds_no_fault_in_the_commander_s(tmp_path: Path) -> None:
    unit = tmp_path / commander.UNIT
    unit.write_text(commander.unit_text(["/bin/true", "100%", 'a "b"']).replace("User=rigfarm-commander", "User=root"))
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
        f"{commander.UNIT}.d/test.conf": drop_in,
        f"{sentry.UNIT}.d/test.conf": drop_in,
    }
    script = f"""
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH={paths}
systemd-sysusers --inline 'u rigfarm-commander - "Rigfarm Commander" - -'
systemctl start rigfarm-commander
for try in $(seq 300); do grep -q 'Commander .* runs at' /out/log && break; sleep 0.3; done
export RIGFARM_DATA_DIR=/var/lib/rigfarm-commander
key=$(python3 -m rigfarm.cli commander api-key create test --scope configure --scope read | grep -o '[^ ]*$' | tail -1)
fingerprint=$(python3 -m rigfarm.cli commander fingerprint | grep -o 'SHA256:[^ ]*' | head -1)
unset RIGFARM_DATA_DIR
ask() {{ curl -sk -H "Authorization: Bearer $key" -H 'Content-Type: application/json' "$@"; }}
for rig in rig-01 rig-02; do  # the second time a Sentry is there, whose folder is not root's
    ask -d '{{"name": "'$rig'", "kind": "cpu-gpu"}}' https://127.0.0.1:{port}/api/rigs |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["token"])' |
        python3 -m rigfarm.cli sentry join https://127.0.0.1:{port} --fingerprint $fingerprint --install
    for try in $(seq 200); do python3 -m rigfarm.cli sentry status 2>&1 | grep -q "Rig  *$rig" && break; sleep 0.3; done
    python3 -m rigfarm.cli sentry status
    find /var/lib/rigfarm-sentry ! -user rigfarm-sentry
done
for unit in rigfarm-commander rigfarm-sentry; do
    pid=$(systemctl show -p MainPID --value $unit)
    echo $unit $(systemctl is-active $unit) $(grep -E '^(Uid|CapEff|NoNewPrivs|Seccomp):' /proc/$pid/status)
done
mkdir -m 777 /out/known
for who in "nobody nogroup" "rigfarm-miner rigfarm-miner"; do
    set -- $who
    may_know='"port": {ui}, "folder": "/var/lib/rigfarm-sentry", "evil": "http://127.0.0.1:9"'
    echo "{{$may_know, \\"pids\\": [$pid]}}" > /out/known/$1
    chmod 644 /out/known/$1
    setpriv --reuid $1 --regid $2 --clear-groups python3 /out/intruder.py /out/known/$1
done
cat /var/lib/rigfarm-sentry/tokens.json > /out/tokens
python3 -m rigfarm.cli sentry doctor
python3 -m rigfarm.cli commander status
stat -c '%U %a %n' /var/lib/rigfarm-commander /var/lib/rigfarm-commander/* /var/lib/rigfarm-sentry
python3 -m rigfarm.cli sentry uninstall
ls -d /var/lib/rigfarm-sentry /usr/local/bin/rigfarm /etc/systemd/system/rigfarm-[ps]*
systemctl stop rigfarm-commander
systemctl is-failed rigfarm-commander rigfarm-sentry
"""
    out = tmp_path / "machine/out"
    out.mkdir(parents=True)
    (out / "intruder.py").write_bytes(INTRUDER.read_bytes())
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
    assert re.search(r"^rigfarm-sentry active Uid: [1-9].*CapEff: 0+ NoNewPrivs: 1 Seccomp: 2", said, re.MULTILINE), (
        told
    )
    for rig in ("rig-01", "rig-02"):
        assert f"This machine is now {rig}." in said, told
        assert re.search(rf"^Rig +{rig}$", said, re.MULTILINE), told
    assert re.search(r"^Code +\S+", said, re.MULTILINE), told
    token = (out / "tokens").read_text()
    found = [json.loads(path.read_text()) for path in sorted((out / "known").glob("*.*"))]
    assert [(one["got"], len(one["tried"]) > 200) for one in found] == [([], True)] * 2, told
    assert not any(word in seen for word in re.findall(r"rf_\w+", token) for one in found for seen in one["seen"])
    assert "rf_" in token
    assert not re.search("^/var/lib/rigfarm-sentry", said, re.MULTILINE), f"files of root's in there: {told}"
    assert "State      active (running)" in said, told
    assert "rigfarm-commander 700 /var/lib/rigfarm-commander" in said, told
    assert "rigfarm-sentry 700 /var/lib/rigfarm-sentry" in said, told
    assert "rigfarm-miner (user" in " ".join(said.split()), f"the doctor: {told}"
    for gone in ("/var/lib/rigfarm-sentry", "/usr/local/bin/rigfarm", "/etc/systemd/system/rigfarm-[ps]*"):
        assert f"cannot access '{gone}'" in said, told
    assert said.rstrip().endswith("inactive\ninactive"), told
