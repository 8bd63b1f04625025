"""TeamRedMiner: AMD miner for Ethash and its relatives, Autolykos2, KawPow, Kaspa, Ironfish and others.

Source: `USAGE.txt` (0.8.5) and `doc/TRM_DUAL_MINING_API.txt` of its repository, and the sgminer API documentation that
this one points to (`doc/API.md` of sgminer-gm):

- the cgminer protocol: one JSON command over TCP, an answer that ends with a NUL byte, the connection closed.
- several commands joined by `+` are answered under their own names; a digit behind a name asks for that algorithm.
  While no second or third algorithm is mined, `summary2`, `devs2`, `pools2`, … answer "Invalid command".
- `KHS 30s` is kH/s (kilo-solutions, kilo-graphs) over 30 s; sgminer itself writes `MHS`, which is read too.
- `Hardware Errors` are shares the miner itself found wrong: invalid. `Fan Percent` %, `Fan Speed` rpm, clocks MHz.
- `devdetails` tells the PCI address of each device as "Device Path", "03:00.0" (issue 48). Without it a device is
  known by its index among those that mine.
"""

from __future__ import annotations

from msgspec import Struct, field

from rigfarm.sentry.miners import lenient, pci
from rigfarm.sentry.miners.adapter import Answers, MinerAdapter, Tcp
from rigfarm.sentry.miners.units import only_devices, split_user, total
from rigfarm.sentry.readings import MinerReading
from rigfarm.wire.log import Device, Workload

_ALGORITHMS = ("", "2", "3")


class _Rates(Struct):
    khs_30s: float | None = field(default=None, name="KHS 30s")
    mhs_30s: float | None = field(default=None, name="MHS 30s")
    khs_average: float | None = field(default=None, name="KHS av")
    mhs_average: float | None = field(default=None, name="MHS av")


class _Status(Struct):
    description: str | None = field(default=None, name="Description")


class _Summary(_Rates):
    elapsed: float | None = field(default=None, name="Elapsed")
    accepted: int | None = field(default=None, name="Accepted")
    rejected: int | None = field(default=None, name="Rejected")
    stale: int | None = field(default=None, name="Stale")
    hardware_errors: int | None = field(default=None, name="Hardware Errors")


class _Dev(_Rates):
    gpu: int | None = field(default=None, name="GPU")
    name: str | None = field(default=None, name="Name")
    temperature: float | None = field(default=None, name="Temperature")
    junction: float | None = field(default=None, name="TemperatureJnct")
    memory: float | None = field(default=None, name="TemperatureMem")
    power: float | None = field(default=None, name="GPU Power")
    accepted: int | None = field(default=None, name="Accepted")
    rejected: int | None = field(default=None, name="Rejected")
    hardware_errors: int | None = field(default=None, name="Hardware Errors")
    fan_percent: float | None = field(default=None, name="Fan Percent")
    fan_rpm: float | None = field(default=None, name="Fan Speed")
    core_mhz: float | None = field(default=None, name="GPU Clock")
    memory_mhz: float | None = field(default=None, name="Memory Clock")


class _Pool(Struct):
    url: str | None = field(default=None, name="URL")
    user: str | None = field(default=None, name="User")
    active: bool = field(default=False, name="Stratum Active")
    algorithm: str | None = field(default=None, name="Algorithm Type")


class _Detail(Struct):
    id: int | None = field(default=None, name="ID")
    model: str | None = field(default=None, name="Model")
    path: str | None = field(default=None, name="Device Path")


class _Section(Struct):
    """What one command answered; exactly one of the lists behind the status is filled."""

    status: list[_Status] = field(default_factory=list, name="STATUS")
    summary: list[_Summary] = field(default_factory=list, name="SUMMARY")
    devs: list[_Dev] = field(default_factory=list, name="DEVS")
    pools: list[_Pool] = field(default_factory=list, name="POOLS")
    details: list[_Detail] = field(default_factory=list, name="DEVDETAILS")


def parse(answers: Answers) -> MinerReading | None:
    """The joined answer to COMMANDS."""
    tree = lenient.decode(answers.get("stats", b""))
    if not isinstance(tree, dict):
        return None
    mined = [n for n in _ALGORITHMS if _section(tree, "summary" + n).summary]
    if not mined:
        return None
    lists = [_section(tree, "devs" + n).devs for n in mined]
    first = max(lists, key=len)
    details = {
        position if detail.id is None else detail.id: detail
        for position, detail in enumerate(_section(tree, "devdetails").details)
    }
    return MinerReading(
        workloads=[
            _workload(_section(tree, "summary" + n), _section(tree, "pools" + n).pools, devs)
            for n, devs in zip(mined, lists, strict=True)
        ],
        devices=[_device(dev, position, lists, details) for position, dev in enumerate(first)],
    )


def _section(tree: dict[str, object], command: str) -> _Section:
    """cgminer wraps each answer in a list, TeamRedMiner does not."""
    answer = tree.get(command)
    if isinstance(answer, list):
        answer = answer[0] if answer else None
    return lenient.shape(answer, _Section) if isinstance(answer, dict) else _Section()


def _workload(section: _Section, pools: list[_Pool], devs: list[_Dev]) -> Workload:
    summary = section.summary[0]
    rate = _rate(summary)
    pool = next((pool for pool in pools if pool.active), pools[0] if pools else _Pool())
    wallet, worker = split_user(pool.user)
    description = section.status[0].description if section.status else None
    return Workload(
        version=description.split()[-1] if description and " " in description else None,
        algorithm=pool.algorithm,
        hashrate=rate if rate is not None else total(_rate(dev) for dev in devs),
        accepted=only_devices(summary.accepted, (dev.accepted for dev in devs)),
        rejected=only_devices(summary.rejected, (dev.rejected for dev in devs)),
        stale=summary.stale,
        invalid=only_devices(summary.hardware_errors, (dev.hardware_errors for dev in devs)),
        pool=pool.url,
        wallet=wallet,
        worker=worker,
        uptime_s=summary.elapsed,
    )


def _device(dev: _Dev, position: int, lists: list[list[_Dev]], details: dict[int, _Detail]) -> Device:
    index = dev.gpu if dev.gpu is not None else position
    detail = details.get(index, _Detail())
    return Device(
        kind="gpu",
        index=index,
        id=pci.normalise(detail.path),
        name=detail.model or dev.name,
        hashrates=[_rate(devs[position]) if position < len(devs) else None for devs in lists],
        core_c=dev.temperature,
        memory_c=dev.memory,
        chip_c=dev.junction,
        core_mhz=dev.core_mhz,
        memory_mhz=dev.memory_mhz,
        fan_percent=dev.fan_percent,
        fan_rpm=dev.fan_rpm,
        power_w=dev.power,
    )


def _rate(rates: _Rates) -> float | None:
    """H/s, over 30 s where told."""
    in_units = (
        (rates.khs_30s, 1e3),
        (rates.mhs_30s, 1e6),
        (rates.khs_average, 1e3),
        (rates.mhs_average, 1e6),
    )
    return next((rate * factor for rate, factor in in_units if rate is not None), None)


COMMANDS = "+".join(["devdetails", *(name + n for n in _ALGORITHMS for name in ("summary", "devs", "pools"))])

ADAPTER = MinerAdapter(
    name="teamredminer",
    software="TeamRedMiner",
    requests=(Tcp("stats", b'{"command":"%s"}\n' % COMMANDS.encode()),),
    parse=parse,
    api_arguments="--api_listen=127.0.0.1:$API_PORT --watchdog_disabled",
)
