"""The last 24 hours of each coin's total hashrate, for the sparklines: means of quarter hours."""

from __future__ import annotations

from msgspec import Struct, field

from rigfarm.commander.stats.totals import Totals

__all__ = ["BUCKETS", "Day"]

BUCKET_S = 900.0
BUCKETS = 96
MAX_COINS = 500
"""Beyond, of those that no rig mines any more, the one with the shortest past makes room."""


class _Course(Struct):
    """Means by number of the quarter hour since 1970; those of no sample are missing."""

    means: dict[int, float] = field(default_factory=dict)
    total: float = 0.0
    samples: int = 0


class Day(Struct):
    """Of one kind of rig. Hashrates in H/s; times are UTC s."""

    coins: dict[str, _Course] = field(default_factory=dict)
    bucket: int = 0

    def sample(self, totals: Totals, now_s: float) -> None:
        """Note the totals of this moment; called at a steady pace."""
        bucket = int(now_s // BUCKET_S)
        if bucket != self.bucket:
            self._close(bucket)
        for coin, sums in totals.coins.items():
            course = self.coins.get(coin)
            if course is None:
                if len(self.coins) >= MAX_COINS and not self._make_room(totals):
                    continue
                course = self.coins[coin] = _Course()
            course.total += sums.hashrate
            course.samples += 1

    def _make_room(self, totals: Totals) -> bool:
        """A rig that mines ever new coins must not keep the courses of others' coins out."""
        gone = [coin for coin in self.coins if coin not in totals.coins]
        if not gone:
            return False
        del self.coins[min(gone, key=lambda coin: (len(self.coins[coin].means), self.coins[coin].samples))]
        return True

    def _close(self, bucket: int) -> None:
        """The quarter hour is over."""
        for coin, course in list(self.coins.items()):
            if course.samples:
                course.means[self.bucket] = course.total / course.samples
            course.total, course.samples = 0.0, 0
            course.means = {at: mean for at, mean in course.means.items() if bucket - at < BUCKETS}
            if not course.means:
                del self.coins[coin]
        self.bucket = bucket

    def sparks(self) -> dict[str, list[float | None]]:
        """Evenly spaced means by coin, oldest first, the running quarter hour last. A quarter hour that mined none of
        a coin is zero between others, and unknown before the first."""
        return {coin: self._spark(course) for coin, course in self.coins.items()}

    def _spark(self, course: _Course) -> list[float | None]:
        means = dict(course.means)
        if course.samples:
            means[self.bucket] = course.total / course.samples
        if not means:
            return []
        first = min(means)
        span = range(self.bucket - BUCKETS + 1, self.bucket + 1)
        return [means.get(at, 0.0) if at >= first else None for at in span]
