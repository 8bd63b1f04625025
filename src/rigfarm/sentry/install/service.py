"""The Sentry's service, its command, and a self-contained Sentry's program."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rigfarm.sentry.install.program import (
    COMMAND,
    own_program,
    put_command,
    remove_command,
    remove_older,
    remove_program,
)
from rigfarm.sentry.install.unit import DATA_DIR, unit_text
from rigfarm.service import Service, Systemctl, command, need_root, need_systemd, systemctl_of

__all__ = ["RUN", "UNIT", "install", "uninstall"]

UNIT = "rigfarm-sentry.service"
RUN = ("sentry", "run")
_SERVICE = Service(UNIT, "the Sentry", DATA_DIR, "the rig's token, its logs and mining software")


def install(
    argv: Sequence[str] | None = None,
    *,
    data_dir: Path = DATA_DIR,
    root: Path = Path("/"),
    run: Systemctl | None = None,
) -> list[str]:
    """Write the unit that runs `argv` (this very Sentry, unless told otherwise), enable and start it. Safe to repeat.

    `root` is where the machine's file system is, for an image. Raises InstallError.
    """
    start = list(argv or command(*RUN, root=root))
    text = unit_text(start, data_dir)
    need_root(root)
    own = None if argv else own_program()
    done = put_command(root, start[: -len(RUN)]) if argv is None else []
    need_systemd(root, f"/{COMMAND} sentry run" if argv is None else " ".join(start))
    wrote = _SERVICE.put(text, root, run or systemctl_of(root))
    return [
        wrote,
        *done,
        *(remove_older(own) if own else []),
        f"The Sentry runs {'now and' if root == Path('/') else 'from then on'} at every start of this machine, with "
        f"its data in {data_dir}.",
        f"Its log: journalctl -u {UNIT} -f",
    ]


def uninstall(
    *, root: Path = Path("/"), run: Systemctl | None = None, keep_data: bool = False, own: Path | None = None
) -> list[str]:
    """Stop the service (and so all mining), and remove the unit, what was added to it, and its data. Safe to repeat.

    `own` is the folder of a self-contained Sentry, which goes too, with its command. Raises InstallError.
    """
    need_root(root)
    done = _SERVICE.remove(root, run or systemctl_of(root), keep_data=keep_data)
    done += remove_command(root)
    if own is not None:
        done += remove_program(own)
    return done or ["There is nothing to remove."]
