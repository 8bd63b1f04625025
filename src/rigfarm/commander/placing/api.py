"""The JSON API of rules that place rigs."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from litestar import Request, Response, Router, delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import asdict

from rigfarm.commander.asked import OfRigs
from rigfarm.commander.auth import CONFIGURE, READ
from rigfarm.commander.fields import Changes, changes_of
from rigfarm.commander.numbers import Number
from rigfarm.commander.placing.actions import PlacingRules
from rigfarm.commander.placing.model import MAX_RULES, PlacingForm, PlacingRule, Which
from rigfarm.commander.placing.planning.plan import Plan
from rigfarm.commander.web.conditional import IF_MATCH
from rigfarm.commander.web.paging import LIMIT, After, Limit, one_page
from rigfarm.common.clock import moment

__all__ = ["api_routes"]


class PlacingRuleAnswer(PlacingForm, frozen=True, kw_only=True):
    """One rule. `placed`: how many rigs are where it placed them."""

    id: int
    placed: int
    revision: int
    created_at: datetime
    updated_at: datetime


class NewPlacingRule(PlacingForm, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which rigs, by `pattern` (of their names), `address` (a subnet or a pattern) or both; and their `place`."""


class TriedRule(PlacingForm, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule that isn't saved. `in_place_of`: the rule that it would replace; else it is tried after all others."""

    in_place_of: Number | None = None


class RuleOrder(Struct, forbid_unknown_fields=True):
    """Every rule once, in the order in which they are tried."""

    rules: Annotated[list[Number], Meta(max_length=MAX_RULES)]


class PlacingQuestion(Struct, forbid_unknown_fields=True):
    """Which rigs the plan may move."""

    which: Which = "without-place"


class PlacingConsent(Struct, forbid_unknown_fields=True):
    """A plan that was seen."""

    digest: Annotated[str, Meta(max_length=64)]
    which: Which = "without-place"


class MoveAnswer(Struct, omit_defaults=True):
    """A rig, where it is, where it belongs, and the rule that says so."""

    rig: int
    name: str
    rule: int
    to: str
    place: str = ""
    add_tags: tuple[str, ...] = ()


class SkippedAnswer(Struct):
    """Rigs that stay as they are, and why."""

    why: str
    rigs: list[int]


class PlanAnswer(Struct):
    """What applying the rules would do, or did."""

    which: Which
    digest: str
    """Send it to `/api/placing-rules/apply`."""
    moves: list[MoveAnswer]
    skipped: list[SkippedAnswer]


class TriedRig(Struct):
    """A rig that matches, and where it belongs."""

    name: str
    place: str


class TrialAnswer(Struct):
    """What a rule matches."""

    matches: int
    samples: list[TriedRig]
    """The first of them by name."""
    placed: int
    """Those of them that have a place already."""
    earlier: int
    """Those of them for which an earlier rule decides."""
    without_address: int
    """Rigs of which no address is known, if the rule asks for one."""
    problems: list[str]


if TYPE_CHECKING:

    class PlacingRuleChange(Changes):
        """See below: made of the fields of PlacingForm."""

        revision: int | UnsetType = UNSET

else:
    PlacingRuleChange = changes_of(
        "PlacingRuleChange",
        PlacingForm,
        "Fields that are left out don't change. `revision`: refuse if someone else has changed it since.",
        revision=int,
    )


@get("", summary="List placing rules")
async def list_placing_rules(
    request: Request[Any, Any, Any],
    placing_rules: NamedDependency[PlacingRules],
    limit: Limit = LIMIT,
    after: After = "",
) -> Response[list[PlacingRuleAnswer]]:
    """In the order in which they are tried: the first that matches a rig decides."""
    placed = placing_rules.counts()
    return one_page(
        request, placing_rules.listed(), limit, after,
        key=lambda one: one.id, answer=lambda one: _answer(one, placed[one.id]),
    )  # fmt: skip


@post("", opt=CONFIGURE, status_code=201, summary="Add a placing rule")
async def create_placing_rule(
    data: JSONBody[NewPlacingRule], placing_rules: NamedDependency[PlacingRules]
) -> PlacingRuleAnswer:
    """As the last one. With `automatic`, it places rigs that are added, renamed or get an address from now on; those
    that are here already are placed by `/api/placing-rules/apply`."""
    return _answer(await placing_rules.create(_form(data)), 0)


@get("/{rule_id:int}", summary="One placing rule")
async def get_placing_rule(rule_id: FromPath[int], placing_rules: NamedDependency[PlacingRules]) -> PlacingRuleAnswer:
    """With how many rigs it placed."""
    return _answer(placing_rules.get(rule_id), placing_rules.counts()[rule_id])


@patch("/{rule_id:int}", opt=CONFIGURE, summary="Change a placing rule")
async def change_placing_rule(
    rule_id: FromPath[int], data: JSONBody[PlacingRuleChange], placing_rules: NamedDependency[PlacingRules]
) -> PlacingRuleAnswer:
    """No rig is moved by that."""
    rule = placing_rules.get(rule_id)
    revision = rule.revision if data.revision is UNSET else data.revision
    changed = await placing_rules.change(rule_id, data.over(rule.form), revision)
    return _answer(changed, placing_rules.counts()[rule_id])


@delete("/{rule_id:int}", opt=CONFIGURE | IF_MATCH, summary="Remove a placing rule")
async def remove_placing_rule(rule_id: FromPath[int], placing_rules: NamedDependency[PlacingRules]) -> None:
    """Rigs stay where they are, and keep their tags."""
    await placing_rules.remove(rule_id)


@put("/order", opt=CONFIGURE, summary="Change the order of placing rules")
async def order_placing_rules(
    data: JSONBody[RuleOrder], placing_rules: NamedDependency[PlacingRules]
) -> list[PlacingRuleAnswer]:
    """All of them, each once."""
    rules, placed = await placing_rules.reorder(data.rules), placing_rules.counts()
    return [_answer(rule, placed[rule.id]) for rule in rules]


@post("/trial", opt=READ, status_code=200, summary="Try a placing rule without saving it")
async def try_placing_rule(data: JSONBody[TriedRule], placing_rules: NamedDependency[PlacingRules]) -> TrialAnswer:
    """Which rigs it matches, and where they would belong."""
    trial = await placing_rules.trial(_form(data), data.in_place_of)
    samples = [TriedRig(name, place) for name, place in trial.samples]
    return TrialAnswer(
        trial.matches,
        samples,
        placed=trial.placed,
        earlier=trial.earlier,
        without_address=trial.without_address,
        problems=trial.problems,
    )


@post("/plan", opt=READ, status_code=200, summary="Plan what the placing rules would do")
async def plan_placing(
    data: JSONBody[PlacingQuestion], placing_rules: NamedDependency[PlacingRules], of_rigs: NamedDependency[OfRigs]
) -> PlanAnswer:
    """To all rigs, or those of the filter; nothing is changed. `which` says whether rigs that have a place may be
    moved."""
    return _plan(await placing_rules.plan(data.which, of_rigs))


@post("/apply", opt=CONFIGURE, status_code=200, summary="Apply the placing rules")
async def apply_placing(
    data: JSONBody[PlacingConsent], placing_rules: NamedDependency[PlacingRules], of_rigs: NamedDependency[OfRigs]
) -> PlanAnswer:
    """All of a plan, or nothing: 409 if the rules would do something else by now than the plan with this `digest`. The
    filter is that of the plan."""
    return _plan(await placing_rules.apply(data.which, data.digest, of_rigs))


api_routes = Router(
    "/api/placing-rules",
    route_handlers=[
        list_placing_rules,
        create_placing_rule,
        get_placing_rule,
        change_placing_rule,
        remove_placing_rule,
        order_placing_rules,
        try_placing_rule,
        plan_placing,
        apply_placing,
    ],
    tags=["placing rules"],
)


def _form(data: PlacingForm) -> PlacingForm:
    return PlacingForm(**{name: getattr(data, name) for name in PlacingForm.__struct_fields__})


def _answer(rule: PlacingRule, placed: int) -> PlacingRuleAnswer:
    return PlacingRuleAnswer(
        **asdict(rule.form),
        id=rule.id,
        placed=placed,
        revision=rule.revision,
        created_at=moment(rule.created_at),
        updated_at=moment(rule.updated_at),
    )


def _plan(plan: Plan) -> PlanAnswer:
    moves = [MoveAnswer(one.rig_id, one.name, one.rule_id, one.to, one.place, one.add) for one in plan.moves]
    skipped = [SkippedAnswer(one.why, [rig_id for rig_id, _ in one.rigs]) for one in plan.skipped]
    return PlanAnswer(plan.which, plan.digest, moves, skipped)
