"""The service is written, enabled and hardened, and taken away without a trace."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from rigfarm.sentry.install import DATA_DIR, RUN, UNIT, USER, Grants, install, texts, uninstall, unit_text
from rigfarm.sentry.install.program import COMMAND
from rigfarm.service import InstallError, command, systemd

ARGV = ["/opt/rigfarm/bin/rigfarm", "sentry", "run"]
UNIT_PATH = f"etc/systemd/system/{UNIT}"
PROGRAMS = [f"etc/systemd/system/rigfarm-programs{rest}" for rest in (".socket", "@.service")]
WANTED = f"etc/systemd/system/multi-user.target.wants/{UNIT}"


class Systemctl:
    """Remembers what it is asked; fails at one verb, if told to."""

    def __init__(self, fails: str | None = None) -> None:
        self.calls: list[list[str]] = []
        self.fails = fails

    def __call__(self, arguments: Sequence[str]) -> None:
        self.calls.append(list(arguments))
        if arguments[0] == self.fails:
            raise InstallError(f"`systemctl {arguments[0]}` failed: no")


def nobody(*_: object) -> None:
    """Makes no users."""


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


def test_it_works(tmp_path: Path) -> None:
    run = Systemctl()
    users: list[tuple[object, ...]] = []
    said = install(ARGV, root=tmp_path, run=run, user=lambda *words: users.append(words))
    assert files(tmp_path) == [*PROGRAMS, UNIT_PATH]
    assert [name for name, *_ in users] == [USER, "rigfarm-miner"]
    assert users[1][-1] == ("video", "render"), "the groups that may use graphics cards"
    assert (tmp_path / UNIT_PATH).read_text() == unit_text(ARGV)
    assert (tmp_path / UNIT_PATH).stat().st_mode & 0o777 == 0o644
    assert run.calls == [["daemon-reload"], ["enable", UNIT], ["restart", UNIT]]
    assert "Wrote" in said[0]
    assert "journalctl" in said[-1]


def test_a_second_time_changes_nothing_and_does_not_interrupt_mining(tmp_path: Path) -> None:
    install(ARGV, root=tmp_path, run=Systemctl(), user=nobody)
    run = Systemctl()
    said = install(ARGV, root=tmp_path, run=run, user=nobody)
    assert ["restart", UNIT] not in run.calls
    assert ["start", UNIT] in run.calls
    assert "Kept" in said[0]


def test_uninstall_leaves_nothing(tmp_path: Path) -> None:
    install(ARGV, root=tmp_path, run=Systemctl(), user=nobody)
    addition = tmp_path / f"{UNIT_PATH}.d/override.conf"
    addition.parent.mkdir()
    addition.write_text("[Service]\nNice=5\n")
    data = tmp_path / DATA_DIR.relative_to("/")
    (data / "playbooks/software").mkdir(parents=True)
    (data / "tokens.json").write_text("{}")
    work = tmp_path / "var/lib/rigfarm-programs/1"
    work.mkdir(parents=True)
    more = tmp_path / f"{PROGRAMS[1]}.d/override.conf"
    more.parent.mkdir()
    more.write_text("[Service]\nNice=5\n")
    run = Systemctl()
    said = uninstall(root=tmp_path, run=run)
    assert files(tmp_path) == []
    assert not data.exists()
    assert not work.parent.exists()
    assert run.calls == [["disable", "--now", UNIT], ["daemon-reload"]]
    assert len(said) == 7
    assert uninstall(root=tmp_path, run=run) == ["There is nothing to remove."]


def test_data_may_be_kept(tmp_path: Path) -> None:
    data = tmp_path / DATA_DIR.relative_to("/")
    data.mkdir(parents=True)
    uninstall(root=tmp_path, run=Systemctl(), keep_data=True)
    assert data.is_dir()


def test_a_folder_the_operator_chose_is_named_and_left(tmp_path: Path) -> None:
    chosen = Path("/srv/my rigs/100% $mine")
    install(ARGV, data_dir=chosen, root=tmp_path, run=Systemctl(), user=nobody)
    (tmp_path / chosen.relative_to("/")).mkdir(parents=True)
    said = uninstall(root=tmp_path, run=Systemctl())
    assert (tmp_path / chosen.relative_to("/")).is_dir()
    assert str(chosen) in said[-1]


def test_a_service_that_cannot_be_stopped_is_not_half_removed(tmp_path: Path) -> None:
    install(ARGV, root=tmp_path, run=Systemctl(), user=nobody)
    with pytest.raises(InstallError):
        uninstall(root=tmp_path, run=Systemctl(fails="disable"))
    assert (tmp_path / UNIT_PATH).is_file()


def test_on_this_machine_it_takes_root_and_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    for action in (lambda: install(ARGV, run=Systemctl()), lambda: uninstall(run=Systemctl())):
        with pytest.raises(InstallError, match="sudo"):
            action()


def test_this_very_sentry_is_what_is_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert command(*RUN)[-2:] == ["sentry", "run"]
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert command(*RUN) == [str(tmp_path / "python"), "-m", "rigfarm.cli", "sentry", "run"]
    (tmp_path / "rigfarm").touch()
    assert command(*RUN) == [str(tmp_path / "rigfarm"), "sentry", "run"]
    assert command(*RUN, root=tmp_path) == ["/rigfarm", "sentry", "run"], "as the machine of that file system calls it"


def bundle(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An unpacked self-contained Sentry, as far as the installation looks at it, which this process is now."""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/rigfarm").touch()
    (folder / "bundle.json").write_text("{}")
    monkeypatch.setattr(sys, "prefix", str(folder))
    monkeypatch.setattr(sys, "executable", str(folder / "bin/python"))
    return folder


def test_a_self_contained_sentry_gets_a_command_and_goes_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = bundle(tmp_path / "opt/rigfarm/sentry-1", monkeypatch)
    install(root=tmp_path, user=nobody)
    new = bundle(tmp_path / "opt/rigfarm/sentry-2", monkeypatch)
    said = install(root=tmp_path, user=nobody)
    assert f"Removed {old}, which it replaces." in said
    assert 'exec /opt/rigfarm/sentry-2/bin/rigfarm "$@"' in (tmp_path / COMMAND).read_text()
    assert "ExecStart=/opt/rigfarm/sentry-2/bin/rigfarm sentry run" in (tmp_path / UNIT_PATH).read_text()
    assert (tmp_path / WANTED).readlink() == Path("/") / UNIT_PATH
    said = uninstall(root=tmp_path, own=new)
    assert files(tmp_path) == []
    assert not (tmp_path / WANTED).is_symlink()
    assert not (tmp_path / "opt/rigfarm").exists()
    assert said[-2:] == [f"Removed /{COMMAND}.", f"Removed {new}."]


def test_a_command_of_that_name_that_is_not_ours_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = bundle(tmp_path / "opt/rigfarm/sentry-1", monkeypatch)
    (tmp_path / COMMAND).parent.mkdir(parents=True)
    (tmp_path / COMMAND).write_text("#!/usr/bin/python3\n# pip's\n")
    said = install(root=tmp_path, user=nobody)
    assert any(line.startswith(f"Left /{COMMAND}") and "/opt/rigfarm/sentry-1/bin/rigfarm" in line for line in said)
    uninstall(root=tmp_path, own=own)
    assert files(tmp_path) == [str(COMMAND)]


def test_the_words_of_the_command_stay_words() -> None:
    text = unit_text(["/opt/rig farm/rigfarm", "sentry", 'a "b"', "100%i", "$HOME", "c:\\d", ";", "--x=1"])
    [line] = [line for line in text.splitlines() if line.startswith("ExecStart=")]
    assert line == 'ExecStart="/opt/rig farm/rigfarm" sentry "a \\"b\\"" "100%%i" "$$HOME" "c:\\\\d" ";" --x=1'


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["rigfarm", "sentry", "run"], "full path"),
        (["/opt/$x/rigfarm"], "full path"),
        (["/tmp/rigfarm", "sentry", "run"], "temporary folder"),
        (["/opt/rigfarm", "a\nExecStartPre=/bin/evil"], "control characters"),
    ],
)
def test_what_systemd_could_not_run_is_refused(argv: list[str], says: str) -> None:
    with pytest.raises(InstallError, match=says):
        unit_text(argv)


def test_a_data_folder_with_a_newline_is_refused() -> None:
    with pytest.raises(InstallError):
        unit_text(ARGV, Path("/var/lib/x\nUser=evil"))


def test_its_own_folder_is_made_by_systemd_and_another_is_opened() -> None:
    assert "\nStateDirectory=rigfarm-sentry\n" in unit_text(ARGV)
    assert "\nReadWritePaths=/srv/rig\n" in unit_text(ARGV, Path("/srv/rig"))
    assert "StateDirectory" not in unit_text(ARGV, Path("/srv/rig"))


@pytest.mark.parametrize(
    "line",
    [
        "Restart=always",
        "KillMode=control-group",
        f"User={USER}",
        "CapabilityBoundingSet=",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "DevicePolicy=closed",
        "DeviceAllow=char-nvidia* rw",
        "StartLimitIntervalSec=0",
        "WantedBy=multi-user.target",
    ],
)
def test_what_the_unit_promises(line: str) -> None:
    assert line in unit_text(ARGV).splitlines()


@pytest.mark.parametrize(
    "line",
    [
        "BindsTo=rigfarm-sentry.service",
        "KillMode=control-group",
        "OOMPolicy=continue",
        "User=rigfarm-miner",
        "CapabilityBoundingSet=",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "ProtectProc=invisible",
        "DeviceAllow=char-nvidia* rw",
        "DeviceAllow=char-drm rw",
        "LimitNICE=0",
    ],
)
def test_what_the_unit_of_programs_promises(line: str) -> None:
    assert line in texts(ARGV, DATA_DIR, Grants())["rigfarm-programs@.service"].splitlines()


@pytest.mark.parametrize("line", ["MemoryDenyWriteExecute", "PrivateDevices", "ProcSubset"])
def test_what_would_stop_mining_is_not_in_it(line: str) -> None:
    for unit in (UNIT, "rigfarm-programs@.service"):
        assert not any(text.startswith(line) for text in texts(ARGV, DATA_DIR, Grants())[unit].splitlines())


def allow(root: Path, words: str, owner: int = 0) -> None:
    """As this machine's sentry.toml, written by that user."""
    path = root / DATA_DIR.relative_to("/") / "sentry.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(words)
    if os.geteuid() == 0:
        os.chown(path, owner, owner)


ALL = 'allow_users = ["root"]\nallow_power = true\nallow_tuning = true\n'


def test_what_sentry_toml_allows_gets_its_units_and_loses_them(tmp_path: Path) -> None:
    allow(tmp_path, ALL)
    said = install(ARGV, root=tmp_path, run=Systemctl(), user=nobody)
    assert sum("the Commander may" in line for line in said) == 3
    system = tmp_path / "etc/systemd/system"
    assert "\nUser=root\n" in (system / "rigfarm-programs-root@.service").read_text()
    assert "\nLimitNICE=-20\n" in (system / "rigfarm-programs@.service").read_text()
    assert "\nSuccessAction=reboot\n" in (system / "rigfarm-reboot@.service").read_text()
    assert "rigfarm-programs-root.socket rigfarm-reboot.socket" in (system / UNIT).read_text()
    allow(tmp_path, "")
    install(ARGV, root=tmp_path, run=(run := Systemctl()), user=nobody)
    assert ["restart", UNIT] in run.calls
    assert [path for path in files(tmp_path) if path.startswith("etc")] == [*PROGRAMS, UNIT_PATH]


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file to another user")
def test_a_sentry_that_writes_its_own_sentry_toml_is_granted_nothing_by_a_join_line(tmp_path: Path) -> None:
    """It could have itself been taken over: only an administrator's own `install` grants more."""
    allow(tmp_path, ALL, owner=12_345)
    said = install(ARGV, root=tmp_path, run=Systemctl(), user=nobody, by_root=False)
    assert not any("the Commander may" in line for line in said)
    assert [path for path in files(tmp_path) if path.startswith("etc")] == [*PROGRAMS, UNIT_PATH]
    install(ARGV, root=tmp_path, run=Systemctl(), user=nobody)
    said = install(ARGV, root=tmp_path, run=(run := Systemctl()), user=nobody, by_root=False)
    assert sum("the Commander may" in line for line in said) == 3, "what was granted stays"
    assert ["restart", UNIT] not in run.calls


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("data_dir", [DATA_DIR, Path("/srv/rig data")])
def test_systemd_finds_no_fault_in_it(tmp_path: Path, data_dir: Path) -> None:
    grants = Grants(("rigfarm-miner", "root"), tuning=True, power=True)
    units = texts(["/bin/true", "sentry", "100%", 'a "b"'], data_dir, grants)
    for name, text in units.items():
        (tmp_path / name).write_text(re.sub("User=rigfarm-[a-z]+", "User=root", text))
    checked = [str(tmp_path / name) for name in units]
    done = subprocess.run(["systemd-analyze", "verify", *checked], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_systemctl_says_why() -> None:
    with pytest.raises(InstallError, match="systemctl"):
        systemd.systemctl(["no-such-verb-of-systemctl"])
