"""Logins of devices: wrong ones are said, good ones go to their own device only, none is written in the open."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import structlog

from rigfarm.sentry.asic.csv_import import Entry
from rigfarm.sentry.asic.model import Device, Login
from rigfarm.simulate.asic import FakeAsic, Fault
from rigfarm.wire.codec import encode
from support.asic_trial import QUICK, Sentry, farm_of, sentry
from support.until import until

WITH_LOGIN = ["antminer-stock", "braiins", "iceriver"]


@pytest.mark.parametrize("make", WITH_LOGIN)
async def test_a_wrong_password_is_said_and_mended(asics: Sentry, make: str) -> None:
    async with farm_of(FakeAsic(make, steady=True, password="its own")) as farm:
        (ip,) = farm.devices
        token = await asics.add(ip, login=Login("root", "guess"))
        unit = await asics.state(token, "wrong-credentials")
        assert "enter the user and password" in unit.detail
        assert asics.ear.troubles[-1] == (token, "wrong-credentials", unit.detail), "its Commander says so, too"
        user = "admin" if make == "iceriver" else "root"
        entry = Entry(ip, login=Login(user, "its own"))
        await asics.service.edit(unit.device.id, entry, keep_token=True)
        await asics.reading([token])
        assert asics.ear.logs[token]
        assert asics.ear.troubles[-1] == (token, "", "")


@pytest.mark.parametrize("make", WITH_LOGIN)
async def test_a_password_that_was_changed_later(asics: Sentry, make: str) -> None:
    async with farm_of(make) as farm:
        (ip,) = farm.devices
        token = await asics.add(ip)
        await asics.reading([token])
        farm[ip].password = "new"
        await asics.state(token, "wrong-credentials")
        logs = len(asics.ear.logs[token])
        await until(lambda: asics.by(token).failures > 2)
        assert len(asics.ear.logs[token]) == logs, "it cannot be identified"
        unit = asics.by(token)
        user = "admin" if make == "iceriver" else "root"
        await asics.service.edit(unit.device.id, Entry(ip, login=Login(user, "new")), keep_token=True)
        await asics.reading([token])


async def test_no_secret_leaves_the_sentry(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Canaries as user, password and token of a device that is read, fails and is ordered about."""
    canary, user = "canary-password-7f3a", "canary-user-11b2"
    said: list[str] = []
    structlog.configure(processors=[lambda logger, name, event: said.append(repr(event)) or "line"])
    caplog.set_level(logging.DEBUG)
    try:
        async with (
            farm_of(FakeAsic("antminer-stock", username=user, password=canary)) as farm,
            sentry(tmp_path) as asics,
        ):
            (ip,) = farm.devices
            token = await asics.add(ip, login=Login(user, canary))
            await asics.reading([token])
            for fault in (Fault.GARBAGE, Fault.RESET):
                farm[ip].fault = fault
                await asics.state(token, "unreachable")
            farm[ip].fault = Fault.NONE
            await asics.reading([token])
            seen = [
                *asics.told,
                *said,
                caplog.text,
                repr(asics.service.devices()),
                repr(asics.by(token).device),
                *(repr(encode(log)) for log in asics.ear.logs[token]),
                *(repr(encode(specs)) for specs in asics.ear.all_specs[token]),
            ]
    finally:
        structlog.reset_defaults()
    assert not [text for text in seen if canary in text]
    assert not [text for text in seen if token in text]
    assert not [text for text in (*asics.told, *said, caplog.text) if user in text]


async def test_only_its_own_user_reads_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with sentry(folder, QUICK) as asics:
        await asics.add("127.0.0.9", login=Login("root", "hidden"))
        files = [path for path in folder.iterdir() if path.name.startswith("asics.sqlite")]
        assert files
        assert [oct(path.stat().st_mode & 0o777) for path in files] == ["0o600"] * len(files)
        assert oct(folder.stat().st_mode & 0o777) == "0o700"


async def test_a_removed_password_is_gone_from_the_file(tmp_path: Path) -> None:
    async with sentry(tmp_path) as asics:
        (view,) = await asics.service.add(Entry("127.0.0.9", login=Login("root", "to be forgotten")))
        await asics.service.remove(view.id)
    assert not [path for path in tmp_path.iterdir() if b"to be forgotten" in path.read_bytes()]


def test_a_login_does_not_show_itself() -> None:
    device = Device(id=1, ip="10.0.0.1", token="rf_secret", login=Login("root", "secret"))
    assert "secret" not in repr(device) + str(device) + repr(device.login)
