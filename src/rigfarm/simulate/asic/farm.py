"""A farm of fake ASICs on loopback addresses, each with its own ports, as real ones have."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network
from types import TracebackType

from rigfarm.simulate.asic.makes import Make, makes
from rigfarm.simulate.asic.state import FakeAsic
from rigfarm.simulate.asic.transport import HttpPort, Port, RpcPort

__all__ = ["DEFAULT_NETWORK", "FakeAsicFarm", "can_bind_low_ports", "mixed"]

DEFAULT_NETWORK = "127.0.2.0/23"
_LOW_PORT = 80


def can_bind_low_ports() -> bool:
    """Whether this process may listen on ports below 1024 (root, or CAP_NET_BIND_SERVICE)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.3.254", _LOW_PORT))
        except PermissionError:
            return False
    return True


def mixed(count: int, only: Iterable[str] = (), *, steady: bool = False) -> tuple[list[FakeAsic], str]:
    """A mix of all makes (or of `only` these, in turn), and the line that says which are left out and why."""
    wanted = [makes()[name] for name in only] or list(makes().values())
    low = can_bind_low_ports()
    able = [make for make in wanted if low or min(make.ports) >= 1024]
    left_out = dict.fromkeys(make.what for make in wanted if make not in able)
    line = f"left out, for ports below 1024 need root: {'; '.join(left_out)}" if left_out else ""
    devices = [FakeAsic(able[i % len(able)].name, number=i + 1, steady=steady) for i in range(count if able else 0)]
    return devices, line


class FakeAsicFarm:
    """`async with FakeAsicFarm([FakeAsic("bitaxe"), …]) as farm:` serves them until the block ends.

    A device without an address gets the next free one of `network`. What it does can be changed at any time through
    the FakeAsic itself.
    """

    def __init__(self, devices: Iterable[FakeAsic], network: str = DEFAULT_NETWORK) -> None:
        self.devices: dict[str, FakeAsic] = {}
        self._servers: dict[str, list[asyncio.Server]] = {}
        self._plugged: dict[str, set[Port]] = {}
        self._free = _addresses(network)
        for device in sorted(devices, key=lambda device: not device.ip):
            self._place(device)

    def __getitem__(self, ip: str) -> FakeAsic:
        return self.devices[ip]

    async def __aenter__(self) -> FakeAsicFarm:
        try:
            for ip in self.devices:
                await self.plug_in(ip)
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Take every device off the network."""
        for ip in list(self._servers):
            self.unplug(ip)

    async def plug_in(self, ip: str) -> None:
        """Open its ports."""
        device = self.devices[ip]
        make = makes()[device.make]
        self._plugged[ip] = set()
        self._servers[ip] = [await _listen(device, make, port, self._plugged[ip]) for port in make.ports]

    def unplug(self, ip: str) -> None:
        """Close its ports and cut its connections."""
        for server in self._servers.pop(ip, []):
            server.close()
        for port in list(self._plugged.pop(ip, ())):
            port.cut()

    async def move(self, old: str, new: str) -> None:
        """The device at `old` gets another address, as from a DHCP server."""
        self.unplug(old)
        self.devices[new] = self.devices.pop(old)
        self.devices[new].ip = new
        await self.plug_in(new)

    async def swap(self, one: str, other: str) -> None:
        """Two devices get each other's address."""
        for ip in (one, other):
            self.unplug(ip)
        self.devices[one], self.devices[other] = self.devices[other], self.devices[one]
        for ip in (one, other):
            self.devices[ip].ip = ip
            await self.plug_in(ip)

    async def add(self, device: FakeAsic) -> FakeAsic:
        """One more device, plugged in."""
        self._place(device)
        await self.plug_in(device.ip)
        return device

    def _place(self, device: FakeAsic) -> None:
        if not device.number:
            device.settle(len(self.devices) + 1)
        device.ip = device.ip or next(ip for ip in self._free if ip not in self.devices)
        if device.ip in self.devices:
            raise ValueError(f"two devices at {device.ip}")
        self.devices[device.ip] = device


def _addresses(network: str) -> Iterator[str]:
    for address in IPv4Network(network).hosts():
        if not address.is_loopback:
            raise ValueError(f"{network} is not a loopback network")
        yield str(address)


async def _listen(device: FakeAsic, make: Make, port: int, plugged: set[Port]) -> asyncio.Server:
    kind: type[Port] = RpcPort if make.ports[port] == "rpc" else HttpPort
    return await asyncio.get_running_loop().create_server(
        lambda: kind(device, make, plugged), device.ip, port, reuse_address=True, backlog=64
    )
