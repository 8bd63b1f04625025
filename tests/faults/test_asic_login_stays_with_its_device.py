"""Row 33: the login of a device is sent to that device only, while all are read, scanned and checked side by side.

The control keeps what identifies a device from the one before, logins and all, as a factory of the library would.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from promise import record, scaled

from rigfarm.sentry.asic.model import Login
from rigfarm.sentry.asic.readers import library
from rigfarm.simulate.asic import FakeAsic
from support.asic_trial import LOW_PORTS, farm_of, sentry
from support.until import until

pytestmark = pytest.mark.skipif(not LOW_PORTS, reason="fake ASICs listen on port 80, which needs root here")

WITH_LOGIN = ["antminer-stock", "braiins", "iceriver"]
OF_EACH = scaled(4, 40)


def shown_around(devices: list[FakeAsic]) -> int:
    """How many devices saw what belongs to another."""
    wrong = 0
    for device in devices:
        others = {one.password for one in devices if one is not device}
        tried = {password for _, password in device.traffic.logins}
        assert device.password in tried
        wrong += bool(tried & others)
    return wrong


async def read_by_the_sentry(folder: Path) -> tuple[int, int]:
    """So many devices; so many saw another's login."""
    devices = [FakeAsic(make, username="op", password=f"pw-{make}-{i}") for make in WITH_LOGIN for i in range(OF_EACH)]
    async with farm_of(*devices) as farm, sentry(folder) as asics:
        tokens = [await asics.add(d.ip, login=Login("op", d.password or "")) for d in farm.devices.values()]
        await asics.reading(tokens)
        asics.service.start_scan(",".join(farm.devices))
        await until(lambda: asics.service.scan and asics.service.scan.state == "done", within_s=60)
        return len(devices), shown_around(devices)


@pytest.fixture
def one_factory_for_all(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """The mutation, with the first device's login in it."""
    factory = library.MinerFactory()
    for firmware in library._FIRMWARES:
        factory = factory.with_firmware_discovery_auth(firmware, "op", "secret of the first")
    with monkeypatch.context() as patch:
        patch.setattr(library, "MinerFactory", lambda: factory)
        yield factory


@pytest.mark.timeout(600)
async def test_each_login_is_seen_by_its_own_device_only(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    n, wrong = await read_by_the_sentry(tmp_path)
    request.getfixturevalue("one_factory_for_all")
    logins = [FakeAsic("antminer-stock", username="op", password=password) for password in ("secret of the first", "x")]
    async with farm_of(*logins) as farm:
        for ip in farm.devices:
            await library.identify(ip, None)
    control = ("op", "?") in logins[1].traffic.logins
    record(
        33,
        "logins of devices that another device saw",
        n=n,
        bad=wrong,
        control="one factory of the library for all devices",
        control_bad=f"the second device {'was' if control else 'was not'} tried with the login of the first",
        unit="devices",
    )
    assert wrong == 0
    assert control, "the control must be seen"
