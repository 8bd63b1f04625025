"""WildRig Multi: AMD and NVIDIA miner for the ProgPow family, GhostRider, and many small algorithms.

Source: the README for the options. The page `/` is XMRig's of the 2.x days, from which it descends; its additions are
from public programs that read it:

- `hashrate.threads[]` has one entry per thread, `[10 s, 60 s, 15 min]`, H/s; a card runs one or more
  (`--opencl-threads`), taken to stand beside each other. A window that is not full yet is null or 0.
- `hwmon` has parallel lists per card: `busID` (decimal), `temp` °C, `fan` %, `power` W, `cclk` and `mclk` MHz.
- `results.shares_good` and `shares_total` as in XMRig; `shares_ignored[]` are the invalid ones of each card.

The API has no option for its address. The watchdog is off unless asked for.
"""

from __future__ import annotations

from msgspec import Struct, field

from rigfarm.sentry.miners import lenient, pci
from rigfarm.sentry.miners.adapter import Answers, Http, MinerAdapter
from rigfarm.sentry.miners.units import shortest, total
from rigfarm.sentry.readings import MinerReading
from rigfarm.wire.log import Device, Workload


class _Hashrate(Struct):
    total: list[float | None] = []
    threads: list[list[float | None]] = []


class _Results(Struct):
    shares_good: int | None = None
    shares_total: int | None = None
    shares_ignored: list[int | None] = []


class _Connection(Struct):
    pool: str | None = None


class _Sensors(Struct):
    bus: list[int | None] = field(default_factory=list, name="busID")
    temp: list[float | None] = []
    fan: list[float | None] = []
    power: list[float | None] = []
    cclk: list[float | None] = []
    mclk: list[float | None] = []


class _Page(Struct):
    version: str | None = None
    algo: str | None = None
    uptime: float | None = None
    hashrate: _Hashrate | None = None
    results: _Results = field(default_factory=_Results)
    connection: _Connection = field(default_factory=_Connection)
    hwmon: _Sensors = field(default_factory=_Sensors)


def parse(answers: Answers) -> MinerReading | None:
    """The page `/`."""
    page = lenient.read(answers.get("summary"), _Page)
    if page is None or page.hashrate is None:
        return None
    good, submitted = page.results.shares_good, page.results.shares_total
    ignored = [count for count in page.results.shares_ignored if count is not None]
    workload = Workload(
        version=page.version,
        algorithm=page.algo,
        hashrate=_short(page.hashrate.total),
        accepted=good,
        rejected=submitted - good if good is not None and submitted is not None else None,
        invalid=sum(ignored) if ignored else None,
        pool=page.connection.pool,
        uptime_s=page.uptime,
    )
    return MinerReading(workloads=[workload], devices=_devices(page.hashrate.threads, page.hwmon))


def _devices(threads: list[list[float | None]], sensors: _Sensors) -> list[Device]:
    count = len(sensors.bus) or len(threads)
    each = len(threads) // count if count and len(threads) % count == 0 else 0
    rates = [total(_short(thread) for thread in threads[n * each : (n + 1) * each]) for n in range(count)]
    return [
        Device(
            kind="gpu",
            index=position,
            id=pci.normalise(_at(sensors.bus, position)),
            hashrates=[rate],
            core_c=_at(sensors.temp, position),
            core_mhz=_at(sensors.cclk, position),
            memory_mhz=_at(sensors.mclk, position),
            fan_percent=_at(sensors.fan, position),
            power_w=_at(sensors.power, position),
        )
        for position, rate in enumerate(rates)
    ]


def _short(windows: list[float | None]) -> float | None:
    """The shortest window that is full, H/s; 0 where the minute shows none either."""
    measured = shortest(rate or None for rate in windows[:2])
    return measured if measured is not None else shortest(windows)


def _at(items: list[float | None] | list[int | None], position: int) -> float | None:
    return items[position] if position < len(items) else None


ADAPTER = MinerAdapter(
    name="wildrig",
    software="WildRig Multi",
    requests=(Http("summary", ("/",)),),
    parse=parse,
    api_arguments="--api-port $API_PORT",
    loopback=False,
)
