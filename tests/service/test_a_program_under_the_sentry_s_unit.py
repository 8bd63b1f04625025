"""Under a real systemd, a Sentry without privileges has its programs started as their own user, in units of their own:
none outlives it or defies it, a restarted Sentry mines again by itself, and an uninstall leaves nothing."""

from __future__ import annotations

import os
import site
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from real_systemd import boot, can_boot

import support
from rigfarm.sentry import install as sentry
from rigfarm.simulate.program.pack import archive_for, pack
from support.program.depot import Depot
from support.program.rig import assigned_for

pytestmark = pytest.mark.slow

CAP_SYS_RESOURCE = 24
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="boots a systemd")

DRIVER = """
import asyncio, os, sys
from pathlib import Path
import msgspec
from rigfarm.sentry.playbooks.held import hand_on, take_over
from rigfarm.sentry.processes import shim
from rigfarm.sentry.processes.services import Services
from rigfarm.sentry.rig.power import power
from rigfarm.sentry.identity.settings import load_settings
from rigfarm.wire.playbooks import AssignedPlaybook
from support.program.rig import IMPATIENT, Rig

data = Path("/var/lib/rigfarm-sentry")
shim.SWEEP_S = 1.0  # patience with a program that defies its end


async def main():
    policy = load_settings(data, {}).policy
    settings = msgspec.structs.replace(IMPATIENT, services=Services.offered(), policy=policy)
    said, number = None, 0
    async with Rig(data, sys.argv[1], sys.argv[2], settings=settings, held=take_over()) as rig:
        while True:
            await asyncio.sleep(0.02)
            status = rig.runner.statuses()[0] if rig.runner.statuses() else None
            now = [status.state, status.pid] if status else [None, None]
            now.append(any("fakeminer" in line or "accepted" in line for _, _, line in rig.lines))
            if now != said:
                said = now
                print(msgspec.json.encode(now).decode(), flush=True)
            for path in data.glob("do-*"):
                verb = path.name.removeprefix("do-")
                path.unlink()
                number = rig.runner.revision + 1
                if verb == "apply":
                    order = msgspec.json.decode(Path("/out/order.json").read_bytes(), type=AssignedPlaybook)
                    await rig.runner.apply(number, [order])
                    await rig.runner.console_watch(1, True)
                elif verb == "replace":
                    await rig.runner.release()
                    hand_on(rig.runner.held)
                    os.execv(sys.executable, sys.orig_argv)
                elif verb == "stop":
                    await rig.runner.apply(number, [])
                elif verb == "remove":
                    await rig.runner.remove_all()
                elif verb == "reboot":
                    state, _ = await power(Services.offered())(["systemctl", "reboot"])
                    print(msgspec.json.encode([state]).decode(), flush=True)

asyncio.run(main())
"""

COMMON = """
import contextlib, json, os, pwd, signal, socket, subprocess, sys, time
from pathlib import Path

from rigfarm.sentry import install as sentry

data, homes = Path("/var/lib/rigfarm-sentry"), Path("/var/lib/rigfarm-programs")
units = Path("/sys/fs/cgroup/system.slice")
found = {}


def until(condition, what):
    deadline = time.monotonic() + 40
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise SystemExit(f"never came: {what}")
        time.sleep(0.05)
    return value


def said():
    text = Path("/out/told").read_text() if Path("/out/told").exists() else ""
    lines = [line for line in text.split("\\n")[:-1] if line.startswith("[")]  # others are of its log
    return json.loads(lines[-1]) if lines else ["nothing yet", None, False]


def mining(other_than=()):
    return until(lambda: said()[0] == "mining" and said()[1] not in other_than and said()[1], "mining")


def do(verb):
    (data / f"do-{verb}").touch()


def pids():
    # of all programs and their supervisors
    found = set()
    for path in units.glob("system-rigfarm*/rigfarm-programs@*/cgroup.procs"):
        with contextlib.suppress(OSError):  # a unit that has just ended
            found |= {int(pid) for pid in path.read_text().split()}
    return found


def status(pid):
    return dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())


def ids(pid):
    return status(pid)["Uid"].split()[0]


def privileges(pid):
    return {status(pid)[name].strip("\\t0") for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}


def supervisors():
    return [pid for pid in pids() if b"shim.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def main_pid():
    return int(systemctl("show", "-p", "MainPID", "--value", "rigfarm-sentry"))


def systemctl(*words):
    return subprocess.run(["systemctl", *words], capture_output=True, text=True).stdout.strip()


def gone(before):
    return until(lambda: not before & pids(), "the end of all of them") and True


def may_connect(user):
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setresuid(user, user, user)
        try:
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).connect("/run/rigfarm/programs-rigfarm-miner")
        except PermissionError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


"""

ROOT = """
from common import *

# What a Sentry of root's left
(data / "playbooks/work/1").mkdir(parents=True)
(data / "tokens.json").write_text("{}")
os.chown(data / "playbooks/work/1", 54321, 54321)
Path("/etc/systemd/system/rigfarm-sentry.service").write_text("[Service]\\nExecStart=/bin/sleep 1000\\n")
systemctl("daemon-reload")
systemctl("start", "rigfarm-sentry")
old = main_pid()
found["was root"] = ids(old) == "0"
found["installed"] = sentry.install(sys.argv[1:])
found["replaced"] = not Path(f"/proc/{old}").exists()
miner, own = pwd.getpwnam("rigfarm-miner").pw_uid, pwd.getpwnam("rigfarm-sentry").pw_uid
until(lambda: said()[0] is None, "the Sentry")
found["taken over"] = [path.stat().st_uid == own for path in (data, data / "tokens.json", data / "playbooks")]
found["old work is gone"] = not list((data / "playbooks/work").iterdir())

do("apply")
first = mining()
until(lambda: len(pids()) == 12, "all that it forks")
all_of_it = pids()
found["users"] = sorted({int(ids(pid)) == miner for pid in all_of_it}), int(ids(main_pid())) == own
found["privileges"] = set().union(*(privileges(pid) for pid in (main_pid(), *all_of_it))) == {""}
found["supervisors"] = len(supervisors())
found["home"] = ((homes / "1").stat().st_uid == miner, oct((homes / "1").stat().st_mode & 0o777))
found["may connect"] = [may_connect(miner), may_connect(65534)]
until(lambda: said()[2], "its output")

sentry_before = main_pid()
Path("/out/told").write_text("")
do("replace")
found["goes on with another Sentry"] = mining() == first and pids() == all_of_it and main_pid() == sentry_before

os.kill(main_pid(), signal.SIGKILL)
found["none outlives a killed Sentry"] = gone(all_of_it)
second = mining([first])
until(lambda: len(pids()) == 12, "all that it forks")

before = pids()
for number in (signal.SIGSTOP, signal.SIGKILL):
    for pid in supervisors():
        os.kill(pid, number)
found["none outlives its supervisors"] = gone(before)
third = mining([first, second])
until(lambda: len(pids()) == 12, "all that it forks")

before, sentry_before = pids(), main_pid()
for pid in supervisors():
    os.kill(pid, signal.SIGSTOP)
do("stop")
found["none defies its end"] = gone(before)
found["by a restart"] = until(lambda: main_pid() not in (0, sentry_before), "the Sentry, again") and True
until(lambda: not pids() and said()[0] is None, "the Sentry without playbooks")

do("apply")
fourth = mining([first, second, third])
(homes / "1/closed/inner").mkdir(parents=True)
os.chown(homes / "1/closed", miner, miner)
os.chown(homes / "1/closed/inner", miner, miner)
(homes / "1/closed/inner").chmod(0)
(homes / "1/closed").chmod(0)
before = pids()
do("remove")
found["removed"] = gone(before) and until(lambda: not list(homes.iterdir()), "its folder gone") and True
until(lambda: not list((data / "playbooks").glob("*/versions/*")), "its software gone")

do("apply")
fifth = mining([first, second, third, fourth])
before = pids()
systemctl("restart", "rigfarm-sentry")
found["restarted"] = gone(before) and mining([fifth]) > 0
before = pids()
systemctl("stop", "rigfarm-sentry")
found["stopped"] = gone(before)
found["after a stop"] = systemctl("is-active", "rigfarm-sentry"), systemctl("is-active", "rigfarm-programs.socket")
systemctl("start", "rigfarm-sentry")
mining([fifth])
place = os.open(homes, os.O_RDONLY)
for _ in range(1500):
    os.mkdir("deep", dir_fd=place)
    above, place = place, os.open("deep", os.O_RDONLY, dir_fd=place)
    os.close(above)
found["uninstalled"] = sentry.uninstall()
places = ("/etc/systemd/system", "/var/lib", "/run/rigfarm")
found["left"] = [str(path) for place in places for path in Path(place).glob("*rigfarm*")]
found["running"] = len(pids())
print(json.dumps(found))
"""


REBOOT = """
from common import *

(data / "playbooks").mkdir(parents=True)
(data / "sentry.toml").write_text("")
sentry.install(sys.argv[1:])
until(lambda: said()[0] is None, "the Sentry")
do("reboot")
refused = until(lambda: said()[0], "an answer")
(data / "sentry.toml").write_text('allow_power = true\\nallow_tuning = true\\nallow_users = ["root"]\\n')
found["refused"], found["allowed"] = refused, [line for line in sentry.install(sys.argv[1:]) if "may" in line]
until(lambda: said()[0] is None, "the Sentry that may more")
order = json.loads(Path("/out/order.json").read_text())
for playbook, user in ((1, None), (2, "root")):
    order |= {"id": playbook, "nice": -3, "run_as": user}
    Path("/out/order.json").write_text(json.dumps(order))
    do("apply")
    pid = mining([one["pid"] for one in found.values() if isinstance(one, dict)])
    found[str(user)] = {"pid": pid, "uid": int(ids(pid)), "nice": os.getpriority(os.PRIO_PROCESS, pid)}
    found[str(user)] |= {"without privileges": privileges(pid) == {""}, "home": os.readlink(f"/proc/{pid}/cwd")}
print(json.dumps(found), flush=True)
do("reboot")
time.sleep(60)
"""


@pytest.fixture
def machine(tmp_path: Path) -> Callable[[str], tuple[str, str]]:
    """Boots one where root runs a script, with a Sentry that obeys it; what that says, and all that was logged."""
    if not can_boot(tmp_path / "trial"):
        pytest.skip("no systemd can be booted in namespaces here")
    code = [str(Path(sentry.__file__).parents[3]), str(Path(support.__file__).parents[1]), *site.getsitepackages()]
    python = "/usr/bin/python3"
    if subprocess.run(
        [python, "-c", "import msgspec"], env={"PYTHONPATH": ":".join(code)}, capture_output=True
    ).returncode:
        pytest.skip("the system's Python cannot run this environment's packages")
    out = tmp_path / "machine/out"
    out.mkdir(parents=True)
    (out / "driver.py").write_text(DRIVER)
    (out / "common.py").write_text(COMMON)

    def run(script: str) -> tuple[str, str]:
        (out / "root.py").write_text(script)
        with Depot() as depot:
            return _boot(tmp_path / "machine", depot, code, python)

    return run


def _boot(folder: Path, depot: Depot, code: list[str], python: str) -> tuple[str, str]:
    out, paths = folder / "out", ":".join(f"/code/{number}" for number in range(len(code)))
    content = pack("tar.gz", python=python)
    archive = archive_for(content, "tar.gz")
    depot.put(content, archive.path)
    order = assigned_for(archive, template="--behave fork,setsid,double-fork")
    (out / "order.json").write_bytes(msgspec.json.encode(order))
    units = {
        f"{sentry.UNIT}.d/test.conf": "[Service]\nStandardOutput=append:/out/told\nStandardError=append:/out/log\n"
        f"Environment=PYTHONPATH={paths} PYTHONDONTWRITEBYTECODE=1\n",
        "reboot.target.d/test.conf": "[Unit]\nWants=test-reboot.service\nAfter=test-reboot.service\n",
        "test-reboot.service": "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\n"
        "ExecStart=touch /out/rebooted\n",
    }
    script = f"""
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH={paths}
{python} /out/root.py {python} /out/driver.py {depot.url} {depot.token} || journalctl -n 50 --no-pager
"""
    said = boot(folder, units, script, code=code, timeout_s=200)
    return said, f"{said}\n{(out / 'log').read_text() if (out / 'log').exists() else ''}"


def _may_raise_limits() -> bool:
    bounding = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapBnd:"))
    return bool(int(bounding.split()[1], 16) & 1 << CAP_SYS_RESOURCE)


@needs_root
@pytest.mark.timeout(300)
def test_it_may_more_only_where_it_was_installed_so(machine: Callable[[str], tuple[str, str]], tmp_path: Path) -> None:
    said, log = machine(REBOOT)
    assert said.startswith("{"), log
    found = msgspec.json.decode(said.splitlines()[0])
    assert found["refused"] == "failed", log
    assert len(found["allowed"]) == 3
    usual, as_root = found["None"], found["root"]
    assert (as_root["uid"], as_root["home"]) == (0, "/var/lib/rigfarm-programs-root/2"), log
    assert (usual["uid"] > 0, usual["home"]) == (True, "/var/lib/rigfarm-programs/1"), log
    nice = -3 if _may_raise_limits() else os.nice(0)  # some containers withhold that even from systemd
    assert (usual["nice"], as_root["nice"]) == (nice, nice), log
    assert usual["without privileges"], log
    assert as_root["without privileges"], log
    assert (tmp_path / "machine/out/rebooted").exists(), log


@needs_root
@pytest.mark.timeout(300)
def test_programs_of_a_sentry_without_privileges(machine: Callable[[str], tuple[str, str]]) -> None:
    said, log = machine(ROOT)
    assert said.startswith("{"), log
    found = msgspec.json.decode(said)
    assert found.pop("installed")[0].startswith("Wrote"), log
    assert found.pop("uninstalled")[0].startswith("Stopped"), log
    assert found == {
        "was root": True,
        "replaced": True,
        "taken over": [True, True, True],
        "old work is gone": True,
        "users": [[True], True],
        "privileges": True,
        "supervisors": 2,
        "home": [True, "0o700"],
        "may connect": [False, False],
        "goes on with another Sentry": True,
        "none outlives a killed Sentry": True,
        "none outlives its supervisors": True,
        "none defies its end": True,
        "by a restart": True,
        "removed": True,
        "restarted": True,
        "stopped": True,
        "after a stop": ["inactive", "inactive"],
        "left": [],
        "running": 0,
    }, log
