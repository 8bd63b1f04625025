"""A message reaches those who look, and nobody else."""

from __future__ import annotations

from collections.abc import Hashable

from rigfarm.commander.live import ALL, Event, Hub


class Listener:
    def __init__(self) -> None:
        self.heard: list[tuple[str, Hashable, str, object]] = []
        self.closed: list[str] = []

    def deliver(self, channel: str, key: Hashable, event: Event, payload: object) -> None:
        self.heard.append((channel, key, event, payload))

    def channel_closed(self, channel: str) -> None:
        self.closed.append(channel)


def test_it_works() -> None:
    hub, index, other = Hub(), Listener(), Listener()
    hub.subscribe(index, "rigs")
    hub.subscribe(other, "asics")
    hub.publish("rigs", "created", "rig-01", key=1)
    assert index.heard == [("rigs", 1, "created", "rig-01")]
    assert other.heard == []


def test_a_page_hears_only_the_keys_in_view() -> None:
    hub, page = Hub(), Listener()
    hub.subscribe(page, "rows", {1, 2})
    for key in (1, 2, 3):
        hub.publish("rows", "updated", None, key=key)
    hub.unsubscribe(page, "rows", {1})
    hub.publish("rows", "updated", None, key=1)
    assert [key for _, key, _, _ in page.heard] == [1, 2]


def test_leaving_leaves_nothing_behind() -> None:
    hub, page = Hub(), Listener()
    hub.subscribe(page, "rows", {1, 2})
    hub.subscribe(page, "rows")
    assert hub.watched("rows")
    hub.unsubscribe(page, "rows", {1, 2, 9})
    hub.unsubscribe(page, "rows", {ALL})
    hub.unsubscribe(page, "never")
    assert not hub.watched("rows")
    assert hub.subscriptions() == 0


def test_a_closed_channel_tells_each_listener_once() -> None:
    hub, page = Hub(), Listener()
    hub.subscribe(page, "rig:1", {1, ALL})
    hub.close("rig:1")
    hub.close("rig:1")
    hub.publish("rig:1", "updated", None, key=1)
    assert page.closed == ["rig:1"]
    assert page.heard == []


def test_a_listener_that_fails_keeps_nothing_from_the_others() -> None:
    """Without this one page's fault stops whatever was telling all pages, and they show old numbers."""

    class Broken(Listener):
        def deliver(self, channel: str, key: Hashable, event: Event, payload: object) -> None:
            raise RuntimeError("broken")

    hub, pages = Hub(), [Listener() for _ in range(5)]
    for subscriber in (*pages[:2], Broken(), *pages[2:], Broken()):
        hub.subscribe(subscriber, "rows")
        hub.subscribe(subscriber, "rows", {1})
    hub.publish("rows", "updated", None, key=1)
    assert [len(page.heard) for page in pages] == [2] * 5
