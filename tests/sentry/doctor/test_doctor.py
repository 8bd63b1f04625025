"""The doctor says what can be read, what not and why, and the fix."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from sentry_helpers import QUICK, FakePart, new_token, running

from rigfarm.sentry.agent.agent import Agent
from rigfarm.sentry.doctor import Finding, diagnose, exit_code, render
from rigfarm.sentry.doctor import access as access_module
from rigfarm.sentry.doctor import folder as folder_module
from rigfarm.sentry.doctor.access import check_access
from rigfarm.sentry.doctor.folder import check_folder
from rigfarm.sentry.doctor.running import check_running
from rigfarm.sentry.identity.settings import Settings
from rigfarm.sentry.install import install
from rigfarm.sentry.link import LinkState
from rigfarm.sentry.processes.access import Policy
from rigfarm.sentry.readings import WorkloadSource
from rigfarm.sentry.sensors import Problem, Sensors, SourceFailed, SourceReading
from rigfarm.sentry.sensors.known import KnownGpu, save
from rigfarm.sentry.ui.server import serve_page
from rigfarm.sentry.ui.socket_path import SOCKET
from rigfarm.simulate.miners import FakeMiner
from rigfarm.simulate.rigs import SimCpu, SimGpu, SimRig
from rigfarm.wire.playbooks import PlaybookStatus
from support.sysfs import SysfsTree
from support.toy_commander import ToyCommander
from support.until import until


@pytest.fixture
def machine(tmp_path: Path) -> SysfsTree:
    """A healthy rig with two AMD cards."""
    tree = SysfsTree(tmp_path / "machine")
    cards = [SimGpu(f"0000:0{bus}:00.0", "AMD Radeon RX 6800 XT") for bus in (3, 4)]
    tree.show(SimRig("rig", cards, SimCpu(core_c=61.0)))
    for file in ("dri/renderD128", "dri/renderD129", "kfd"):
        path = tree.folder / "dev" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tree


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.mkdir(mode=0o700)
    return path


def find(findings: list[Finding], what: str) -> Finding:
    [finding] = [finding for finding in findings if finding.what == what]
    return finding


async def test_a_healthy_rig(machine: SysfsTree, folder: Path) -> None:
    async with FakeMiner("xmrig") as fake:
        findings = await diagnose(folder, [WorkloadSource("xmrig", fake.port, coins=["XMR"])], sysfs_root=machine.sys)
        assert find(findings, f"xmrig on 127.0.0.1:{fake.port}").detail.startswith("mining, XMR rx/0, ")
    assert [finding for finding in findings if finding.state == "problem"] == []
    assert exit_code(findings) == 0
    cards = [finding.detail for finding in findings if finding.what == "AMD cards"]
    assert cards[0].startswith("0000:03:00.0 AMD Radeon RX 6800 XT: 55 °C, memory 64 °C, hotspot 64 °C, 20 W, fan 30 %")
    assert len(cards) == 2
    assert "61 °C" in find(findings, "CPU temperature").detail
    assert find(findings, "CPU power").detail.endswith(" 0 W")  # a counter that stands still
    assert find(findings, "NVIDIA cards").state == "absent"
    assert "SB-550" in find(findings, "Board").detail
    assert find(findings, "Use of AMD cards").state == "ok"
    assert render(findings).endswith("No problems found.")


async def test_every_problem_has_a_fix(machine: SysfsTree, tmp_path: Path) -> None:
    machine.driver("0000:04:00.0", None)
    machine.card(SimGpu("0000:01:00.0"), 7)
    machine.driver("0000:01:00.0", "nouveau")
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        sources = [WorkloadSource("trex", bound.getsockname()[1]), WorkloadSource("t-rex", 1)]
        findings = await diagnose(tmp_path / "nowhere", sources, sysfs_root=machine.sys)
    problems = [finding for finding in findings if finding.state == "problem"]
    assert [problem.what for problem in problems] == [
        "AMD card 0000:04:00.0",
        "NVIDIA cards (0000:01:00.0)",
        f"trex on 127.0.0.1:{sources[0].port}",
        "t-rex on 127.0.0.1:1",
        "Data folder",
    ]
    assert all(problem.fix for problem in problems)
    assert f"--api-bind-http 127.0.0.1:{sources[0].port}" in problems[2].fix
    assert "trex" in problems[3].fix
    assert "rigfarm sentry join" in problems[4].fix
    assert exit_code(findings) == 1
    assert render(findings).endswith("5 problems to fix.")


async def test_what_sentry_toml_allows_and_systemd_does_not(machine: SysfsTree) -> None:
    policy = Policy(also=["root"])
    install(["/opt/rigfarm", "sentry", "run"], root=machine.folder, run=lambda _: None, user=lambda *_: None)
    findings = await diagnose(None, sysfs_root=machine.sys, policy=policy, allow_power=True)
    [problem] = [one for one in findings if one.what == "Allowed to the Commander" and one.state == "problem"]
    assert "run mining programs as root, reboot this machine and switch it off" in problem.detail
    assert "sudo rigfarm sentry install" in problem.fix
    findings = await diagnose(None, sysfs_root=machine.sys)
    assert find(findings, "Allowed to the Commander").state == "ok"


class Failing:
    name = title = "NVIDIA cards"

    def read(self) -> SourceReading:
        raise SourceFailed(Problem("NVIDIA cards", "the driver does not answer", "Reboot."))

    def gpu_specs(self) -> list[object]:
        return []

    def close(self) -> None:
        pass


async def test_a_source_that_fails_is_a_problem() -> None:
    findings = await diagnose(None, sysfs_root=Path("/nonexistent/sys"), sensors=Sensors(sources=[Failing()]))
    assert find(findings, "NVIDIA cards") == Finding("problem", "NVIDIA cards", "the driver does not answer", "Reboot.")


async def test_a_card_that_was_here_before_is_missed(machine: SysfsTree, folder: Path) -> None:
    save(folder / "gpus.json", (KnownGpu("0000:09:00.0", "amdgpu", "RX 570"),))
    findings = await diagnose(folder, sysfs_root=machine.sys)
    assert "riser" in find(findings, "GPU 0 (RX 570, 0000:09:00.0)").fix
    assert [path.name for path in folder.iterdir()] == ["gpus.json"]


async def test_it_asks_nothing_of_a_machine_without_cards(tmp_path: Path) -> None:
    findings = await diagnose(None, sysfs_root=tmp_path / "sys")
    assert not any(finding.what.startswith("Use of") for finding in findings)
    assert find(findings, "Mining programs").state == "absent"


def test_cards_this_user_may_not_open(machine: SysfsTree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_module.os, "access", lambda path, mode: "kfd" not in str(path))
    [finding] = check_access(machine.sys)
    assert (finding.state, finding.detail) == ("problem", "this user may not open /dev/kfd")
    assert "video,render" in finding.fix


def test_cards_without_device_files(machine: SysfsTree) -> None:
    (machine.folder / "dev/kfd").unlink()
    [finding] = check_access(machine.sys)
    assert (finding.state, finding.detail) == ("problem", "missing: /dev/kfd")


def test_a_folder_that_others_can_read(folder: Path) -> None:
    (folder / "tokens.json").touch(mode=0o644)
    (folder / "tokens.json").chmod(0o644)
    [finding] = [finding for finding in check_folder(folder) if finding.state == "problem"]
    assert "tokens.json" in finding.detail
    assert "chmod" in finding.fix


def test_a_folder_that_lets_a_playbooks_user_through_is_private(folder: Path) -> None:
    folder.chmod(0o710)
    assert {finding.state for finding in check_folder(folder)} == {"ok"}


def test_a_disk_that_is_almost_full(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "_ROOM", 1 << 62)
    assert find(check_folder(folder), "Disk").state == "problem"


def test_how_it_is_written() -> None:
    text = render(
        [
            Finding("ok", "A", "fine \x1b[31m\n"),
            Finding("absent", "B", "none"),
            Finding("problem", "C", "w " * 80, "do " * 60),
        ]
    )
    lines = text.split("\n")
    assert lines[0] == "ok       A: fine ?[31m?"
    assert lines[1] == "-        B: none"
    assert lines[2].startswith("PROBLEM  C: w w")
    assert any(line.startswith("         Fix: do do") for line in lines)
    assert max(map(len, lines)) <= 100
    assert lines[-1] == "1 problem to fix."


async def test_a_running_sentry_says_which_of_its_parts_fail(folder: Path) -> None:
    """A part that is restarted again and again would be found in the log only."""
    part = FakePart()
    settings = Settings(data_dir=folder, ui="off")
    assert [finding.state for finding in await check_running(folder)] == ["absent"]
    async with running(Agent(settings, [part], watch_files=True, serve=serve_page)) as agent:
        await until(lambda: part.reporter)
        await until(lambda: (folder / SOCKET).exists())
        said = await check_running(folder)
        assert [(finding.state, finding.what) for finding in said] == [("ok", "Sentry"), ("problem", "Commander")]
        assert "belongs to no Commander yet" in said[1].detail
        assert "New rig" in said[1].fix
        agent.spool.problem = "the disk is full"
        [host] = agent._hosts
        assert host.supervised is not None
        host.supervised.problem = "ZeroDivisionError: nobody foresaw this"
        findings = await check_running(folder)
        assert [finding.what for finding in findings] == ["Sentry", "Spool", "Commander"]
        assert "FakePart: ZeroDivisionError" in findings[0].detail
        assert exit_code(findings) == 1


async def test_a_refused_token_a_lost_commander_and_a_failing_playbook_are_named(
    folder: Path, commander: ToyCommander
) -> None:
    """All was well, said the doctor, while the Commander refused the token and no playbook ran."""
    part = FakePart()
    settings = Settings(data_dir=folder, ui="off", commander=commander.url, insecure_http=True)
    agent = Agent(settings, [part], timings=QUICK, watch_files=True, serve=serve_page)

    async def findings() -> dict[str, tuple[str, str]]:
        return {one.what: (one.state, one.detail) for one in await check_running(folder)}

    async with running(agent):
        await until(lambda: (folder / SOCKET).exists())
        await until(lambda: part.verdicts or agent.link.status().error)  # it does not know this token
        assert (await findings())["Commander"][0] == "problem"
        token = new_token()
        commander.good(token)
        agent.adopt(token)
        await until(lambda: agent.link.state is LinkState.ONLINE)
        assert part.reporter is not None
        statuses = [
            PlaybookStatus(1, 1, "failed", "no such pool"),
            PlaybookStatus(2, 1, "mining", name="XMR on all CPUs"),
        ]
        part.reporter.playbooks(part.token, statuses)
        found = await findings()
        assert found["Commander"] == ("ok", f"linked to {commander.url} as rig-01")
        assert found["Playbook 1"] == ("problem", "failed: no such pool")
        assert found["XMR on all CPUs"] == ("ok", "mining")
