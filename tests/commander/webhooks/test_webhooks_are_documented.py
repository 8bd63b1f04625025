"""docs/webhooks.md: its example verifies what is really sent, and its table has every event."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from rigfarm.commander.webhooks.actions import Webhooks
from rigfarm.commander.webhooks.delivery.sender import BACKOFF_S
from rigfarm.commander.webhooks.model import EventType, WebhookForm
from rigfarm.units import duration
from support.receiver import Receiver

PAGE = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text()


@pytest.fixture
def verify() -> Callable[[str, dict[str, str], bytes], bool]:
    """The example, as a reader copies it."""
    code = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert code is not None
    names: dict[str, Any] = {}
    exec(code[1], names)
    found: Callable[[str, dict[str, str], bytes], bool] = names["verify"]
    return found


async def test_the_example_verifies_what_is_sent(
    verify: Callable[[str, dict[str, str], bytes], bool], hooks: Webhooks, receiver: Receiver
) -> None:
    hook = await hooks.create(WebhookForm(name="documented", lan=True), receiver.url)
    await hooks.test(hook.id)
    new = await hooks.rotate(hook.id)
    await hooks.test(hook.id)
    first, second = receiver.received
    assert verify(hook.secret, first.headers, first.body)
    assert verify(hook.secret, second.headers, second.body)
    assert verify(new.secret, second.headers, second.body)
    assert not verify(new.secret, first.headers, first.body)
    assert not verify(hook.secret, first.headers, first.body + b" ")
    old = first.headers | {"webhook-timestamp": str(int(first.headers["webhook-timestamp"]) - 301)}
    assert not verify(hook.secret, old, first.body)


def test_every_event_is_in_the_table() -> None:
    table = PAGE[PAGE.index("| type | choice |") :].split("\n\n")[0].splitlines()[2:]
    named = {name for row in table for name in re.findall(r"`([\w.]+)`", row.split("|")[1])}
    assert named == set(get_args(EventType))


def test_the_pauses_are_as_the_page_says() -> None:
    *before, last = [duration(one) for one in BACKOFF_S]
    assert f"after {', '.join(before)} and {last}" in " ".join(PAGE.split())
