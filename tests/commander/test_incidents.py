"""What limits did stands in a bounded register, and in the log once a minute."""

from __future__ import annotations

import pytest

from rigfarm.commander.server.incidents import MAX_INCIDENTS, MAX_LOG_LINES, Incidents


def test_repetitions_are_one_entry_with_a_count() -> None:
    now = [1_000]
    incidents = Incidents(now_ms=lambda: now[0])
    incidents.note("192.0.2.7", "opened too many connections", "further ones are refused")
    now[0] = 5_000
    incidents.note("192.0.2.7", "opened too many connections", "further ones are refused", count=3)
    (entry,) = incidents.all()
    assert (entry.count, entry.first_ms, entry.last_ms) == (4, 1_000, 5_000)


def test_the_most_recent_comes_first_and_a_rig_is_named_by_its_id() -> None:
    incidents = Incidents()
    incidents.note("192.0.2.7", "a", "refused")
    incidents.note("rig-04", "b", "slowed", rig=4)
    incidents.note("192.0.2.7", "a", "refused")
    assert [(one.source, one.rig) for one in incidents.all()] == [("192.0.2.7", None), ("rig-04", 4)]


def test_a_flood_of_sources_stays_bounded_and_pushes_out_the_quietest() -> None:
    incidents = Incidents()
    incidents.note("honest", "a", "refused")
    for number in range(MAX_INCIDENTS):
        incidents.note(f"source {number}", "a", "refused")
    assert len(incidents.all()) == MAX_INCIDENTS
    assert all(one.source != "honest" for one in incidents.all())


def test_long_words_are_cut() -> None:
    incidents = Incidents()
    incidents.note("x" * 10_000, "y" * 10_000, "z" * 10_000)
    (entry,) = incidents.all()
    assert max(len(entry.source), len(entry.kind), len(entry.action)) <= 200


def test_an_attacker_with_many_addresses_cannot_fill_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    incidents = Incidents(monotonic=lambda: now[0])
    for number in range(1_000):
        incidents.note(f"2001:db8:{number:x}::/64", "knocked", "refused")
    assert capsys.readouterr().out.count("a limit acted") == MAX_LOG_LINES
    now[0] = 61.0
    incidents.note("192.0.2.7", "knocked", "refused")
    out = capsys.readouterr().out
    assert "more limits were reached than are in the log" in out
    assert "940" in out
    assert "192.0.2.7" in out
