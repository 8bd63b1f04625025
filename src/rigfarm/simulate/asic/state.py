"""One fake ASIC: who it is, what it is doing, and what has been done to it."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

__all__ = ["FakeAsic", "FakePool", "Fault", "Traffic"]


class Fault(StrEnum):
    """What goes wrong with it, from now until it is set to something else."""

    NONE = "none"
    SILENT = "silent"  # accepts the connection and never says a word
    RESET = "reset"  # resets the connection once it was asked
    GARBAGE = "garbage"  # random bytes
    HALF = "half"  # half of the answer, then the connection ends
    DRIP = "drip"  # a byte now and then
    HUGE = "huge"  # an answer that never ends
    TLS = "tls"  # speaks TLS where it was not asked for
    EMPTY = "empty"  # closes without an answer
    HOSTILE = "hostile"  # control characters, bidi overrides, markup and novels in every name
    MANGLED = "mangled"  # something of all that, and bytes that flipped, by its dice
    NONSENSE = "nonsense"  # negative, 1e308, text or null for every number


@dataclass
class FakePool:
    url: str
    user: str
    password: str = "x"  # noqa: S105 - what pools expect when there is none


@dataclass
class Traffic:
    """What its network port saw: the tests ask it whether the Sentry was gentle and kept secrets to their owner."""

    open: int = 0
    """Connections, those that are merely kept alive included."""
    peak: int = 0
    total: int = 0
    busy: int = 0
    """Questions that are being answered."""
    busy_peak: int = 0
    asked: Counter[str] = field(default_factory=Counter)
    answering: Counter[str] = field(default_factory=Counter)
    twice_at_once: int = 0
    """Times a question came while the same one was still being answered."""
    logins: set[tuple[str, str]] = field(default_factory=set)
    """(user, password) that were tried; of a digest login only the user is visible."""

    def connected(self) -> None:
        self.open += 1
        self.total += 1
        self.peak = max(self.peak, self.open)

    def disconnected(self) -> None:
        self.open -= 1

    def begin(self, question: str) -> None:
        self.asked[question] += 1
        if self.answering[question]:
            self.twice_at_once += 1
        self.answering[question] += 1
        self.busy += 1
        self.busy_peak = max(self.busy_peak, self.busy)

    def end(self, question: str) -> None:
        self.answering[question] -= 1
        self.busy -= 1


@dataclass
class FakeAsic:
    """A device of the farm. Set anything at any time: its next answer says so."""

    make: str
    ip: str = ""
    number: int = 0
    steady: bool = False
    """Answer exactly as recorded, without variety and wandering."""
    username: str | None = None
    password: str | None = None
    """What it wants for a login; None: what the make ships with."""
    write_open: bool = False
    """Whether its cgminer API grants write access to anyone."""
    fault: Fault = Fault.NONE
    dead_boards: set[int] = field(default_factory=set)
    hotter_c: float = 0.0
    """Degrees more than usual: its air is blocked."""
    restart_s: float = 2.0
    answer_delay_s: float = 0.0
    firmware: str | None = None
    """Firmware version to claim instead of the recorded one."""
    mac: str | None = None
    serial: str | None = None
    dice: Random = field(default_factory=lambda: Random(0))
    """What decides how answers are mangled."""
    clock: Callable[[], float] = time.monotonic

    ignores_orders: bool = False
    """Whether it says yes to every order and does nothing."""
    paused: bool = False
    blinking: bool = False
    power_limit_w: float | None = None
    pools: list[FakePool] | None = None
    commands: list[str] = field(default_factory=list)
    traffic: Traffic = field(default_factory=Traffic)
    _born: float = field(init=False)
    _down_until: float = field(init=False, default=0.0)
    _random: Random = field(init=False)

    def __post_init__(self) -> None:
        self._born = self.clock()
        self.settle(self.number)

    def settle(self, number: int) -> None:
        """Become the device of this number: its names and peculiarities follow from it."""
        self.number = number
        self._random = Random(f"{self.make} {number}")
        if number and not self.steady:
            self.mac = (
                self.mac
                or f"02:a5:1c:{self.number >> 16 & 255:02x}:{self.number >> 8 & 255:02x}:{self.number & 255:02x}"
            )
            self.serial = self.serial or f"FAKE{self.number:08d}"
        self._share = self._random.uniform(0.96, 1.04)
        self._warmer = self._random.uniform(-3.0, 4.0)
        self._phase = self._random.uniform(0, 2 * math.pi)
        self._seniority = self._random.uniform(0, 2_000_000)

    @property
    def running_s(self) -> float:
        """Seconds since it was made or last restarted."""
        return self.clock() - self._born

    @property
    def restarting(self) -> bool:
        return self.clock() < self._down_until

    @property
    def rate(self) -> float:
        """Its hashrate as a share of the recorded one."""
        if self.paused:
            return 0.0
        if self.steady:
            return 1.0
        t = self.clock()
        return self._share * (1 + 0.012 * math.sin(t / 9.7 + self._phase) + 0.006 * math.sin(t / 2.3 + 2 * self._phase))

    @property
    def warmer_c(self) -> float:
        """Degrees above the recorded temperature."""
        if self.steady:
            return self.hotter_c
        return round(self._warmer + self.hotter_c + 1.5 * math.sin(self.clock() / 41 + self._phase), 1)

    def seconds(self, recorded: float) -> int:
        """Its uptime, s, where the recorded device had `recorded`."""
        if self.steady and not self.commands:
            return int(recorded)
        return int(self.running_s + (self._seniority if not self.commands.count("restart") else 0))

    def shares(self, recorded: float) -> int:
        """A counter that was `recorded` and grows with time."""
        return int(recorded) if self.steady else int(recorded + self.running_s * 0.2 * self.rate)

    def restart(self) -> None:
        """Be gone for `restart_s`, then start at uptime 0."""
        if not self._takes("restart"):
            return
        self._down_until = self.clock() + self.restart_s
        self._born = self._down_until
        self.paused = False
        self.blinking = False

    def pause(self) -> None:
        self.paused = self._takes("pause") or self.paused

    def resume(self) -> None:
        self.paused = self.paused and not self._takes("resume")

    def locate(self, on: bool) -> None:
        if self._takes(f"locate {'on' if on else 'off'}"):
            self.blinking = on

    def limit_power(self, watts: float) -> None:
        if self._takes(f"power-limit {watts:g}"):
            self.power_limit_w = watts

    def set_pools(self, pools: list[FakePool]) -> None:
        if self._takes("set-pools"):
            self.pools = pools

    def forget_orders(self) -> None:
        """Go back to what it did before it was given any, as some firmwares do after a while."""
        self.paused, self.power_limit_w, self.pools = False, None, None

    def _takes(self, order: str) -> bool:
        """Note an order; whether it is carried out."""
        self.commands.append(order)
        return not self.ignores_orders
