"""The list of devices: kept over restarts, and never half changed by an entry that cannot be."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from msgspec.structs import replace

from rigfarm.sentry.asic.csv_import import Entry
from rigfarm.sentry.asic.model import Device, Identity, InputError, Login
from rigfarm.sentry.asic.store import DeviceStore
from rigfarm.wire.tokens import new_token
from support.asic_trial import Sentry, farm_of, sentry
from support.until import until


async def test_it_is_there_after_a_restart(tmp_path: Path) -> None:
    token = new_token()
    async with farm_of("luxos") as farm:
        (ip,) = farm.devices
        async with sentry(tmp_path) as asics:
            await asics.add(ip, "rig-1", token, Login("root", "secret"))
            await asics.reading([token])
            await until(lambda: asics.by(token).device.identity)
            before = asics.by(token).device
        async with sentry(tmp_path) as asics:
            assert asics.by(token).device == replace(before, verdict=None), "all but the Commander's word"
            assert before.identity == Identity("62:f7:5e:b7:10:46", "JYZZB0UBDJABF06RB")
            view = asics.service.device(before.id)
            assert (view.what, view.firmware) == ("Antminer S19KPro", "2025.4.8.220305"), "before it is read again"
            await asics.reading([token])


async def test_what_cannot_be_changes_nothing(asics: Sentry) -> None:
    token = new_token()
    await asics.add("127.0.0.8", "one", token)
    await asics.add("127.0.0.9", "other")
    before = asics.service.devices()
    with pytest.raises(InputError, match="is already in the list, as one"):
        await asics.service.add(Entry("127.0.0.10"), Entry("127.0.0.8"))
    with pytest.raises(InputError, match="belongs to one"):
        await asics.service.add(Entry("127.0.0.11", token=token))
    with pytest.raises(InputError, match="already"):
        await asics.service.edit(before[1].id, Entry("127.0.0.8"))
    with pytest.raises(InputError, match="no longer in the list"):
        await asics.service.edit(99, Entry("127.0.0.12"))
    assert [(v.id, v.ip, v.name) for v in asics.service.devices()] == [(v.id, v.ip, v.name) for v in before]


async def test_edit_and_remove(asics: Sentry) -> None:
    token = new_token()
    await asics.add("127.0.0.8", "one", token, Login("root", "secret"))
    unit = asics.by(token)
    await asics.service.edit(unit.device.id, Entry("127.0.0.9", "uno"), keep_token=True, keep_login=True)
    assert (unit.ip, unit.name, unit.device.token, unit.device.login) == (
        "127.0.0.9", "uno", token, Login("root", "secret"),
    )  # fmt: skip
    await asics.service.edit(unit.device.id, Entry("127.0.0.9", "uno"))
    assert (unit.device.token, unit.device.login) == (None, None)
    await asics.service.remove(unit.device.id)
    assert asics.service.devices() == []


def test_a_batch_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    store = DeviceStore(tmp_path / "a" / "asics.sqlite")
    store.put(Device(id=1, ip="10.0.0.1"))
    with pytest.raises(sqlite3.Error):
        store.put(Device(id=2, ip="10.0.0.2"), Device(id="text", ip="10.0.0.3"))  # type: ignore[arg-type]
    assert [device.id for device in store.all()] == [1]
    store.put(Device(id=3, ip="10.0.0.3"))
    assert [device.id for device in store.all()] == [1, 3]
    store.close()


def test_what_a_later_version_added_is_no_hindrance(tmp_path: Path) -> None:
    """And what an earlier one lacked has its default."""
    path = tmp_path / "asics.sqlite"
    DeviceStore(path).close()
    with sqlite3.connect(path) as database:
        record = b"\x83\xa2id\x01\xa2ip\xa810.0.0.1\xa6future\xc3"
        database.execute("INSERT INTO devices (id, record) VALUES (1, ?)", (record,))
    database.close()
    assert DeviceStore(path).all() == [Device(id=1, ip="10.0.0.1")]
