"""The load's logs are real ones."""

from __future__ import annotations

from rigfarm.wire.codec import decode_log
from support.load import Stamped, a_log


def test_a_stamped_log_is_the_same_at_another_time() -> None:
    log = a_log(7, 1_700_000_000_000)
    log.t = 1_800_000_000_123
    assert decode_log(Stamped(a_log(7, 1_700_000_000_000)).at(1_800_000_000_123)) == log
