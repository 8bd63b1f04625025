"""The page of webhooks, and its dialogs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, TypeAlias

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect, Template

from rigfarm.commander.fields import columns_in, read_form, revision_in, texts_of, typed_texts
from rigfarm.commander.refusals import Absent, Refusal
from rigfarm.commander.web.answers import done
from rigfarm.commander.web.headers import is_htmx
from rigfarm.commander.web.render import render, render_form
from rigfarm.commander.webhooks.actions import Webhooks
from rigfarm.commander.webhooks.model import MAX_URL, Webhook, WebhookForm, masked
from rigfarm.commander.webhooks.view import listing

__all__ = ["page_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect | Response[Any]
Form: TypeAlias = URLEncodedBody[dict[str, object]]
INDEX = "/settings/webhooks"


@get(INDEX, include_in_schema=False)
async def webhooks_page(request: WebRequest, webhooks: NamedDependency[Webhooks]) -> Template:
    """All webhooks, and what was sent to them."""
    return render(request, "webhook_index.html", live=INDEX, **await listing(webhooks))


@get(f"{INDEX}/new", include_in_schema=False)
async def new_webhook(request: WebRequest) -> Template:
    """An empty form."""
    return _form(request, texts_of(WebhookForm(name="")))


@post(INDEX, status_code=200, include_in_schema=False)
async def create_webhook(request: WebRequest, data: Form, webhooks: NamedDependency[Webhooks]) -> Answer:
    """Add it, and show its secret, this once."""
    try:
        made = await webhooks.create(read_form(WebhookForm, data), _url(data))
    except Refusal as refusal:
        return _form(request, typed_texts(WebhookForm, data), refusal=refusal)
    return _secret(request, made, rotated=False)


@get(f"{INDEX}/{{webhook_id:int}}/edit", include_in_schema=False)
async def edit_webhook(request: WebRequest, webhook_id: FromPath[int], webhooks: NamedDependency[Webhooks]) -> Template:
    """The form with what it says now, but for its URL."""
    one = webhooks.get(webhook_id)
    return _form(request, texts_of(one.form), one)


@post(f"{INDEX}/{{webhook_id:int}}", status_code=200, include_in_schema=False)
async def change_webhook(
    request: WebRequest, webhook_id: FromPath[int], data: Form, webhooks: NamedDependency[Webhooks]
) -> Answer:
    """Save it."""
    one = webhooks.get(webhook_id)
    try:
        await webhooks.change(webhook_id, read_form(WebhookForm, data), _url(data), revision_in(data))
    except Absent:
        raise
    except Refusal as refusal:
        return _form(request, typed_texts(WebhookForm, data), one, refusal)
    return done(request, INDEX)


@post(f"{INDEX}/{{webhook_id:int}}/test", status_code=200, include_in_schema=False)
async def test_webhook(request: WebRequest, webhook_id: FromPath[int], webhooks: NamedDependency[Webhooks]) -> Template:
    """Send a test event, and show what the receiver answered."""
    one = webhooks.get(webhook_id)
    answer = await webhooks.test(webhook_id)
    return render(request, "webhook_tested.html", hx=is_htmx(request.scope), name=one.form.name, answer=answer)


@get(f"{INDEX}/{{webhook_id:int}}/rotate", include_in_schema=False)
async def ask_rotate_secret(
    request: WebRequest, webhook_id: FromPath[int], webhooks: NamedDependency[Webhooks]
) -> Template:
    """What a new secret means."""
    one = webhooks.get(webhook_id)
    return render(request, "webhook_rotate.html", hx=is_htmx(request.scope), one=one.id, name=one.form.name)


@post(f"{INDEX}/{{webhook_id:int}}/rotate", status_code=200, include_in_schema=False)
async def rotate_secret(
    request: WebRequest, webhook_id: FromPath[int], webhooks: NamedDependency[Webhooks]
) -> Template:
    """Make it, and show it, this once."""
    return _secret(request, await webhooks.rotate(webhook_id), rotated=True)


@get(f"{INDEX}/{{webhook_id:int}}/remove", include_in_schema=False)
async def ask_remove_webhook(
    request: WebRequest, webhook_id: FromPath[int], webhooks: NamedDependency[Webhooks]
) -> Template:
    """What removing it means."""
    one = webhooks.get(webhook_id)
    return render(
        request,
        "remove.html",
        hx=is_htmx(request.scope),
        target=one.form.name,
        action=f"{INDEX}/{webhook_id}/remove",
        back=INDEX,
        items=[],
        consequences=["Nothing more is sent to it, what waits included. The log of what was sent to it is deleted."],
    )


@post(f"{INDEX}/{{webhook_id:int}}/remove", status_code=200, include_in_schema=False)
async def remove_webhook(request: WebRequest, webhook_id: FromPath[int], webhooks: NamedDependency[Webhooks]) -> Answer:
    """Remove it."""
    await webhooks.remove(webhook_id)
    return done(request, INDEX)


page_routes = [
    webhooks_page,
    new_webhook,
    create_webhook,
    edit_webhook,
    change_webhook,
    test_webhook,
    ask_rotate_secret,
    rotate_secret,
    ask_remove_webhook,
    remove_webhook,
]


def _url(data: Mapping[str, object]) -> str:
    sent = data.get("url", "")
    return sent[: MAX_URL + 1] if isinstance(sent, str) else ""


def _secret(request: WebRequest, one: Webhook, *, rotated: bool) -> Template:
    return render(
        request,
        "webhook_secret.html",
        hx=is_htmx(request.scope),
        name=one.form.name,
        secret=one.secret,
        rotated=rotated,
    )


def _form(
    request: WebRequest, texts: Mapping[str, str], one: Webhook | None = None, refusal: Refusal | None = None
) -> Template:
    return render_form(
        request,
        "webhook_form.html",
        refusal,
        one=None if one is None else {"id": one.id, "name": one.form.name, "url": masked(one.url)},
        revision=0 if one is None else one.revision,
        form=texts,
        group=partial(columns_in, WebhookForm),
    )
