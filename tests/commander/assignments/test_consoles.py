"""A console is live while somebody looks at it, and costs nothing otherwise."""

from __future__ import annotations

from typing import Any

from rigfarm.commander.assignments.broadcasts import console_channel
from rigfarm.commander.assignments.console.consoles import KEPT_LINES, MAX_WATCHED, Consoles, Screen
from rigfarm.commander.events import Events, WorkWaiting
from rigfarm.commander.live import Hub
from rigfarm.wire.frames import Console, ConsoleWatch


class Viewer:
    def __init__(self) -> None:
        self.heard = 0

    def deliver(self, *_: Any) -> None:
        self.heard += 1

    def channel_closed(self, channel: str) -> None:
        raise AssertionError(channel)


def _look(consoles: Consoles, hub: Hub) -> tuple[Viewer, Screen]:
    viewer = Viewer()
    hub.subscribe(viewer, console_channel(7, 1))
    return viewer, consoles.look(7, 1)


def test_it_works() -> None:
    hub = Hub()
    consoles = Consoles(hub, Events())
    assert consoles.frames(7, 0, connected=True) == []
    viewer, screen = _look(consoles, hub)
    assert consoles.frames(7, 2, connected=False) == [ConsoleWatch(2, 1, True)]
    assert consoles.frames(7, 2, connected=False) == [], "told once"
    consoles.receive(7, Console(2, 1, 0, ["one", "two"]))
    consoles.receive(7, Console(2, 1, 2, ["three"]))
    assert list(screen.lines) == ["one", "two", "three"]
    assert viewer.heard == 2


def test_it_ends_with_its_last_viewer() -> None:
    hub, events = Hub(), Events()
    consoles = Consoles(hub, events)
    first, screen = _look(consoles, hub)
    second, same = _look(consoles, hub)
    assert same is screen
    consoles.frames(7, 0, connected=False)
    hub.unsubscribe(first, console_channel(7, 1))
    consoles.tick()
    assert consoles.frames(7, 0, connected=False) == []
    waiting: list[WorkWaiting] = []
    events.listen(WorkWaiting, waiting.append)
    hub.unsubscribe(second, console_channel(7, 1))
    consoles.tick()
    assert waiting == [WorkWaiting(7)]
    assert consoles.frames(7, 0, connected=False) == [ConsoleWatch(0, 1, False)]
    consoles.receive(7, Console(0, 1, 0, ["late"]))
    assert consoles.screens == {}


def test_a_sentry_that_returns_is_asked_again_and_no_line_is_there_twice() -> None:
    hub = Hub()
    consoles = Consoles(hub, Events())
    _, screen = _look(consoles, hub)
    consoles.frames(7, 0, connected=False)
    consoles.receive(7, Console(0, 1, 10, ["a", "b"]))
    assert consoles.frames(7, 4, connected=True) == [ConsoleWatch(4, 1, True)]
    consoles.receive(7, Console(4, 1, 8, ["y", "z", "a", "b", "c"]))
    assert list(screen.lines)[-3:] == ["a", "b", "c"]
    assert list(screen.lines).count("a") == 1


def test_a_sentry_that_counts_anew_begins_a_new_screen() -> None:
    hub = Hub()
    consoles = Consoles(hub, Events())
    _, screen = _look(consoles, hub)
    consoles.receive(7, Console(0, 1, 0, ["old", "older"]))
    consoles.receive(7, Console(0, 1, 0, ["new"]))
    assert list(screen.lines) == ["new"]
    for start in range(1, 1001, 100):
        consoles.receive(7, Console(0, 1, start, [str(start + n) for n in range(100)]))
    consoles.receive(7, Console(0, 1, 0, ["newer", "newest"]))
    assert list(screen.lines) == ["newer", "newest"]
    assert screen.began == 2


def test_it_is_bounded_and_its_lines_do_nothing() -> None:
    hub = Hub()
    consoles = Consoles(hub, Events())
    _, screen = _look(consoles, hub)
    for start in range(0, 3000, 100):
        consoles.receive(7, Console(0, 1, start, [f"line {start + n}" for n in range(100)]))
    assert len(screen.lines) == KEPT_LINES
    assert screen.lines[-1] == "line 2999"
    consoles.receive(7, Console(0, 1, 3000, ["\x1b[2J\u202e<b>" + "x" * 9000]))
    assert screen.lines[-1].startswith("[2J<b>x")
    assert len(screen.lines[-1]) <= 1000
    consoles.receive(7, Console(0, 1, -5, ["no"]))
    consoles.receive(7, Console(0, 2, 0, ["nobody asked"]))
    assert screen.lines[-1] != "no"


def test_there_are_only_so_many_at_once() -> None:
    hub = Hub()
    consoles = Consoles(hub, Events())
    for rig_id in range(MAX_WATCHED):
        consoles.look(rig_id, 1)
    assert "Too many" in consoles.look(9999, 1).lines[0]
    assert len(consoles.screens) == MAX_WATCHED
