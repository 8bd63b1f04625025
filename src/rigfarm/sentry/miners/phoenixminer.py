"""PhoenixMiner, and the family of Claymore's remote protocol that it speaks (Claymore, ethminer, TT-Miner).

Source: PhoenixMiner's wiki page "Remote monitoring and control API" (5.5c) and ethminer's `docs/API_DOCUMENTATION.md`;
that the XMR and ZEC editions and TT-Miner count in H/s, and what `miner_getstat2` adds, from public programs that read
them:

- JSON-RPC over TCP, a question is a line. `result` is a list of texts, many of them lists separated by `;`.
- [0] version and coin, "6.2c - ETH"; [1] *minutes*; [2] "rate;accepted;rejected" and [3] "rate;rate;…" in kH/s, but in
  H/s by Claymore's XMR and ZEC editions and by TT-Miner; [4] and [5] the same for the second coin ("off" for a card
  that does not mine); [6] "°C;%;°C;%;…"; [7] pools; [8] "invalid;switches;invalid;switches".
- `miner_getstat2` adds, among others, [15]: the PCI bus of every card, decimal.
"""

from __future__ import annotations

from msgspec import Struct

from rigfarm.sentry.miners import lenient, pci
from rigfarm.sentry.miners.adapter import Answers, MinerAdapter, Tcp
from rigfarm.sentry.readings import MinerReading
from rigfarm.wire.log import Device, Workload

_IN_HASHES = ("XMR", "ZEC")
_BUSES = 15
_MAX_ITEMS = 1024


class _Reply(Struct):
    result: list[str | None] = []


class _Totals(Struct):
    """`rate;shares;rejected`."""

    rate: float | None
    accepted: int | None
    rejected: int | None


def parse(answers: Answers) -> MinerReading | None:
    """The answers to `miner_getstat1` and, where it knows that one, `miner_getstat2`."""
    reply = lenient.read(answers.get("getstat1"), _Reply)
    if reply is None or len(reply.result) < 4:
        return None
    extended = lenient.read(answers.get("getstat2"), _Reply) or _Reply()
    fields = [field or "" for field in reply.result] + [""] * 9
    version, _, coin = fields[0].partition(" - ")
    factor = 1.0 if coin.strip().upper() in _IN_HASHES or version.startswith("TT-Miner") else 1e3
    lists = [_numbers(fields[3], factor)]
    workloads = [_workload(fields, 0, factor)]
    second, its_rates = _totals(fields[4], factor), _numbers(fields[5], factor)
    if second.rate or second.accepted or any(its_rates):
        lists.append(its_rates)
        workloads.append(_workload(fields, 1, factor))
    buses = extended.result[_BUSES] if len(extended.result) > _BUSES else None
    used = [part.strip() != "off" for part in fields[3].split(";")[:_MAX_ITEMS]]
    return MinerReading(workloads=workloads, devices=_devices(lists, _sensors(fields[6], used), _numbers(buses or "")))


def _workload(fields: list[str], position: int, factor: float) -> Workload:
    version, _, coin = fields[0].partition(" - ")
    totals = _totals(fields[2 + 2 * position], factor)
    minutes = _number(fields[1])
    pools = fields[7].split(";")
    invalid = fields[8].split(";")
    return Workload(
        version=version.removeprefix("TT-Miner").strip(" -/") or None,
        coin=coin.strip() if position == 0 else None,
        hashrate=totals.rate,
        accepted=totals.accepted,
        rejected=totals.rejected,
        invalid=_count(invalid[2 * position]) if 2 * position < len(invalid) else None,
        pool=pools[position] if position < len(pools) else None,
        uptime_s=minutes * 60 if minutes is not None else None,
    )


def _devices(lists: list[list[float | None]], sensors: list[float | None], buses: list[float | None]) -> list[Device]:
    return [
        Device(
            kind="gpu",
            index=position,
            id=pci.normalise(_at(buses, position)),
            hashrates=[_at(rates, position) for rates in lists],
            core_c=_at(sensors, 2 * position),
            fan_percent=_at(sensors, 2 * position + 1),
        )
        for position in range(len(lists[0]))
    ]


def _sensors(text: str, used: list[bool]) -> list[float | None]:
    """°C and % of every card. They are told in pairs, of all cards or of those that are not off; of any other number
    it is unknown which is a temperature and which a fan, or whose."""
    told = _numbers(text)
    if len(told) >= 2 * len(used) and len(told) % 2 == 0:
        return told
    if len(told) != 2 * sum(used):
        return []
    values = iter(told)
    return [next(values) if card else None for card in used for _ in range(2)]


def _totals(text: str, factor: float) -> _Totals:
    parts = [*text.split(";"), "", "", ""]
    rate = _number(parts[0])
    return _Totals(rate * factor if rate is not None else None, _count(parts[1]), _count(parts[2]))


def _numbers(text: str, factor: float = 1.0) -> list[float | None]:
    """`30502;off;30297`: what is no number is unknown and keeps its place."""
    numbers = [_number(part) for part in text.split(";")[:_MAX_ITEMS]] if text else []
    return [number * factor if number is not None else None for number in numbers]


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _at(items: list[float | None], position: int) -> float | None:
    return items[position] if position < len(items) else None


def question(method: str, *, optional: bool = False) -> Tcp:
    """One method of the protocol as a request, named after it without `miner_`."""
    line = b'{"id":0,"jsonrpc":"2.0","method":"%s"}\n' % method.encode()
    return Tcp(method.removeprefix("miner_"), line, optional)


ADAPTER = MinerAdapter(
    name="phoenixminer",
    software="PhoenixMiner",
    requests=(question("miner_getstat1"), question("miner_getstat2", optional=True)),
    parse=parse,
    api_arguments="-cdm 1 -cdmport 127.0.0.1:$API_PORT -wdog 0",
)
