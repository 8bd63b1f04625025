"""`rigfarm commander` in a process of its own, with the small application of these tests in place of the whole one:
what is tested is how it starts, answers and ends, and that must not depend on what else a page shows."""

from __future__ import annotations

import sys
from types import ModuleType

from gated import make_app
from litestar import Litestar

from rigfarm.commander.cli import commander
from rigfarm.commander.identity.certificate import Certificate
from rigfarm.commander.settings import Settings


def create_app(settings: Settings, certificate: Certificate | None) -> Litestar:
    assert certificate is None
    return make_app(settings)[0]


if __name__ == "__main__":
    small = ModuleType("rigfarm.commander.app")
    small.create_app = create_app  # type: ignore[attr-defined]
    sys.modules["rigfarm.commander.app"] = small
    commander(prog_name="rigfarm commander")
