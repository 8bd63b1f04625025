"""What a mining program may do on a rig whose Sentry is root: no more than its sentry.toml says, whatever the Commander
asks for. Before, every program was root unless the Commander said otherwise."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import psutil
import pytest

from rigfarm.sentry.processes.access import (
    FREE_NUMBERS,
    PROGRAMS_USER,
    AccessError,
    Policy,
    account_for,
    own_home,
    remove_home,
)
from rigfarm.sentry.processes.acting import acting_as
from rigfarm.simulate.program.reach import let_programs_in
from rigfarm.wire.playbooks import Archive
from support.program.rig import IMPATIENT, Rig, assigned_for
from support.until import until_now

MakeRig = Callable[..., Rig]
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="starting a program as another user takes root")


def allowing(**fields: object) -> object:
    return msgspec.structs.replace(IMPATIENT, policy=Policy(**fields))  # type: ignore[arg-type]


async def test_by_default_it_is_a_user_of_its_own(rig: MakeRig, archive: Archive, tmp_path: Path) -> None:
    account = account_for(None, Policy())
    assert account is not None
    sentry, dump = tmp_path / "sentry", tmp_path / "dump"
    template = f"--dump {dump} --behave fork,setsid,double-fork"
    async with rig() as one:
        await one.runner.apply(1, [assigned_for(archive, template=template)])
        status = await one.until("mining")
        running = psutil.Process(status.pid)
        assert running.uids() == (account.uid,) * 3
        assert running.gids() == (account.gid,) * 3
        said = dict(line.split(":\t", 1) for line in Path(f"/proc/{status.pid}/status").read_text().splitlines())
        assert said["Groups"].split() == [str(group) for group in sorted(account.groups)]
        assert {int(said[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
        assert said["NoNewPrivs"] == "1"
        assert said["Umask"] == "0077"
        assert sorted(os.listdir(f"/proc/{status.pid}/fd"))[:3] == ["0", "1", "2"]
        assert running.open_files() == []
        assert json.loads(dump.read_text())["uid"] == account.uid
        program = Path(running.cmdline()[1])
        assert (program.stat().st_uid, stat.S_IMODE(program.stat().st_mode)) == (0, 0o755)
        assert not [folder for folder in program.parents if folder.stat().st_uid == account.uid]
        home = sentry / "playbooks/work/1"
        assert (home.stat().st_uid, stat.S_IMODE(home.stat().st_mode)) == (account.uid, 0o700)
        assert stat.S_IMODE((sentry / "playbooks").stat().st_mode) == 0o710, "passed through, not looked into"
        assert stat.S_IMODE((sentry / "playbooks/assigned.json").stat().st_mode) == 0o600
        await one.runner.remove_all()
        assert one.processes() == []
        assert not home.exists()


async def test_it_dies_with_its_supervisors_although_it_is_another_user(rig: MakeRig, archive: Archive) -> None:
    """A change of user makes the kernel forget whose death ends a process: a program would mine on, unsupervised."""
    async with rig() as one:
        await one.runner.apply(1, [assigned_for(archive)])
        program = psutil.Process((await one.until("mining")).pid)
        assert program.uids().real != 0
        worker = program.parent()
        assert worker is not None
        guard = worker.parent()
        assert guard is not None
        for one_of_them in (program, worker, guard):
            one_of_them.suspend()  # so that neither ends another, nor the program itself when it cannot print
        worker.kill()
        guard.kill()
        # Nothing is awaited: the Sentry, which would find it, gets no turn.
        until_now(lambda: not program.is_running() or program.status() == psutil.STATUS_ZOMBIE)


@pytest.mark.parametrize("user", ["root", "nobody", "daemon", "0"])
async def test_a_user_the_rig_does_not_allow_is_refused_with_words(rig: MakeRig, archive: Archive, user: str) -> None:
    async with rig() as one:
        await one.runner.apply(1, [assigned_for(archive, run_as=user)])
        status = await one.until("failed")
        assert "sentry.toml does not allow programs to run as" in status.detail
        assert "allow_users" in status.detail
        assert status.pid is None


@pytest.mark.parametrize("user", ["root", "nobody"])
async def test_what_the_rig_allows_runs(rig: MakeRig, archive: Archive, user: str) -> None:
    async with rig(settings=allowing(also=[user])) as one:
        await one.runner.apply(1, [assigned_for(archive, run_as=user)])
        status = await one.until("mining")
        assert psutil.Process(status.pid).uids()[0] == pwd.getpwnam(user).pw_uid


async def test_a_rig_may_give_itself_to_its_playbooks(rig: MakeRig, archive: Archive) -> None:
    async with rig(settings=allowing(user="root")) as one:
        await one.runner.apply(1, [assigned_for(archive)])
        assert psutil.Process((await one.until("mining")).pid).uids()[0] == 0


@pytest.mark.parametrize(("tuning", "nice"), [(False, 0), (True, -3)])
async def test_priority_above_the_systems_takes_the_rigs_word(
    rig: MakeRig, archive: Archive, tuning: bool, nice: int
) -> None:
    async with rig(settings=allowing(tuning=tuning)) as one:
        await one.runner.apply(1, [assigned_for(archive, nice=-3)])
        status = await one.until("mining")
        assert psutil.Process(status.pid).nice() == nice
        assert ("allow_tuning" in status.detail) is not tuning


async def test_a_link_in_its_folder_leads_the_sentry_nowhere(rig: MakeRig, archive: Archive, tmp_path: Path) -> None:
    """The Sentry, being root, wrote a file into the folder of the program: a link there emptied any file."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    home = tmp_path / "sentry/playbooks/work/1"
    async with rig() as one:
        await one.runner.apply(1, [assigned_for(archive)])
        await one.until("mining")
        (home / ".supervisor.log").symlink_to(victim)
        (home / "outside").symlink_to(tmp_path)
        await one.runner.restart()
        await one.when(lambda status: status.state == "mining" and status.restarts == 0)
        await one.runner.remove_all()
    assert victim.read_text() == "precious"


def test_what_another_user_left_is_not_given_away(tmp_path: Path) -> None:
    account = account_for(None, Policy())
    assert account is not None
    home, victim = tmp_path / "home", tmp_path / "victim"
    home.mkdir()
    victim.write_text("root's")
    os.link(victim, home / "hard")
    (home / "soft").symlink_to(victim)
    own_home(account, home)
    assert list(home.iterdir()) == []
    assert home.stat().st_uid == account.uid
    assert victim.stat().st_uid == 0
    (home / "cache").touch()
    own_home(account, home)
    assert (home / "cache").exists(), "its own stays"


def test_without_the_user_it_is_a_number_that_nobody_has(monkeypatch: pytest.MonkeyPatch) -> None:
    real = pwd.getpwall()
    taken = [entry for entry in real if entry.pw_name != PROGRAMS_USER]
    one = pwd.struct_passwd(("x", "x", FREE_NUMBERS[0], 0, "", "/", ""))
    monkeypatch.setattr(pwd, "getpwall", lambda: [*taken, one])
    monkeypatch.setattr(pwd, "getpwnam", lambda name: {}[name])
    account = account_for(None, Policy())
    assert account is not None
    assert account.uid == account.gid == FREE_NUMBERS[1]
    with pytest.raises(AccessError, match="no user 'miner'"):
        account_for(None, Policy(user="miner"))


def test_one_thread_alone_acts_as_another_user(tmp_path: Path) -> None:
    """The C library's change of user would have made all of the Sentry a mining program's user meanwhile."""
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    let_programs_in(folder / "x", beside=False)
    seen: list[tuple[int, int, list[int]]] = []
    before = (os.geteuid(), os.getegid(), os.getgroups())
    ready, done = threading.Event(), threading.Event()

    def other() -> None:
        ready.wait()
        seen.append((os.geteuid(), os.getegid(), os.getgroups()))
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with suppress(ChildProcessError), acting_as(12_345, 12_346, [12_347]):
        assert (os.geteuid(), os.getegid(), os.getgroups()) == (12_345, 12_346, [12_347])
        (folder / "file").touch()
        ready.set()
        done.wait()
        raise ChildProcessError
    thread.join()
    assert seen == [before]
    assert (os.geteuid(), os.getegid(), os.getgroups()) == before
    assert (folder / "file").stat().st_uid == 12_345


def test_on_a_machine_of_an_unknown_kind_nothing_is_asked_of_its_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers of another machine's calls are calls as well, of root."""
    monkeypatch.setattr("platform.machine", lambda: "sparc64")
    with pytest.raises(OSError, match="sparc64"), acting_as(12_345, 12_346):
        pass


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is not installed (apt-get install util-linux)")
def test_root_that_may_only_change_its_user_removes_what_a_program_closed(tmp_path: Path) -> None:
    """As under the service: a folder that the program closed to everybody stayed on the disk when its rig was removed,
    and another user of programs could not have it."""
    code = """
import os, sys
from pathlib import Path
from rigfarm.sentry.processes.access import Account, open_way, own_home, remove_home
from rigfarm.sentry.processes.acting import acting_as
data = Path(sys.argv[1])
home = data / "work/1"
one, other = Account("one", 12_345, 12_346, []), Account("other", 12_355, 12_356, [])
for account in (one, other, None, one):
    own_home(account, home)
    assert home.stat().st_uid == (account.uid if account else 0)
    assert home.stat().st_mode & 0o777 == 0o700 and list(home.iterdir() if account is None else []) == []
    if account is not None:
        open_way(account, home, data)
        with acting_as(account.uid, account.gid):
            (home / "closed/inner").mkdir(parents=True)
            (home / "closed/inner/file").touch()
            (home / "closed/inner").chmod(0)
            (home / "closed").chmod(0)
            home.chmod(0)
remove_home(home)
assert not home.exists()
"""
    data = tmp_path / "sentry"
    data.mkdir(mode=0o700)
    let_programs_in(data, beside=False)
    only = ["setpriv", "--bounding-set=-all,+setuid,+setgid", "--inh-caps=-all", "--"]
    done = subprocess.run([*only, sys.executable, "-c", code, str(data)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert (data / "work").stat().st_mode & 0o777 == 0o731


def test_folders_in_folders_without_end_are_removed(tmp_path: Path) -> None:
    """A program's folder a thousand folders deep could not be removed, and ended the removal of its rig."""
    home = tmp_path / "home"
    home.mkdir()
    folder = os.open(home, os.O_RDONLY)
    for _ in range(1_500):
        os.mkdir("d", dir_fd=folder)
        below = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(folder)
    remove_home(home)
    assert not home.exists()
