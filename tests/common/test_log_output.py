"""The Commander's own log: one event is one line, whatever is in it, and no secret is in any."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Literal

import pytest
import structlog

from rigfarm.common.log_output import configure_log
from rigfarm.wire.tokens import new_token


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield io.StringIO()
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def test_it_works(out: io.StringIO) -> None:
    configure_log("info", "text", out)
    structlog.get_logger().info("logged in", address="::1", browser="Firefox on Linux", count=3, none=None)
    structlog.get_logger().debug("not shown")
    line = out.getvalue()
    assert line[10] == "T"
    assert line[20:] == ' info    logged in address=::1 browser="Firefox on Linux" count=3 none=None\n'


def test_json_is_for_programs(out: io.StringIO) -> None:
    configure_log("warning", "json", out)
    structlog.get_logger().info("not shown")
    structlog.get_logger().error("disk full", free=0)
    event = json.loads(out.getvalue())
    assert (event["event"], event["level"], event["free"]) == ("disk full", "error", 0)


@pytest.mark.parametrize("form", ["text", "json"])
def test_hostile_values_stay_in_their_line(out: io.StringIO, form: Literal["text", "json"]) -> None:
    configure_log("info", form, out)
    hostile = "rig\n2026-01-01 error fake\r\x1b[2J\x07\u202e\u2028\x00\x9b31m"
    structlog.get_logger().info(hostile, name=hostile, nested={"name": hostile})
    logging.getLogger("library").warning(hostile)
    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert not [char for line in lines for char in line if not char.isprintable()]


def test_a_traceback_is_indented_and_printable(out: io.StringIO) -> None:
    configure_log("info", "text", out)
    try:
        raise RuntimeError("first\n2026-01-01 error fake\x1b[2J")
    except RuntimeError as error:
        structlog.get_logger().error("a request failed", exc_info=error)
        logging.getLogger("library").exception("it failed")
    lines = out.getvalue().splitlines()
    assert sum(not line.startswith("    ") for line in lines) == 2
    assert all(line.isprintable() for line in lines)
    assert "RuntimeError" in out.getvalue()


@pytest.mark.parametrize("prefix", ["rf_", "rk_", "rfe_"])
def test_tokens_and_keys_are_cut(out: io.StringIO, prefix: str) -> None:
    configure_log("info", "text", out)
    token = new_token(prefix)
    structlog.get_logger().info(f"bad token {token}", token=token, headers=[("authorization", f"Bearer {token}")])
    logging.getLogger("library").error("%s", token)
    assert token[len(prefix) :] not in out.getvalue()
    assert out.getvalue().count(f"{prefix}…") == 4


def test_libraries_are_heard_from_warnings_on(out: io.StringIO) -> None:
    configure_log("info", "text", out)
    logging.getLogger("alembic").info("chatter")
    logging.getLogger("httpcore").warning("trouble %d", 7)
    assert out.getvalue()[20:] == " warning trouble 7 library=httpcore\n"
