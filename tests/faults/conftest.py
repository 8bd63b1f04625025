"""Which promises take long to show, even in short form: `make test-long` runs these."""

from __future__ import annotations

import pytest

LONG = {
    "test_a_local_user_gets_no_more",
    "test_a_rule_acts_once",
    "test_a_stranger_harms_nobody",
    "test_acknowledged_survives_kill",
    "test_an_impostor_gets_nothing",
    "test_backfill_in_order",
    "test_backup_under_load",
    "test_children_die_with_their_sentry",
    "test_clock_jumps_are_harmless",
    "test_commander_disk_full",
    "test_ended_sessions_stay_ended",
    "test_frames_fuzzed",
    "test_hostile_requests_are_answered",
    "test_hostile_text_is_text",
    "test_injection_impossible",
    "test_login_cannot_be_guessed",
    "test_no_forged_request",
    "test_no_input_ends_a_sentry",
    "test_no_part_ends",
    "test_no_route_without_login",
    "test_no_stale_value_looks_live",
    "test_nothing_in_circles",
    "test_nothing_leaks",
    "test_nothing_stored_twice",
    "test_only_a_removal_stops_mining",
    "test_partition",
    "test_programs_outlast_an_update",
    "test_reconnect_storm",
    "test_removal_takes_effect_on_contact",
    "test_removed_token_is_refused_at_once",
    "test_restored_disk",
    "test_revoked_means_revoked_under_way",
    "test_secrets_never_leak",
    "test_slow_browser_hurts_nobody",
    "test_spool_is_bounded",
    "test_the_api_by_its_own_description",
    "test_valid_token_harms_only_its_rig",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those of them that are collected."""
    for item in items:
        if item.path.stem in LONG and item.path.parent.name == "faults":
            item.add_marker(pytest.mark.slow)
