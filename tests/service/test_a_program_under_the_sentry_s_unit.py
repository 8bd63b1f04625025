"""With no more privileges than its unit leaves it, under a real systemd, a Sentry starts programs as their own user,
asks them to end, finds what has lost its supervisors, and removes what they wrote and closed."""

from __future__ import annotations

import os
import site
import subprocess
from pathlib import Path

import msgspec
import pytest
from real_systemd import boot, can_boot

from rigfarm.sentry import install as sentry
from rigfarm.simulate.program.depot import Depot
from rigfarm.simulate.program.pack import archive_for, pack
from rigfarm.simulate.program.rig import order_for

DRIVER = """
import asyncio, os, signal, sys
from pathlib import Path
import msgspec
from rigfarm.sentry.playbooks import Settings
from rigfarm.sentry.playbooks.access import Policy, account_for
from rigfarm.sentry.playbooks.acting import acting_as
from rigfarm.simulate.program.rig import IMPATIENT, Rig
from rigfarm.wire.playbooks import PlaybookOrder

data, account = Path("/var/lib/rigfarm-sentry"), account_for(None, Policy())
home = data / "playbooks/work/1"


def user_of(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("Uid:")[1].split()[0])


def close_a_folder():
    # what a program may do in its own folder
    with acting_as(account.uid, account.gid):
        (home / "closed/inner").mkdir(parents=True)
        (home / "closed/inner/file").touch()
        (home / "closed/inner").chmod(0)
        (home / "closed").chmod(0)


def refused(what, *arguments):
    try:
        what(*arguments)
    except PermissionError:
        return True
    return False


async def run(order, cgroups):
    said = {}
    settings = msgspec.structs.replace(IMPATIENT, cgroups=cgroups, term_grace_s=1e6)
    async with Rig(data, sys.argv[1], sys.argv[2], settings=settings) as rig:
        await rig.runner.apply(1, [order])
        first = (await rig.until("mining")).pid
        said["user"] = user_of(first)
        said["home"] = home.stat().st_uid
        said["own cgroup"] = Path(f"/proc/{first}/cgroup").read_text().strip().endswith('-1')
        said["without privileges"] = refused(os.kill, first, signal.SIGTERM) and refused(os.listdir, home)
        close_a_folder()
        supervisors = [pid for pid in rig.processes() if user_of(pid) == 0]
        said["supervisors"] = len(supervisors)
        forked = [pid for pid in rig.processes() if user_of(pid) != 0 and pid != first]
        said["forked"] = len(forked)
        for signal_ in (signal.SIGSTOP, signal.SIGKILL):
            for pid in supervisors:
                os.kill(pid, signal_)
        second = await rig.when(lambda status: status.state == "mining" and status.pid != first)
        said["left of the first"] = [pid for pid in (first, *forked) if Path(f"/proc/{pid}").exists()]
        said["stuck"] = "cannot be ended" in second.detail
        await rig.runner.apply(2, [])
        said["ended"] = rig.processes()
        said["removed"] = not home.exists()
        await rig.runner.apply(3, [order])
        await rig.until("mining")
        close_a_folder()
        await rig.runner.remove_all()
        said["cleared"] = not (data / "playbooks/work").exists()
    return said


async def main():
    order = msgspec.json.decode(Path("/out/order.json").read_bytes(), type=PlaybookOrder)
    print(msgspec.json.encode([await run(order, cgroups) for cgroups in (True, False)]).decode(), flush=True)

asyncio.run(main())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="boots a systemd")
@pytest.mark.timeout(300)
def test_setting_its_user_is_all_it_needs(tmp_path: Path) -> None:
    if not can_boot(tmp_path / "trial"):
        pytest.skip("no systemd can be booted in namespaces here")
    code = [str(Path(sentry.__file__).parents[3]), *site.getsitepackages()]
    paths = ":".join(f"/code/{number}" for number in range(len(code)))
    python = "/usr/bin/python3"
    if subprocess.run(
        [python, "-c", "import msgspec"], env={"PYTHONPATH": ":".join(code)}, capture_output=True
    ).returncode:
        pytest.skip("the system's Python cannot run this environment's packages")
    out = tmp_path / "machine/out"
    out.mkdir(parents=True)
    (out / "driver.py").write_text(DRIVER)
    with Depot() as depot:
        content = pack("tar.gz", python=python)
        archive = archive_for(content, "tar.gz")
        depot.put(content, archive.path)
        order = order_for(archive, template="--behave fork,setsid,double-fork")
        (out / "order.json").write_bytes(msgspec.json.encode(order))
        units = {
            sentry.UNIT: sentry.unit_text([python, "/out/driver.py", depot.url, depot.token]).replace(
                "read-only", "yes"
            ),
            f"{sentry.UNIT}.d/test.conf": "[Service]\nRestart=no\nStandardOutput=append:/out/told\n"
            f"StandardError=append:/out/log\nEnvironment=PYTHONPATH={paths} PYTHONDONTWRITEBYTECODE=1\n",
        }
        script = """
systemctl start rigfarm-sentry 2>>/out/log
for try in $(seq 400); do systemctl is-active -q rigfarm-sentry || break; sleep 0.2; done
id -u rigfarm-miner
ps -o pid=,args= -u rigfarm-miner
"""
        said = boot(tmp_path / "machine", units, script, code=code).splitlines()
    log = (out / "log").read_text() if (out / "log").exists() else ""
    assert (out / "told").exists(), f"{said}\n{log}"
    assert (out / "told").read_bytes(), log
    told = msgspec.json.decode((out / "told").read_bytes(), type=list[dict[str, object]])
    user, *running = said
    assert running == [], "programs that outlive the service"
    for one, cgroups in zip(told, (True, False), strict=True):
        assert one == {
            "user": int(user),
            "home": int(user),
            "own cgroup": cgroups,
            "without privileges": True,
            "supervisors": 2,
            "forked": 9,
            "left of the first": [],
            "stuck": False,
            "ended": [],
            "removed": True,
            "cleared": True,
        }, log
