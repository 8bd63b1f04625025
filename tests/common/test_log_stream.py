"""A log that cannot be written ends nothing."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Callable, Iterator
from typing import TextIO

import pytest
import structlog

from rigfarm.common.log_output import configure_log
from rigfarm.sentry.logging import LINES, LINES_PER_S, configure

SIDES: dict[str, Callable[[TextIO], None]] = {
    "commander": lambda stream: configure_log("info", "text", stream),
    "sentry": lambda stream: configure("info", stream),
}


@pytest.fixture(autouse=True)
def usual_log() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    logging.basicConfig(force=True)


def unbuffered(file: int) -> TextIO:
    """As a program's stderr is."""
    return io.TextIOWrapper(open(file, "wb", buffering=0), write_through=True)


@pytest.mark.parametrize("side", SIDES)
def test_a_full_disk_takes_no_line_and_raises_nothing(side: str) -> None:
    with unbuffered(os.open("/dev/full", os.O_WRONLY)) as full:
        SIDES[side](full)
        structlog.get_logger().info("an event", rig=7)
        logging.getLogger("a library").error("something")
        with pytest.raises(OSError, match="No space left"):
            full.write("what is no log is told")


@pytest.mark.parametrize("side", SIDES)
def test_a_reader_that_has_gone_raises_nothing(side: str) -> None:
    reading, writing = os.pipe()
    with unbuffered(writing) as pipe:
        SIDES[side](pipe)
        structlog.get_logger().info("somebody reads this")
        assert b"somebody reads this" in os.read(reading, 1_000)
        os.close(reading)
        structlog.get_logger().info("nobody reads this")
        logging.getLogger("a library").error("nor this")


def test_a_sentry_says_the_same_thing_so_often_and_then_how_often_it_did_not() -> None:
    """A Commander that makes a Sentry warn of every frame would fill the rig's disk with its log."""
    out, now = io.StringIO(), 0.0
    configure("info", out)
    bounded = structlog.get_config()["processors"][0]
    bounded._clock = lambda: now
    log = structlog.get_logger()
    for number in range(5_000):
        log.warning("the same nonsense", number=number)
        log.info("something else") if number < 3 else None
    assert out.getvalue().count("the same nonsense") == LINES
    assert out.getvalue().count("something else") == 3
    now = 1 / LINES_PER_S
    log.warning("the same nonsense")
    assert f"left_out={5_000 - LINES:.0f}" in out.getvalue()
    for number in range(5_000):
        log.warning(f"nonsense {number}")
    assert len(bounded._events) <= 1_000
