"""cpuminer-opt, and the relatives of ccminer that kept its API (cpuminer-multi, cpuminer-gr, …): CPU only.

Source: `api.c` of cpuminer-opt (API 1.0):

- a command as text over TCP; `summary` answers `NAME=…;VER=…;…|` and a NUL byte, then closes.
- `HS` is H/s, `KHS` kH/s with two decimals, so `HS` is read where there is one: relatives write only `KHS`.
- `FREQ` is kHz, `TEMP` °C, `UPTIME` s. `FAN` is 0 wherever it cannot be told, which is nearly everywhere: not read.
"""

from __future__ import annotations

from rigfarm.sentry.miners.adapter import Answers, MinerAdapter, Tcp
from rigfarm.sentry.readings import MinerReading
from rigfarm.wire.log import Device, Workload

_RATES = (("HS", 1.0), ("KHS", 1e3), ("MHS", 1e6))


def parse(answers: Answers) -> MinerReading | None:
    """The answer to `summary`."""
    fields = _fields(answers.get("summary", b""))
    if "NAME" not in fields or not fields.keys() & {"UPTIME", "ALGO", "ACC"}:
        return None
    rate = next((told * factor for name, factor in _RATES if (told := _number(fields.get(name))) is not None), None)
    kilohertz = _number(fields.get("FREQ"))
    workload = Workload(
        version=fields.get("VER"),
        algorithm=fields.get("ALGO"),
        hashrate=rate,
        accepted=_count(fields.get("ACC")),
        rejected=_count(fields.get("REJ")),
        pool=fields.get("URL", "").lstrip("/") or None,
        uptime_s=_number(fields.get("UPTIME")),
    )
    processor = Device(
        kind="cpu",
        index=0,
        hashrates=[rate],
        core_c=_number(fields.get("TEMP")),
        core_mhz=kilohertz / 1e3 if kilohertz is not None else None,
    )
    return MinerReading(workloads=[workload], devices=[processor])


def _fields(answer: bytes) -> dict[str, str]:
    first, end, _ = answer.decode("utf-8", "replace").partition("|")
    told = first.split(";") if end else first.split(";")[:-1]  # cut off, the last may lack digits
    pairs = (pair.partition("=") for pair in told)
    return {name.strip().upper(): value.strip() for name, equals, value in pairs if equals}


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def _count(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


ADAPTER = MinerAdapter(
    name="cpuminer",
    software="cpuminer-opt",
    requests=(Tcp("summary", b"summary\n"),),
    parse=parse,
    api_arguments="--api-bind 127.0.0.1:$API_PORT",
)
