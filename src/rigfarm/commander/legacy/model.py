"""What agents of Mining Rig Monitor send, as specs and operational logs. Any field may be missing, null, a number or a
text; what is not understood is unknown."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from rigfarm import units
from rigfarm.common.text import printable
from rigfarm.wire.limits import MAX_SEQUENCE
from rigfarm.wire.log import Device, Devices, OperationalLog, Pool, Workload, WorkloadState
from rigfarm.wire.specs import GpuSpecs, Specs

__all__ = ["Body", "asic_log", "asic_specs", "body_of", "machine_log", "machine_specs", "missing"]

_T = TypeVar("_T")
Body = Mapping[str, object]
GPUS, POOLS, BOARDS, FANS = 8, 3, 3, 4
"""As many as the fields of a body have numbers for."""
MAX_TEXT = 256
CPU_GPU_AGENT = "CPU/GPU Sentry (API v1)"
ASIC_AGENT = "ASIC Sentry (API v1)"
CONTROLS = ["pause", "resume", "locate"]
"""What an ASIC's agent can do: it asks whether the device should be on, and its light."""

_decoder = msgspec.json.Decoder(dict[str, object])


def body_of(data: bytes) -> Body:
    """A JSON object; ValueError."""
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)[:MAX_TEXT]) from None


def missing(body: Body, *fields: str) -> dict[str, list[str]]:
    """The errors of required fields that are empty."""
    return {field: ["can't be blank"] for field in fields if not _text(body, field)}


# Of machines with CPUs and GPUs


def machine_specs(body: Body) -> Specs:
    """Specs of a machine."""
    names = [_text(body, f"gpu_{n}_name") for n in range(1, GPUS + 1)]
    return Specs(
        sentry_version=CPU_GPU_AGENT,
        cpu=_text(body, "cpu_name"),
        ram_bytes=_read(units.parse_bytes, _text(body, "ram_size")),
        board=_text(body, "motherboard_name"),
        gpus=[GpuSpecs(id=_gpu(n), name=name) for n, name in enumerate(names) if name],
    )


def machine_log(body: Body, t: int, specs: Specs | None) -> OperationalLog:
    """A log of a machine at a time (UTC ms); `specs` know its cards' names."""
    workloads: list[Workload] = []
    cpu_at = _add(workloads, body, "cpu_", "", ["cpu_hashrate"])
    gpu_at = [
        _add(workloads, body, "gpu_", f"_{k}", [f"gpu_{n}_hashrate_{k}" for n in range(1, GPUS + 1)]) for k in (1, 2)
    ]
    fans_turn = (_text(body, "gpu_fan_uom") or "%").casefold() == "rpm"
    names = {gpu.id: gpu.name for gpu in specs.gpus} if specs is not None else {}
    devices: list[Device] = []

    def rates(which: Sequence[tuple[int | None, str, str]]) -> list[float | None]:
        found: list[float | None] = [None] * len(workloads)
        for at, field, unit in which:
            if at is not None:
                found[at] = _rate(body, field, unit)
        return found

    cpu = Device(
        kind="cpu",
        index=0,
        name=specs.cpu if specs is not None else None,
        hashrates=rates([(cpu_at, "cpu_hashrate", "cpu_hashrate_uom")]),
        core_c=_number(body, "cpu_temp"),
        power_w=_number(body, "cpu_power"),
    )
    if _known(cpu):
        devices.append(cpu)
    for n in range(GPUS):
        field = f"gpu_{n + 1}_"
        fan = _number(body, f"{field}fan")
        gpu = Device(
            kind="gpu",
            index=n,
            id=_gpu(n),
            name=names.get(_gpu(n)),
            hashrates=rates([(at, f"{field}hashrate_{k}", f"gpu_hashrate_uom_{k}") for k, at in enumerate(gpu_at, 1)]),
            core_c=_number(body, f"{field}core_temp"),
            memory_c=_number(body, f"{field}mem_temp"),
            core_mhz=_number(body, f"{field}core_clock"),
            memory_mhz=_number(body, f"{field}mem_clock"),
            fan_percent=None if fans_turn else fan,
            fan_rpm=fan if fans_turn else None,
            power_w=_number(body, f"{field}power"),
        )
        if _known(gpu):
            devices.append(gpu)
    powers = [device.power_w for device in devices if device.power_w is not None]
    return OperationalLog(
        t=t,
        uptime_s=_read(units.parse_duration, _text(body, "uptime")),
        power_w=sum(powers) if powers else None,
        lan_ip=_text(body, "lan_ip"),
        wan_ip=_text(body, "wan_ip"),
        workloads=workloads,
        devices=Devices.from_rows(devices),
    )


def _add(workloads: list[Workload], body: Body, scope: str, number: str, rate_fields: Sequence[str]) -> int | None:
    """Add what is mined with one kind of device, if anything is; returns its place."""
    rates = [rate for field in rate_fields if (rate := _rate(body, field, f"{scope}hashrate_uom{number}")) is not None]
    coin, algorithm = _text(body, f"{scope}coin_name{number}"), _text(body, f"{scope}algorithm{number}")
    if not rates and coin is None and algorithm is None:
        return None
    hashrate = sum(rates) if rates else None
    workloads.append(
        Workload(
            coin=coin,
            algorithm=algorithm,
            hashrate=hashrate,
            pool=_text(body, f"{scope}pool_address{number}"),
            wallet=_text(body, f"{scope}wallet_address{number}"),
            state=_state(hashrate),
        )
    )
    return len(workloads) - 1


def _gpu(n: int) -> str:
    """What a card is known by: agents say no PCI address."""
    return f"gpu-{n + 1}"


def _known(device: Device) -> bool:
    """Whether anything was measured."""
    measures = (device.core_c, device.memory_c, device.core_mhz, device.memory_mhz, device.fan_percent, device.fan_rpm)
    return any(one is not None for one in (*measures, device.power_w, *device.hashrates))


# Of ASICs


def asic_specs(body: Body) -> Specs:
    """Specs of a device."""
    return Specs(
        sentry_version=ASIC_AGENT,
        model=_text(body, "model"),
        variant=_text(body, "model_variant"),
        firmware=_text(body, "software_version"),
        firmware_version=_text(body, "firmware_version"),
        supports=CONTROLS,
    )


def asic_log(body: Body, t: int) -> OperationalLog:
    """A log of a device at a time (UTC ms)."""
    hashrate = _rate(body, "hashrate_5_min", "hashrate_uom")
    pools = [pool for n in range(1, POOLS + 1) if (pool := _pool(body, f"pool_{n}_")) is not None]
    used = next((pool for pool in pools if pool.active), None)
    boards = [
        Device(
            kind="hashboard",
            index=n - 1,
            hashrates=[_rate(body, f"hashboard_{n}_hashrate_5_min", "hashrate_uom")],
            core_c=_number(body, f"hashboard_{n}_temp_1"),
            chip_c=_number(body, f"hashboard_{n}_temp_2"),
        )
        for n in range(1, BOARDS + 1)
    ]
    fans = [_number(body, f"fan_{n}_speed") for n in range(1, FANS + 1)]
    while fans and fans[-1] is None:
        fans.pop()
    accepted, rejected = (
        sum(counts) if (counts := [one for pool in pools if (one := getattr(pool, name)) is not None]) else None
        for name in ("accepted", "rejected")
    )
    return OperationalLog(
        t=t,
        uptime_s=_read(units.parse_duration, _text(body, "uptime")),
        power_w=_number(body, "power"),
        lan_ip=_text(body, "lan_ip"),
        wan_ip=_text(body, "wan_ip"),
        workloads=[
            Workload(
                coin=_text(body, "coin_name"),
                hashrate=hashrate,
                accepted=accepted,
                rejected=rejected,
                pool=used.url if used is not None else None,
                worker=used.user if used is not None else None,
                state=_state(hashrate),
            )
        ],
        devices=Devices.from_rows([one for one in boards if _known(one) or one.chip_c is not None]),
        fans=fans,
        pools=pools,
    )


def _pool(body: Body, scope: str) -> Pool | None:
    url = _text(body, f"{scope}address")
    if url is None:
        return None
    state = _text(body, f"{scope}state")
    connected = None if state is None else state.casefold() == "connected"
    return Pool(
        url,
        _text(body, f"{scope}user"),
        connected,
        connected,
        _count(body, f"{scope}accepted_share"),
        _count(body, f"{scope}rejected_share"),
    )


# Fields


def _text(body: Body, field: str) -> str | None:
    value = body.get(field)
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            value = f"{value:g}"
        except OverflowError:  # hundreds of digits
            return None
    found = printable(value, most=MAX_TEXT).strip() if isinstance(value, str) else ""
    return found or None


def _number(body: Body, field: str) -> float | None:
    value = body.get(field)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value[:MAX_TEXT] if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _count(body: Body, field: str) -> int | None:
    number = _number(body, field)
    return int(number) if number is not None and 0 <= number <= MAX_SEQUENCE else None


def _rate(body: Body, field: str, unit_field: str) -> float | None:
    """H/s; without a unit that is understood, unknown."""
    number = _number(body, field)
    unit = _read(units.parse_hashrate_unit, _text(body, unit_field))
    return None if number is None or unit is None else number * unit.factor


def _read(read: Callable[[str], _T], text: str | None) -> _T | None:
    """What a text means; None for one that means nothing."""
    try:
        return None if text is None else read(text)
    except ValueError:
        return None


def _state(hashrate: float | None) -> WorkloadState | None:
    return None if hashrate is None else "mining" if hashrate > 0 else "idle"
