"""What mining programs and the Commander may do on this machine, by its sentry.toml."""

from __future__ import annotations

import os
from pathlib import Path

from rigfarm.sentry.doctor.finding import Finding
from rigfarm.sentry.install import UNIT, Grants
from rigfarm.sentry.processes.access import AccessError, Account, Policy, account_for
from rigfarm.service import FOLDER

__all__ = ["check_privileges", "check_units"]


def check_privileges(policy: Policy, allow_power: bool) -> list[Finding]:
    """As the Sentry of this user would do it."""
    return [_programs(policy), _allowed(policy, allow_power)]


def _programs(policy: Policy) -> Finding:
    what = "User of programs"
    if os.geteuid() != 0:
        detail = (
            "a Sentry of this user runs programs as this user too: they can read what it can, its token included. As "
            "root (`sudo rigfarm sentry install`) it runs them as a user of their own"
        )
        return Finding("absent", what, detail)
    try:
        account = account_for(None, policy)
    except AccessError as error:
        return Finding("problem", what, str(error), f"Create {policy.user}, or change programs_user in sentry.toml.")
    if account is None:
        detail = "programs run as root: they can do anything on this machine, and so can anyone who changes playbooks"
        return Finding("problem", what, detail, "Remove programs_user from sentry.toml, and restart the Sentry.")
    return Finding("ok", what, _words(account))


def check_units(policy: Policy, allow_power: bool, machine: Path) -> list[Finding]:
    """Whether systemd does what sentry.toml allows, where the Sentry is a service."""
    root = machine.resolve()
    if not (root / FOLDER / UNIT).is_file():
        return []
    there = Grants.installed(root)
    wanted = Grants((policy.user, *policy.also), policy.tuning, allow_power)
    missing = [words for words in wanted.words() if words not in there.words()]
    if not missing:
        return []
    detail = f"its sentry.toml lets the Commander {', '.join(missing)}; the service was installed without that"
    return [Finding("problem", "Allowed to the Commander", detail, "Run `sudo rigfarm sentry install` again.")]


def _words(account: Account) -> str:
    groups = "the groups of the graphics devices" if account.groups else "no other groups"
    return f"{account.name} (user {account.uid}), with {groups} and no privileges"


def _allowed(policy: Policy, allow_power: bool) -> Finding:
    allowed = [
        *(f"run programs as {name} (allow_users)" for name in policy.also),
        *(["raise their priority above the system's (allow_tuning)"] if policy.tuning else []),
        *(["reboot this machine and switch it off (allow_power)"] if allow_power else []),
    ]
    what = "Allowed to the Commander"
    if not allowed:
        return Finding("ok", what, "to run pinned programs as an unprivileged user, and nothing else")
    return Finding("ok", what, f"sentry.toml lets it {', '.join(allowed)}")
