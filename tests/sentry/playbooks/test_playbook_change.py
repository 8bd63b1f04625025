"""A change restarts what it changes, when the new is ready, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rigfarm.wire.playbooks import Archive, AssignedPlaybook, AssignedWorkload, PlaybookStatus, Supervision
from support.program.depot import Depot
from support.program.rig import Rig, assigned_for

MakeRig = Callable[..., Rig]


def changed(order: AssignedPlaybook, **fields: Any) -> AssignedPlaybook:
    return msgspec.structs.replace(order, revision=order.revision + 1, **fields)


def mining_as(revision: int) -> Callable[[PlaybookStatus], bool]:
    return lambda status: status.state == "mining" and status.revision == revision and status.pid is not None


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "another name"},
        {"workloads": [AssignedWorkload("RVN")]},
        {"supervision": Supervision(stall_s=77)},
        {"variables": {"WORKER_NAME": "rig-07", "UNUSED": "x"}, "template": "  "},
    ],
)
async def test_what_a_program_would_not_notice_restarts_nothing(
    rig: MakeRig, archive: Archive, fields: dict[str, Any]
) -> None:
    order = assigned_for(archive)
    async with rig() as one:
        await one.runner.apply(1, [order])
        first = await one.until("mining")
        await one.runner.apply(2, [changed(order, **fields)])
        second = await one.when(mining_as(2))
        assert second.pid == first.pid
        (source,) = one.runner.sources()
        assert source.coins == (["RVN"] if "workloads" in fields else ["XMR"])


@pytest.mark.parametrize(
    "fields",
    [
        {"template": "-o other.test:1"},
        {"api_arguments": "--http-port=$API_PORT --http-host=127.0.0.1 -a rx/wow"},
        {"nice": 5},
        {"restart": 1},
    ],
)
async def test_other_arguments_restart_it(rig: MakeRig, archive: Archive, fields: dict[str, Any]) -> None:
    order, other = assigned_for(archive), assigned_for(archive, 2)
    async with rig() as one:
        await one.runner.apply(1, [order, other])
        first = await one.until("mining")
        bystander = await one.until("mining", 2)
        await one.runner.apply(2, [changed(order, **fields), other])
        second = await one.when(mining_as(2))
        assert second.pid != first.pid
        assert one.status(2) == bystander, "the others mine on"


async def test_a_used_placeholder_restarts_it(rig: MakeRig, archive: Archive) -> None:
    order = assigned_for(archive, template="-u $WORKER_NAME")
    async with rig() as one:
        await one.runner.apply(1, [order])
        first = await one.until("mining")
        await one.runner.apply(2, [changed(order, variables={"WORKER_NAME": "rig-08"})])
        assert (await one.when(mining_as(2))).pid != first.pid


async def test_stop_and_start(rig: MakeRig, archive: Archive) -> None:
    order = assigned_for(archive)
    async with rig() as one:
        await one.runner.apply(1, [order])
        await one.until("mining")
        await one.runner.apply(2, [changed(order, wanted="stopped")])
        stopped = await one.until("stopped")
        assert stopped.pid is None
        assert one.processes() == []
        assert one.runner.sources() == []
        await one.runner.apply(3, [order])
        await one.until("mining")


async def test_the_old_program_mines_while_the_new_one_downloads(
    rig: MakeRig, serving: Callable[..., Archive], depot: Depot
) -> None:
    order = assigned_for(serving(version="1.0"))
    newer = changed(order, archive=serving(version="2.0"))
    async with rig() as one:
        await one.runner.apply(1, [order])
        first = await one.until("mining")
        depot.status = 503
        await one.runner.apply(2, [newer])
        waiting = await one.until("backing-off")
        assert waiting.pid == first.pid
        assert [source.version for source in one.runner.sources()] == ["1.0"]
        depot.status = None
        second = await one.when(mining_as(2))
        assert second.pid != first.pid
        assert [source.version for source in one.runner.sources()] == ["2.0"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"template": "-u $NOBODY_KNOWS"}, r"$NOBODY_KNOWS has no value"),
        ({"variables": {"WORKER_NAME": "--evil"}, "template": "-u $WORKER_NAME"}, "would take it for an option"),
        ({"devices": ["0000:99:00.0"]}, "none of its graphics cards is in this rig: 0000:99:00.0"),
        ({"run_as": "root"}, "'root'"),
        ({"archive": "executable"}, "no file named 'not-there'; it has: LICENSE, fakeminer"),
        ({"archive": "sha"}, "SHA-256 is not 64 lower-case hexadecimal digits"),
        ({"archive": "size"}, "size of 0 bytes is not between 1 and"),
        ({"archive": "path"}, "is not a file name"),
    ],
)
async def test_an_order_that_cannot_be_carried_out_says_why_and_the_old_mines_on(
    rig: MakeRig, archive: Archive, fields: dict[str, Any], reason: str
) -> None:
    order = assigned_for(archive)
    wrong = {
        "executable": {"executable": "not-there"},
        "sha": {"sha256": "../../../../etc/passwd"},
        "size": {"size": 0},
        "path": {"executable": "../fakeminer"},
    }
    if "archive" in fields:
        fields = {"archive": msgspec.structs.replace(archive, **wrong[fields["archive"]])}
    async with rig() as one:
        await one.runner.apply(1, [order])
        first = await one.until("mining")
        await one.runner.apply(2, [changed(order, **fields)])
        failed = await one.until("failed")
        assert reason in failed.detail
        assert failed.detail.endswith("What it ran before mines on")
        assert failed.pid == first.pid
        await one.runner.apply(3, [order])
        await one.until("mining")


async def test_old_versions_are_pruned_but_for_the_last(
    rig: MakeRig, serving: Callable[..., Archive], tmp_path: Path
) -> None:
    order = assigned_for(serving(version="1"))
    async with rig() as one:
        for revision, version in enumerate(("1", "2", "3"), start=1):
            newer = msgspec.structs.replace(order, archive=serving(version=version), revision=revision)
            await one.runner.apply(revision, [newer])
            await one.when(mining_as(revision))
        versions = tmp_path / "sentry/playbooks/software/versions"
        while len(list(versions.iterdir())) > 2:
            await asyncio.sleep(0.05)
        names = sorted(path.name.rsplit("-", 1)[0] for path in versions.iterdir())
        assert names == ["fakeminer-2", "fakeminer-3"]
        archives = {path.name for path in (tmp_path / "sentry/playbooks/software/archives").iterdir()}
        assert len(archives) == 2


async def test_many_changes_at_once_end_in_the_last(rig: MakeRig, archive: Archive) -> None:
    order = assigned_for(archive)
    async with rig() as one:
        for revision in range(2, 12):
            await one.runner.apply(
                revision, [msgspec.structs.replace(order, revision=revision, template=f"-o pool.test:{revision}")]
            )
        last = await one.when(mining_as(11))
        argv = Path(f"/proc/{last.pid}/cmdline").read_bytes().split(b"\0")
        assert b"pool.test:11" in argv
        assert len(one.processes()) == 3, "one program and its two supervisors"
