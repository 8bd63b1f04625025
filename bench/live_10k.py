"""Ten thousand rigs, a hundred pages."""

from __future__ import annotations

from bench.live import measure


def main() -> None:
    """The size we are proud of."""
    measure(10_000, 10.0, 100, seconds=20.0)


if __name__ == "__main__":
    main()
