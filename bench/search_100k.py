"""A hundred thousand rigs, ten times those that every build must hold."""

from __future__ import annotations

from bench.search import measure


def main() -> None:
    """The size we are proud of."""
    measure(100_000, 150)


if __name__ == "__main__":
    main()
