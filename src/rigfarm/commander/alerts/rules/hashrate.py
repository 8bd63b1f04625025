"""A coin's hashrate is too low: against the rig's own normal, against what the device promises, or as a number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from rigfarm.commander.alerts.engine.rule import Farm, Found, Rule, RuleForm, part_name
from rigfarm.commander.fields import form_field
from rigfarm.commander.numbers import read_percent, within, write_percent
from rigfarm.commander.refusals import Invalid
from rigfarm.commander.stats import RigStats
from rigfarm.commander.stats.condition import a_round_runs, by_coin, in_rounds_by_workload
from rigfarm.units import hashrate, parse_hashrate, percent

SLACK = 0.02
"""Of what is compared with: so much more than the limit is well again, or half of the share that may be missing."""
_MIN_HS, _MAX_HS = 1e-3, 1e24


def _read_hashrate(text: str) -> float | None:
    if not text.strip():
        return None
    try:
        return parse_hashrate(text)
    except ValueError as error:
        raise Invalid(f"{str(error)[0].upper()}{str(error)[1:]}.") from None


def _write_hashrate(value: float | None) -> str:
    return "" if value is None else str(hashrate(value))


_share = within(0.01, 0.99, "%", 100.0, optional=True)
_PERCENT = {"check": _share, "read": read_percent, "write": write_percent, "max_length": 8}


class HashrateForm(RuleForm, frozen=True, kw_only=True):
    """Which comparison: those that are empty are not made."""

    below_normal: Annotated[
        float | None,
        form_field(
            "Below its normal by (%)",
            "Its normal is the median of the last 24 hours. Empty: the farm's threshold.",
            group="limits",
            **_PERCENT,
        ),
    ] = None
    below_expected: Annotated[
        float | None,
        form_field(
            "Below what is expected by (%)",
            "What an ASIC says it should make. Empty: not compared.",
            group="limits",
            **_PERCENT,
        ),
    ] = None
    below: Annotated[
        float | None,
        form_field(
            "Below a hashrate",
            "For example 12.5 MH/s. Empty: not compared.",
            group="limits",
            check=within(_MIN_HS, _MAX_HS, "H/s", optional=True),
            read=_read_hashrate,
            write=_write_hashrate,
            max_length=24,
        ),
    ] = None


class Hashrate(Rule[HashrateForm]):
    """By coin."""

    title = "Hashrate too low"
    about = "A coin's hashrate is below the rig's own normal, below what the device promises, or below a number."
    form = HashrateForm
    defaults = (HashrateForm(name="Hashrate far below normal", minutes=10.0, well_minutes=3.0),)
    mining = True

    def bad(self, rig: RigStats, form: HashrateForm, farm: Farm) -> Iterable[Found]:
        """Every coin by itself; one that is mined now and then says nothing, and neither do others meanwhile."""
        log = rig.log
        if log is not None and len(log.workloads) == 1 and form.below is None and form.below_expected is None:
            only = log.workloads[0]  # the usual case ends here
            normal = rig.expected(only.coin or only.algorithm or "?")
            share = farm.marks.shortfall.bad if form.below_normal is None else form.below_normal
            if normal is None or (only.hashrate is not None and only.hashrate > normal * (1.0 - share)):
                return ()
        return [
            Found(text, rate, coin) for coin, rate, text in self._compared(rig, form, farm, 0.0) if text and rate > 0.0
        ]

    def well(self, rig: RigStats, form: HashrateForm, farm: Farm, part: str) -> bool:
        """Above the limit by some slack."""
        return any(part_name(coin) == part and not text for coin, _, text in self._compared(rig, form, farm, SLACK))

    def outdated(self, rig: RigStats, form: HashrateForm, farm: Farm, part: str) -> str:
        """It mines other coins now."""
        rates = {} if rig.log is None else by_coin(rig.log.workloads)
        if any(part_name(coin) == part for coin in rates) or not any(rate for rate, _ in rates.values()):
            return ""
        return f"{part} is no longer mined"

    def _compared(
        self, rig: RigStats, form: HashrateForm, farm: Farm, slack: float
    ) -> Iterable[tuple[str, float, str]]:
        """(coin, H/s, what is wrong or empty) of coins whose hashrate is known."""
        log = rig.log
        if log is None or not log.workloads:
            return
        workloads = log.workloads
        rounds = in_rounds_by_workload(workloads, rig.mines_in_rounds)
        if True in rounds:
            if a_round_runs(workloads, rounds):
                return
            workloads = [one for one, in_rounds in zip(workloads, rounds, strict=True) if not in_rounds]
        share = form.below_normal if form.below_normal is not None else farm.marks.shortfall.bad
        for coin, (rate, expected) in by_coin(workloads).items():
            if rate is None:
                continue
            normal = rig.expected(coin)
            if normal and rate <= normal * (1.0 - share + min(slack, share / 2)):
                yield coin, rate, f"{coin} {percent(1.0 - rate / normal)} below its normal of {hashrate(normal)}"
            elif (less := form.below_expected) and expected and rate <= expected * (1.0 - less + min(slack, less / 2)):
                yield coin, rate, f"{coin} {percent(1.0 - rate / expected)} below the {hashrate(expected)} expected"
            elif form.below is not None and rate <= form.below * (1.0 + slack):
                yield coin, rate, f"{coin} at {hashrate(rate)}, below {hashrate(form.below)}"
            else:
                yield coin, rate, ""


RULE = Hashrate()
