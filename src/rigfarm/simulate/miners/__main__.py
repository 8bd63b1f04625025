"""A fake mining program as a process: `python -m rigfarm.simulate.miners xmrig --port 18080`."""

from __future__ import annotations

import argparse
import asyncio
import signal
from dataclasses import replace
from typing import get_args

from rigfarm.simulate.miners.console import banner, report
from rigfarm.simulate.miners.faults import Fault
from rigfarm.simulate.miners.model import Algorithm, Cpu, Model, gpus
from rigfarm.simulate.miners.program import programs
from rigfarm.simulate.miners.server import FakeMiner


def main(arguments: list[str] | None = None) -> None:
    """Serve until SIGINT or SIGTERM."""
    options = _parser().parse_args(arguments)
    fake = FakeMiner(
        options.program,
        _model(programs()[options.program].example, options),
        host=options.host,
        port=options.port,
        fault=options.fault,
        started_ago_s=options.started_ago,
    )
    asyncio.run(_serve(fake, options.report_every))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rigfarm.simulate.miners", description=__doc__)
    parser.add_argument("program", choices=sorted(programs()))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: a free one, printed")
    parser.add_argument(
        "--mine", action="append", metavar="ALGORITHM:COIN:RATE", help="RATE: H/s of one device; twice for dual"
    )
    parser.add_argument("--gpus", type=int, help="how many equal cards")
    parser.add_argument("--dead", type=int, action="append", default=[], metavar="INDEX", help="a card that hangs")
    parser.add_argument("--version-number", help="the version it claims to be")
    parser.add_argument("--warmup", type=float, help="s until the first hashrate")
    parser.add_argument("--paused", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fault", choices=get_args(Fault))
    parser.add_argument("--started-ago", type=float, default=0.0, metavar="S")
    parser.add_argument("--report-every", type=float, default=10.0, metavar="S")
    return parser


def _model(example: Model, options: argparse.Namespace) -> Model:
    mined = [entry.split(":") for entry in options.mine or []]
    algorithms = tuple(Algorithm(name, coin) for name, coin, _ in mined) or example.algorithms
    rates = tuple(float(rate) for *_, rate in mined) or (example.gpus[0].rates if example.gpus else ())
    count = options.gpus if options.gpus is not None else len(example.gpus)
    cards = gpus(count, *rates, name=example.gpus[0].name) if example.gpus else ()
    return replace(
        example,
        algorithms=algorithms,
        gpus=tuple(replace(card, dead=index in options.dead) for index, card in enumerate(cards)),
        cpu=replace(example.cpu, rates=rates or example.cpu.rates) if isinstance(example.cpu, Cpu) else None,
        version=options.version_number or example.version,
        warmup_s=example.warmup_s if options.warmup is None else options.warmup,
        paused=options.paused,
        seed=options.seed,
    )


async def _serve(fake: FakeMiner, report_every_s: float) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with fake:
        _say(*banner(fake.program.software, fake.now(), f"{fake.host}:{fake.port}"))
        while not stop.is_set():
            try:
                await asyncio.wait_for(stop.wait(), report_every_s)
            except TimeoutError:
                _say(*report(fake.now()))


def _say(*lines: str) -> None:
    for line in lines:
        print(line, flush=True)


if __name__ == "__main__":
    main()
