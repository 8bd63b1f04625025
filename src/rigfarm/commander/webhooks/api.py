"""The JSON API of webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from litestar import Request, Response, Router, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import asdict

from rigfarm.commander.auth import CONFIGURE, Viewer, require
from rigfarm.commander.fields import Changes, changes_of
from rigfarm.commander.numbers import MAX_NUMBER
from rigfarm.commander.web.conditional import IF_MATCH
from rigfarm.commander.web.paging import LIMIT, After, Limit, loaded_page, number_after, one_page
from rigfarm.commander.webhooks.actions import Webhooks
from rigfarm.commander.webhooks.model import MAX_URL, Delivery, DeliveryState, EventType, Webhook, WebhookForm, masked
from rigfarm.common.clock import moment

__all__ = ["api_routes"]

_Request: TypeAlias = Request[Viewer, Viewer, Any]


class WebhookAnswer(WebhookForm, frozen=True, kw_only=True):
    """One webhook, without its secret; of its URL only the host."""

    id: int
    receiver: str
    waiting: int
    """Events that are to be sent to it."""
    revision: int
    updated_at: datetime


class WebhookWithSecret(WebhookAnswer, frozen=True, kw_only=True):
    """The same with its secret, which is shown this once."""

    secret: str


class NewWebhook(WebhookForm, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A webhook. `url` is https, or http for an address of the LAN with `lan`; it is not shown again."""

    url: Annotated[str, Meta(max_length=MAX_URL)]


class DeliveryAnswer(Struct, kw_only=True, omit_defaults=True):
    """One event on its way to a webhook, or there."""

    id: int
    webhook: int
    message_id: str
    """What the receiver got as `webhook-id`, the same in each attempt."""
    type: EventType
    state: DeliveryState
    attempts: int
    answer: str = ""
    """What the receiver answered last, or why it could not be reached."""
    created_at: datetime
    due_at: datetime
    ended_at: datetime | UnsetType = UNSET


class WebhookTestAnswer(Struct):
    """What a receiver answered to a test event."""

    ok: bool
    answer: str


if TYPE_CHECKING:

    class WebhookChange(Changes):
        """See below: made of the fields of WebhookForm."""

        url: str | UnsetType = UNSET
        revision: int | UnsetType = UNSET

else:
    WebhookChange = changes_of(
        "WebhookChange",
        WebhookForm,
        "Fields that are left out don't change. `revision`: refuse if someone else has changed it since.",
        url=Annotated[str, Meta(max_length=MAX_URL)],
        revision=int,
    )


@get("", summary="List webhooks")
async def list_webhooks(
    request: Request[Any, Any, Any], webhooks: NamedDependency[Webhooks], limit: Limit = LIMIT, after: After = ""
) -> Response[list[WebhookAnswer]]:
    """Without their secrets and URLs."""
    found = list(webhooks.webhooks.values())
    return one_page(
        request, found, limit, after, key=lambda one: one.id, answer=lambda one: _answer(one, webhooks.waiting(one.id))
    )


@post("", opt=CONFIGURE, status_code=201, summary="Add a webhook")
async def create_webhook(
    request: _Request, data: JSONBody[NewWebhook], webhooks: NamedDependency[Webhooks]
) -> WebhookWithSecret:
    """The answer has the secret that deliveries are signed with. Nothing that happened before is sent. For `activity`,
    a key needs the scope `access` as well."""
    form = WebhookForm(**{name: getattr(data, name) for name in WebhookForm.__struct_fields__})
    _check_scope(request.auth, form)
    return _with_secret(await webhooks.create(form, data.url), webhooks)


@get("/{webhook_id:int}", summary="One webhook")
async def get_webhook(webhook_id: FromPath[int], webhooks: NamedDependency[Webhooks]) -> WebhookAnswer:
    """Without its secret and URL."""
    return _answer(webhooks.get(webhook_id), webhooks.waiting(webhook_id))


@patch("/{webhook_id:int}", opt=CONFIGURE, summary="Change a webhook")
async def change_webhook(
    request: _Request, webhook_id: FromPath[int], data: JSONBody[WebhookChange], webhooks: NamedDependency[Webhooks]
) -> WebhookAnswer:
    """Without `url`, the stored one stays. For `activity`, a key needs the scope `access` as well."""
    one = webhooks.get(webhook_id)
    form = data.over(one.form)
    _check_scope(request.auth, form)
    url = "" if data.url is UNSET else data.url
    revision = one.revision if data.revision is UNSET else data.revision
    changed = await webhooks.change(webhook_id, form, url, revision)
    return _answer(changed, webhooks.waiting(webhook_id))


@delete("/{webhook_id:int}", opt=CONFIGURE | IF_MATCH, summary="Remove a webhook")
async def remove_webhook(webhook_id: FromPath[int], webhooks: NamedDependency[Webhooks]) -> None:
    """With what waits for it, and the log of what was sent to it."""
    await webhooks.remove(webhook_id)


@post("/{webhook_id:int}/secret", opt=CONFIGURE, status_code=201, summary="Replace the secret of a webhook")
async def rotate_secret(webhook_id: FromPath[int], webhooks: NamedDependency[Webhooks]) -> WebhookWithSecret:
    """For a day, deliveries are signed with the old secret as well."""
    return _with_secret(await webhooks.rotate(webhook_id), webhooks)


@post("/{webhook_id:int}/test", opt=CONFIGURE, status_code=200, summary="Test a webhook")
async def test_webhook(webhook_id: FromPath[int], webhooks: NamedDependency[Webhooks]) -> WebhookTestAnswer:
    """Sends an event of the type `webhook.test` now, and says what the receiver answered."""
    found = await webhooks.test(webhook_id)
    return WebhookTestAnswer(found.ok, found.text)


@get("/deliveries", summary="List what was sent to webhooks, or will be")
async def list_deliveries(
    request: Request[Any, Any, Any],
    webhooks: NamedDependency[Webhooks],
    webhook: Annotated[int | None, QueryParameter(ge=0, le=MAX_NUMBER, description="Only to this one.")] = None,
    limit: Limit = LIMIT,
    after: After = "",
) -> Response[list[DeliveryAnswer]]:
    """Newest first. Kept for a week, the last 2,000."""
    found = await webhooks.deliveries(limit + 1, webhook_id=webhook, before=number_after(after))
    return loaded_page(request, found, limit, cursor=lambda one: str(one.id), answer=_delivery)


api_routes = Router(
    "/api/webhooks",
    route_handlers=[
        list_webhooks,
        create_webhook,
        get_webhook,
        change_webhook,
        remove_webhook,
        rotate_secret,
        test_webhook,
        list_deliveries,
    ],
    tags=["webhooks"],
)


def _check_scope(viewer: Viewer, form: WebhookForm) -> None:
    """What a key may not read, it has nowhere sent either."""
    if form.activity:
        require(viewer, "access")


def _values(one: Webhook, waiting: int) -> dict[str, Any]:
    return asdict(one.form) | {
        "id": one.id,
        "receiver": masked(one.url),
        "waiting": waiting,
        "revision": one.revision,
        "updated_at": moment(one.updated_ms),
    }


def _answer(one: Webhook, waiting: int) -> WebhookAnswer:
    return WebhookAnswer(**_values(one, waiting))


def _with_secret(one: Webhook, webhooks: Webhooks) -> WebhookWithSecret:
    return WebhookWithSecret(**_values(one, webhooks.waiting(one.id)), secret=one.secret)


def _delivery(one: Delivery) -> DeliveryAnswer:
    return DeliveryAnswer(
        id=one.id,
        webhook=one.webhook_id,
        message_id=one.message_id,
        type=one.kind,
        state=one.state,
        attempts=one.attempts,
        answer=one.answer,
        created_at=moment(one.created_ms),
        due_at=moment(one.due_ms),
        ended_at=UNSET if one.ended_ms is None else moment(one.ended_ms),
    )
