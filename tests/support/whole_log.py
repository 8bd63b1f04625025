"""A log in which every field has a value of its own: what is lost on a way shows."""

from __future__ import annotations

import itertools

import msgspec

from rigfarm.wire.log import Device, Devices, OperationalLog, Pool, Workload

__all__ = ["a_whole_log"]


def a_whole_log() -> tuple[OperationalLog, list[Device]]:
    """The log, and its devices."""
    numbers = itertools.count(1)

    def filled(name: str) -> object:
        plain = {"kind": "gpu", "index": 3, "missing": True, "hashrates": [float(next(numbers)), None]}
        texts = {"id": "0000:01:00.0", "name": "a card"}
        counts = ("chips", "chips_expected")
        return (plain | texts).get(name, next(numbers) if name in counts else float(next(numbers)))

    fields = [field.name for field in msgspec.structs.fields(Device)]
    rows = [Device(**{name: filled(name) for name in fields}) for _ in range(2)]  # type: ignore[arg-type]
    pool = Pool(url="one.example:1", user="w.r", alive=True, active=False, accepted=5, rejected=2)
    workload = Workload(
        software="lolMiner",
        version="1.90",
        coin="KAS",
        algorithm="kheavyhash",
        hashrate=5.0,
        accepted=8,
        rejected=9,
        stale=10,
        invalid=11,
        pool="one.example:1",
        wallet="w",
        worker="r",
        state="mining",
        uptime_s=6.0,
        playbook=7,
        expected_hashrate=7.0,
    )
    log = OperationalLog(
        t=1,
        uptime_s=2.0,
        power_w=3.0,
        lan_ip="192.0.2.1",
        wan_ip="192.0.2.2",
        workloads=[workload, Workload()],
        devices=Devices.from_rows(rows),
        fans=[4.0, None],
        pools=[pool],
        messages=["hot"],
    )
    unset = [name for one in (log, workload, pool) for name in one.__struct_fields__ if getattr(one, name) is None]
    assert unset == [], "a field that this test does not know yet"
    return log, rows
