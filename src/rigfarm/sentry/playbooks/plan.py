"""From an order to what is run: the exact arguments, user, folder and environment."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from rigfarm.sentry.playbooks.access import AccessError, check_user, open_way
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
        if order.run_as is not None:
            check_user(order.run_as)
    except (TemplateError, AccessError) as error:
        raise PlanError(str(error)) from None
    selection = select(order.devices, rig.settings.sysfs)
    if order.devices and not selection.found:
        raise PlanError(f"none of its graphics cards is in this rig: {', '.join(selection.missing)}")
    program = Program(
        path=str(executable),
        arguments=argv,
        cwd=str(executable.parent),
        env=environment(rig.work_folder(order.id), selection.env),
        mark=f"{rig.mark}{order.id}",
        user=order.run_as,
        nice=order.nice,
        affinity=order.affinity,
    )
    same = msgspec.structs.replace(program, arguments=portless, env=selection.env)
    note = f"runs without {', '.join(selection.missing)}, not in this rig" if selection.missing else ""
    return Plan(order, program, port, msgspec.msgpack.encode(same), note)


def prepare(plan: Plan, rig: Surroundings) -> None:
    """In a thread, right before a start: the folders it needs, and its user's way there. Raises PlanError, OSError."""
    home = rig.work_folder(plan.order.id)
    make_folder(home)
    make_folder(rig.log_path(plan.order.id).parent)
    if plan.order.run_as is not None:
        try:
            for place in (Path(plan.program.path), home):
                open_way(plan.order.run_as, place, rig.data_dir, home)
        except AccessError as error:
            raise PlanError(str(error)) from None
