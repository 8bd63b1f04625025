"""From an order to what is run: the exact arguments, user, folder and environment."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from rigfarm.sentry.playbooks.access import AccessError, account_for, open_way, own_home
from rigfarm.sentry.playbooks.devices import select
from rigfarm.sentry.playbooks.disk import make_folder
from rigfarm.sentry.playbooks.process import Program
from rigfarm.sentry.playbooks.surroundings import Surroundings, environment
from rigfarm.sentry.readings import WorkloadSource
from rigfarm.wire.playbooks import PlaybookOrder
from rigfarm.wire.template import TemplateError, arguments

__all__ = ["Plan", "PlanError", "make_plan", "prepare"]


class PlanError(Exception):
    """This order cannot be carried out on this rig; the text says why and what to do."""


class Plan(Struct, frozen=True):
    """One way to run one playbook's program."""

    order: PlaybookOrder
    program: Program
    port: int
    signature: bytes
    """Alike for orders that differ in nothing a running program would notice; the stats port is left out."""
    note: str = ""
    """What is not quite as ordered, for the status."""

    def source(self) -> WorkloadSource:
        """Where its program answers."""
        order = self.order
        return WorkloadSource(
            adapter=order.adapter,
            port=self.port,
            coins=[workload.coin for workload in order.workloads],
            software=order.archive.software,
            version=order.archive.version,
            wallet=next((workload.wallet for workload in order.workloads if workload.wallet), None),
            worker=order.variables.get("WORKER_NAME"),
            playbook=order.id,
        )


def make_plan(order: PlaybookOrder, executable: Path, port: int, rig: Surroundings) -> Plan:
    """Decide everything, do nothing. Raises PlanError."""
    try:
        argv = arguments(order, port)
        portless = arguments(order, 0)
        account = account_for(order.run_as, rig.settings.policy)
    except (TemplateError, AccessError) as error:
        raise PlanError(str(error)) from None
    selection = select(order.devices, rig.settings.sysfs)
    if order.devices and not selection.found:
        raise PlanError(f"none of its graphics cards is in this rig: {', '.join(selection.missing)}")
    nice, notes = order.nice, []
    if nice is not None and nice < 0 and not rig.settings.policy.tuning:
        notes.append(f"runs with priority 0, not {nice}: this rig's sentry.toml does not have allow_tuning = true")
        nice = 0
    if selection.missing:
        notes.append(f"runs without {', '.join(selection.missing)}, not in this rig")
    program = Program(
        path=str(executable),
        arguments=argv,
        cwd=str(rig.work_folder(order.id)),
        env=environment(rig.work_folder(order.id), selection.env),
        mark=f"{rig.mark}{order.id}",
        account=account,
        nice=nice,
        affinity=order.affinity,
    )
    same = msgspec.structs.replace(program, arguments=portless, env=selection.env)
    return Plan(order, program, port, msgspec.msgpack.encode(same), "; ".join(notes))


def prepare(plan: Plan, rig: Surroundings) -> None:
    """In a thread, right before a start: the folders it needs, and its user's way there. Raises PlanError, OSError."""
    home, account = rig.work_folder(plan.order.id), plan.program.account
    make_folder(rig.log_path(plan.order.id).parent)
    own_home(account, home)
    if account is None:
        return
    try:
        for place in (Path(plan.program.path), home):
            open_way(account, place, rig.data_dir)
    except AccessError as error:
        raise PlanError(str(error)) from None
