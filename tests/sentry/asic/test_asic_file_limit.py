"""Thousands of devices need thousands of sockets: the limit is raised, and said when it cannot be."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from rigfarm.sentry.asic.csv_import import Entry
from rigfarm.sentry.asic.limits import raise_file_limit
from support.asic_trial import sentry


class Limits:
    """A process whose limit may be raised to `hard`, and no further."""

    def __init__(self, soft: int, hard: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.soft, self.hard = soft, hard
        monkeypatch.setattr(resource, "getrlimit", lambda which: (self.soft, self.hard))
        monkeypatch.setattr(resource, "setrlimit", self.set)

    def set(self, which: int, limits: tuple[int, int]) -> None:
        if limits[1] > self.hard:
            raise ValueError("not allowed to raise maximum limit")
        self.soft, self.hard = limits


def test_it_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(1024, 1_048_576, monkeypatch)
    assert raise_file_limit(1_000) is None
    assert limits.soft >= 256 + 8 * 1_000


def test_few_devices_need_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(1024, 4096, monkeypatch)
    assert raise_file_limit(50) is None
    assert limits.soft == 1024


def test_it_says_when_it_cannot_be_raised_far_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(1024, 4096, monkeypatch)
    problem = raise_file_limit(1_000)
    assert problem is not None
    assert "8256" in problem
    assert "4096" in problem
    assert "LimitNOFILE" in problem
    assert limits.soft == 4096, "but as far as it goes"


async def test_the_operator_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with sentry(tmp_path) as asics:
        Limits(300, 300, monkeypatch)
        await asics.service.add(*[Entry(f"127.0.9.{i}") for i in range(1, 21)])
        assert any("raise LimitNOFILE" in line for line in asics.told)
