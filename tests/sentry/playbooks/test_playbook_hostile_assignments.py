"""What a Commander that is broken, or not the one it says it is, leaves behind with its orders: nothing that lasts."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from rigfarm.common.clock import utc_ms
from rigfarm.sentry.playbooks import runner as runners
from rigfarm.sentry.playbooks.assigned import Assigned, AssignedFile
from rigfarm.sentry.playbooks.ledger import Ledger
from rigfarm.sentry.playbooks.runner import WRITES
from rigfarm.sentry.playbooks.sane import MAX_RESTARTS_PER_HOUR, supervision
from rigfarm.sentry.processes.process import Process
from rigfarm.simulate.program.pack import archive_for, pack
from rigfarm.wire.playbooks import Archive, Supervision
from support.program.depot import Depot
from support.program.rig import IMPATIENT, Rig, assigned_for

ARCHIVE = archive_for(pack("tar.gz"), "tar.gz")
HUGE = 1 << 62


async def test_a_revision_from_the_future_locks_no_later_one_out(tmp_path: Path) -> None:
    """The rig would mine for an impostor until somebody changes its playbooks twice."""
    with Depot() as depot:
        depot.put(pack("tar.gz"), ARCHIVE.path)
        async with Rig(tmp_path / "sentry", depot.url, depot.token) as rig:
            await rig.runner.apply(HUGE, [assigned_for(ARCHIVE, 66)])
            await rig.until("mining", 66)
            await rig.runner.apply(utc_ms(), [assigned_for(ARCHIVE, 1)])
            await rig.until("mining", 1)
            assert rig.status(66) is None
            await rig.runner.apply(HUGE, [assigned_for(ARCHIVE, 66)])
        async with Rig(tmp_path / "sentry", depot.url, depot.token) as rig:
            await rig.runner.apply(utc_ms(), [assigned_for(ARCHIVE, 1)])
            await rig.until("mining", 1)


async def test_two_of_one_id_on_disk_are_one(tmp_path: Path) -> None:
    """The first would mine on unseen, and no order would end it."""
    with Depot() as depot:
        depot.put(pack("tar.gz"), ARCHIVE.path)
        async with Rig(tmp_path / "sentry", depot.url, depot.token):
            pass
        orders = [assigned_for(ARCHIVE, 1, "--first"), assigned_for(ARCHIVE, 1, "--second")]
        AssignedFile(tmp_path / "sentry/playbooks/assigned.json").keep(Assigned(5, orders))
        async with Rig(tmp_path / "sentry", depot.url, depot.token) as rig:
            await rig.until("mining")
            assert [playbook.assigned.template for playbook in rig.runner._playbooks.values()] == ["--second"]
            await rig.runner.apply(utc_ms(), [])
            assert rig.runner.statuses() == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[" * 100_000,
        b"\xff\xfe\x00",
        b'{"revision":%s}' % (b"9" * 5_000),
        b'{"revision":-1,"playbooks":null}',
        b'{"playbooks":[{}]}',
        b'{"owner":"' + b"x" * 1_000_000 + b'"}',
        b'{"removing":"yes"}',
    ],
    ids=range(8),
)
async def test_orders_of_nonsense_are_survived(tmp_path: Path, content: bytes) -> None:
    with Depot() as depot:
        depot.put(pack("tar.gz"), ARCHIVE.path)
        folder = tmp_path / "sentry/playbooks"
        folder.mkdir(parents=True)
        for name in ("assigned.json", "ledger.json"):
            (folder / name).write_bytes(content)
        async with Rig(tmp_path / "sentry", depot.url, depot.token) as rig:
            await rig.runner.apply(utc_ms(), [assigned_for(ARCHIVE)])
            await rig.until("mining")


async def test_a_change_of_mind_without_end_does_not_wear_out_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted: what is written at once; the last one is on the disk soon after."""
    written: list[Assigned] = []
    keep = AssignedFile.keep

    def count(file: AssignedFile, orders: Assigned) -> None:
        written.append(orders)
        keep(file, orders)

    monkeypatch.setattr(AssignedFile, "keep", count)
    monkeypatch.setattr(runners, "WRITES_PER_S", 0.0001)
    with Depot() as depot:
        depot.put(pack("tar.gz"), ARCHIVE.path)
        settings = msgspec.structs.replace(IMPATIENT, housekeeping_s=3_600.0)
        async with Rig(tmp_path / "sentry", depot.url, depot.token, settings=settings) as rig:
            for number in range(200):
                await rig.runner.apply(utc_ms() + number, [assigned_for(ARCHIVE, 1, wanted="stopped", nice=number % 2)])
            assert len(written) == WRITES
            await rig.runner._tidy_up()
            assert written[-1].revision == rig.runner.revision
    kept = AssignedFile(tmp_path / "sentry/playbooks/assigned.json").load()
    assert kept.revision == written[-1].revision


async def test_a_start_that_fails_leaves_the_folder_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mining would wait for ever for another Sentry, which is this one."""
    with Depot() as depot:
        depot.put(pack("tar.gz"), ARCHIVE.path)
        rig = Rig(tmp_path / "sentry", depot.url, depot.token)

        def raises(_: AssignedFile) -> Assigned:
            raise OSError("a bad sector")

        monkeypatch.setattr(AssignedFile, "load", raises)
        with pytest.raises(OSError, match="bad sector"):
            await rig.runner.start()
        monkeypatch.undo()
        async with rig:
            await rig.runner.apply(utc_ms(), [assigned_for(ARCHIVE)])
            await rig.until("mining")


@pytest.mark.parametrize(
    "given",
    [
        Supervision(0.0, 0.0, 0.0, 0.0, 0),
        Supervision(1e9, 1.0, 1e9, 1e9, 1 << 31, 1 << 31, 1 << 31),
        Supervision(float("nan"), float("nan"), float("inf"), float("-inf"), -5, -5, -5),
    ],
    ids=["zero", "huge", "nonsense"],
)
def test_no_supervision_makes_a_storm(given: Supervision) -> None:
    """A program that ends at once is started a bounded number of times, which the ledger can count."""
    safe = supervision(assigned_for(ARCHIVE, supervision=given))
    assert 1 <= safe.restarts_per_hour <= MAX_RESTARTS_PER_HOUR
    assert safe.backoff_first_s > 0
    assert safe.backoff_max_s > 0
    assert 0.2 <= safe.stall_s <= 86_400
    assert 0 <= safe.low_fraction <= 1
    assert 0 <= safe.reboots_per_day <= 100


async def test_every_allowed_budget_is_kept(tmp_path: Path) -> None:
    """The ledger remembers as many restarts as the largest budget counts."""
    clock = 0.0
    ledger = Ledger(tmp_path / "ledger.json", lambda: clock)
    for _ in range(MAX_RESTARTS_PER_HOUR + 50):
        await ledger.note_restart(1)
    assert len(ledger.restarts_within(1, 3_600)) >= MAX_RESTARTS_PER_HOUR


def test_playbooks_without_end_do_not_make_the_ledger_grow(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.json")
    for playbook in range(5_000):
        ledger.of(playbook)
    assert len(ledger._kept.playbooks) <= 1_000
    assert 4_999 in ledger._kept.playbooks


async def test_an_archive_that_cannot_be_does_not_stop_what_mines(tmp_path: Path) -> None:
    hostile = [
        Archive("x" * 512, "\n" * 512, "0" * 64, 1 << 60, "/" * 1_024, "zip", "y" * 512),
        Archive("../..", "..", "../" * 21, 5, "http://evil.test/x", "executable", ".."),
        Archive("", "", "", 0, "", "tar.gz", ""),
        msgspec.structs.replace(ARCHIVE, path="x\r\nHost: evil.test"),
        msgspec.structs.replace(ARCHIVE, sha256="0" * 64, path="@evil.test/x"),
    ]
    with Depot() as depot:
        depot.put(pack("tar.gz"), ARCHIVE.path)
        async with Rig(tmp_path / "sentry", depot.url, depot.token) as rig:
            await rig.runner.apply(utc_ms(), [assigned_for(ARCHIVE)])
            pid = (await rig.until("mining")).pid
            orders = [assigned_for(archive, 2 + number) for number, archive in enumerate(hostile)]
            await rig.runner.apply(utc_ms() + 1, [assigned_for(ARCHIVE), *orders])
            for order in orders:
                await rig.when(lambda status: status.state in ("failed", "backing-off", "mining"), order.id)
            status = rig.status()
            assert status is not None
            assert status.pid == pid
        outside = [path for path in tmp_path.iterdir() if path.name != "sentry"]
        assert outside == []


async def test_what_goes_wrong_at_the_end_of_one_playbook_keeps_no_other_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rig would go on mining what its operator took off."""
    with Depot() as depot:
        depot.put(pack("tar.gz"), ARCHIVE.path)
        async with Rig(tmp_path / "sentry", depot.url, depot.token) as rig:
            await rig.runner.apply(utc_ms(), [assigned_for(ARCHIVE, 1), assigned_for(ARCHIVE, 2)])
            await rig.until("mining", 1)
            await rig.until("mining", 2)

            def raises(_: object) -> list[int]:
                raise ZeroDivisionError("nobody foresaw this")

            monkeypatch.setattr(Process, "_clean_up", raises)
            monkeypatch.setattr(rig.runner._playbooks[1].console, "close", raises)
            await rig.runner.apply(utc_ms() + 1, [assigned_for(ARCHIVE, 3)])
            await rig.until("mining", 3)
            assert [status.id for status in rig.runner.statuses()] == [3]
            monkeypatch.undo()
