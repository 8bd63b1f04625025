"""`python -m rigfarm.simulate.asic`: a farm of fake ASICs until Ctrl-C."""

from __future__ import annotations

import asyncio
import resource
import signal

import click

from rigfarm.simulate.asic.farm import DEFAULT_NETWORK, FakeAsicFarm, mixed
from rigfarm.simulate.asic.makes import makes
from rigfarm.simulate.asic.state import FakeAsic, Fault

__all__ = ["main"]


@click.command()
@click.option("--count", default=40, show_default=True, help="How many devices.")
@click.option("--network", default=DEFAULT_NETWORK, show_default=True, help="Loopback network they live in.")
@click.option("--make", "only", multiple=True, type=click.Choice(list(makes())), help="Only this make (may repeat).")
@click.option("--silent", default=0, help="How many of the last ones accept connections and never answer.")
@click.option("--gone", default=0, help="How many of the last ones have no open port at all.")
@click.option("--fault", type=click.Choice([one.value for one in Fault]), help="What goes wrong with all of them.")
@click.option("--steady", is_flag=True, help="Answer exactly as recorded.")
def main(
    count: int, network: str, only: tuple[str, ...], silent: int, gone: int, fault: str | None, steady: bool
) -> None:
    """Serve fake ASICs on loopback addresses, one line per device, until interrupted."""
    devices, left_out = mixed(count, only, steady=steady)
    for device in devices:
        device.fault = Fault(fault or Fault.NONE)
    if left_out:
        click.echo(left_out)
    asyncio.run(_serve(devices, network, silent, gone))


async def _serve(devices: list[FakeAsic], network: str, silent: int, gone: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with FakeAsicFarm(devices, network) as farm:
        addresses = list(farm.devices)
        for ip in addresses[len(addresses) - gone :]:
            farm.unplug(ip)
        for ip in addresses[len(addresses) - gone - silent : len(addresses) - gone]:
            farm[ip].fault = Fault.SILENT
        for ip in addresses:
            click.echo(f"{ip} {makes()[farm[ip].make].what}")
        click.echo(f"ready: {len(addresses)} devices; Ctrl-C ends them")
        await stop.wait()


if __name__ == "__main__":
    main()
