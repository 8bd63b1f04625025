"""From an assigned playbook to what is run: the exact arguments, user, folder and environment."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from rigfarm.sentry.playbooks.devices import select
from rigfarm.sentry.playbooks.surroundings import Surroundings, environment
from rigfarm.sentry.processes.access import AccessError, account_for, open_way, own_home
from rigfarm.sentry.processes.disk import make_folder
from rigfarm.sentry.processes.process import Program
from rigfarm.sentry.readings import WorkloadSource
from rigfarm.wire.playbooks import AssignedPlaybook
from rigfarm.wire.template import TemplateError, arguments

__all__ = ["Plan", "PlanError", "make_plan", "prepare"]


class PlanError(Exception):
    """This playbook cannot be run on this rig; the text says why and what to do."""


class Plan(Struct, frozen=True):
    """One way to run one playbook's program."""

    assigned: AssignedPlaybook
    program: Program
    port: int
    signature: bytes
    """Alike for playbooks that differ in nothing a running program would notice; the stats port is left out."""
    note: str = ""
    """What is not quite as assigned, for the status."""
    cards: list[str] = []
    """The graphics cards that it was given to see, where it numbers them by their addresses alone."""

    def source(self) -> WorkloadSource:
        """Where its program answers."""
        assigned = self.assigned
        return WorkloadSource(
            adapter=assigned.adapter,
            port=self.port,
            coins=[workload.coin for workload in assigned.workloads],
            software=assigned.archive.software,
            version=assigned.archive.version,
            wallet=next((workload.wallet for workload in assigned.workloads if workload.wallet), None),
            worker=assigned.variables.get("WORKER_NAME"),
            playbook=assigned.id,
            cards=self.cards,
        )


def make_plan(assigned: AssignedPlaybook, executable: Path, port: int, rig: Surroundings) -> Plan:
    """Decide everything, do nothing. Raises PlanError."""
    try:
        argv = arguments(assigned, port)
        portless = arguments(assigned, 0)
        account = account_for(assigned.run_as, rig.settings.policy, rig.settings.services)
    except (TemplateError, AccessError) as error:
        raise PlanError(str(error)) from None
    selection = select(assigned.devices, rig.settings.sysfs)
    if assigned.devices and not selection.found:
        raise PlanError(f"none of its graphics cards is in this rig: {', '.join(selection.missing)}")
    nice, notes = assigned.nice, []
    if nice is not None and nice < 0 and not rig.settings.policy.tuning:
        notes.append(f"runs with priority 0, not {nice}: this rig's sentry.toml does not have allow_tuning = true")
        nice = 0
    if selection.missing:
        notes.append(f"runs without {', '.join(selection.missing)}, not in this rig")
    home, services = rig.work_folder(assigned.id, account), rig.settings.services
    program = Program(
        path=str(executable),
        arguments=argv,
        cwd=str(home),
        env=environment(home, selection.env),
        mark=f"{rig.mark}{assigned.id}",
        account=account,
        supervisors=str(services.programs(account.name)) if services is not None and account is not None else None,
        nice=nice,
        affinity=assigned.affinity,
    )
    same = msgspec.structs.replace(program, arguments=portless, env=selection.env)
    return Plan(assigned, program, port, msgspec.msgpack.encode(same), "; ".join(notes), selection.cards)


def prepare(plan: Plan, rig: Surroundings) -> None:
    """In a thread, right before a start: the folders it needs, and its user's way there. Raises PlanError, OSError."""
    home, account = Path(plan.program.cwd), plan.program.account
    ours = plan.program.supervisors is None
    make_folder(rig.log_path(plan.assigned.id).parent)
    if ours:
        own_home(account, home)
    if account is None:
        return
    try:
        for place in (Path(plan.program.path), *([home] if ours else [])):
            open_way(account, place, rig.data_dir)
    except AccessError as error:
        raise PlanError(str(error)) from None
