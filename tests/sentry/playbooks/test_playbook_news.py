"""What a restored Commander remembers is old; what its operator changes then is not, whatever its clock says."""

from __future__ import annotations

from pathlib import Path

from rigfarm.sentry.playbooks.news import News
from rigfarm.simulate.program.pack import archive_for, pack
from support.program.depot import Depot
from support.program.rig import Rig, assigned_for


def test_only_what_is_older_and_no_change_is_old() -> None:
    news = News()
    assert not news.is_old(1, 0)
    assert not news.is_old(5, 5)
    assert news.is_old(3, 5)
    assert news.is_old(3, 5), "it says so at every connection"
    assert not news.is_old(4, 5), "somebody changed it since"
    assert not news.is_old(4, 4)
    assert news.is_old(3, 4), "a second backup"
    assert news.is_old(2, 4), "and an older one"
    news.forget()
    assert news.is_old(3, 4)


async def test_a_rig_goes_on_through_a_restored_backup_and_a_restart(tmp_path: Path) -> None:
    archive = archive_for(pack("tar.gz"), "tar.gz")
    with Depot() as depot:
        depot.put(pack("tar.gz"), archive.path)
        async with Rig(tmp_path / "sentry", depot.url, depot.token) as rig:
            await rig.runner.apply(9, [assigned_for(archive)])
            pid = (await rig.until("mining")).pid
            await rig.runner.apply(5, [])
            assert (await rig.until("mining")).pid == pid
        async with Rig(tmp_path / "sentry", depot.url, depot.token) as rig:
            await rig.until("mining")
            await rig.runner.apply(5, [])
            assert rig.status() is not None
            await rig.runner.apply(6, [])
            assert rig.status() is None, "its operator took it off"


async def test_another_token_begins_anew(tmp_path: Path) -> None:
    archive = archive_for(pack("tar.gz"), "tar.gz")
    with Depot() as depot:
        depot.put(pack("tar.gz"), archive.path)
        async with Rig(tmp_path / "sentry", depot.url, depot.token) as rig:
            await rig.runner.apply(9, [assigned_for(archive)])
            await rig.until("mining")
            rig.runner.use_commander(depot.url, depot.token + "-of-another-commander")
            await rig.runner.apply(5, [])
            assert rig.status() is None
            await rig.runner.apply(9, [assigned_for(archive)])
        async with Rig(tmp_path / "sentry", depot.url, depot.token) as rig:
            await rig.runner.apply(5, [])
            assert rig.status() is None
