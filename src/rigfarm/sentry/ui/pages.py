"""The frame of the Sentry's pages: routes, the layout, cards, the login."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import NamedTuple

import msgspec
import structlog

from rigfarm.sentry.ui.commander import CommanderDesk
from rigfarm.sentry.ui.guard import COOKIE, Guard, Visitor
from rigfarm.sentry.ui.html import Html, fill, join, render
from rigfarm.sentry.ui.http import BadRequestError, Request, Response, redirect
from rigfarm.sentry.ui.live import Live

__all__ = ["Card", "Fact", "Ui", "Visit", "session_cookie"]

log = structlog.get_logger()

_HEADERS = (
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    # Not "no-referrer": browsers then send forms with the origin `null`, which the guard refuses.
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)
_STATIC = {
    "/sentry.css": "text/css; charset=utf-8",
    "/sentry.js": "text/javascript; charset=utf-8",
    "/icon.svg": "image/svg+xml",
}


@dataclass(frozen=True)
class Card:
    """One card of the status page. `body` is HTML; its live values come from the `Live` that the card was given."""

    title: str
    body: Html
    order: int = 50
    """Cards stand in this order."""
    wide: bool = False
    """As wide as the page."""
    tall: bool = False
    """Two others stand beside it."""


class Fact(NamedTuple):
    """Something about this machine in a few words."""

    text: str
    tone: str = ""
    path: str | None = None
    """The page that says more."""
    enough: bool = False
    """This alone is worth a status page: without it, a machine that is no rig shows the page that asks for a token."""


class Visit(NamedTuple):
    """A request and who makes it: what a page's handler gets."""

    request: Request
    visitor: Visitor
    csrf: Html
    """The hidden field that every form must hold."""
    form: dict[str, str]
    """Of a POST, checked."""


PageHandler = Callable[[Visit], Awaitable[Response]]
CardMaker = Callable[[Live], Card | None]
FactMaker = Callable[[], "Fact | None"]


class Ui:
    """The pages. Parts add theirs with `route`, `card`, `fact` and `link`."""

    def __init__(self, guard: Guard, hostname: str, commander: CommanderDesk) -> None:
        self.guard = guard
        self.hostname = hostname
        self.commander = commander
        self.facts: list[tuple[str, FactMaker]] = []
        self._routes: list[tuple[str, re.Pattern[str], PageHandler]] = []
        self._cards: list[CardMaker] = []
        self._links: list[tuple[str, str]] = [("/", "Status")]
        self.route("GET", "/login", self._login_page)
        self.route("POST", "/login", self._log_in)
        self.route("POST", "/logout", self._log_out)

    # For parts

    @property
    def has_password(self) -> bool:
        """Whether visitors have to log in."""
        return self.guard.password_hash is not None

    def route(self, method: str, path: str, handler: PageHandler) -> None:
        """Serve a path; `{name}` in it stands for one segment, given as `request.params`. GET serves HEAD too.

        A POST has been checked (Origin, the form's secret) before its handler is called, and where a password is set
        every request comes from somebody who has given it.
        """
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path))
        self._routes.append((method, re.compile(pattern), handler))

    def card(self, maker: CardMaker) -> None:
        """Add a card to the status page; the maker is asked at every look, and returns None when there is nothing."""
        self._cards.append(maker)

    def link(self, path: str, label: str) -> None:
        """Add a page to the bar."""
        self._links.append((path, label))

    def fact(self, label: str, maker: FactMaker) -> None:
        """Add a row to the card of this machine, and a line to `rigfarm sentry status`."""
        self.facts.append((label, maker))

    def page(
        self,
        visit: Visit,
        title: str,
        body: Html,
        *,
        live: Live | None = None,
        path: str | None = None,
        status: int = 200,
        bare: bool = False,
        typed_into: bool = False,
    ) -> Response:
        """A whole page. With `live` it stays current, from `<path>?values`, see `values`; `path` is its own unless it
        answers a form. One that is `typed_into` does not load itself anew where there are no scripts."""
        shape = live.shape(body) if live is not None else ""
        own = visit.request.path
        links = [] if bare else self._links
        logout = render("logout", csrf=visit.csrf) if self.has_password and not bare else Html("")
        html = render(
            "layout",
            title=title,
            hostname=self.hostname,
            nav=join(
                fill('<a href="$path"$here>$label</a>', path=one, label=label, here=_here(one, own))
                for one, label in (links if len(links) > 1 else [])
            ),
            logout=logout,
            body=live.fill(body) if live is not None else body,
            live=fill(' data-live-path="$path" data-shape="$shape"', path=path or own, shape=shape)
            if shape
            else Html(""),
            refresh=_REFRESH if shape and not typed_into else Html(""),
        )
        return Response(html, status)

    def values(self, visit: Visit, live: Live, body: Html) -> Response:
        """What is live on a page, for its script."""
        lists = live.changed_lists(visit.request.query)
        data = msgspec.json.encode(
            {"shape": live.shape(body), "values": live.values, "lists": lists, "again_s": live.again_s}
        )
        return Response(data, content_type="application/json")

    def cards(self, live: Live) -> Html:
        """All cards, in their order."""
        made = [card for maker in self._cards if (card := maker(live)) is not None]
        return join(
            render("card", title=card.title, body=card.body, shape="wide" if card.wide else "tall" if card.tall else "")
            for card in sorted(made, key=lambda card: card.order)
        )

    # Requests

    async def answer(self, request: Request) -> Response:
        """Any request, whatever it is; never raises."""
        try:
            response = await self._dispatch(request)
        except BadRequestError as error:
            response = Response(render("error", message=str(error)), error.status)
        except Exception:
            log.exception("a page failed", path=request.path[:100])
            response = Response(render("error", message="This page failed. The Sentry's log says why."), 500)
        return response._replace(headers=(*response.headers, *_HEADERS))

    async def _dispatch(self, request: Request) -> Response:
        self.guard.check(request)
        if request.path in _STATIC and request.method in ("GET", "HEAD"):
            return Response(_static(request.path), content_type=_STATIC[request.path])
        visitor = self.guard.visitor(request)
        if not visitor.may_enter and request.path != "/login":
            if request.method != "GET" or "values" in request.query:
                raise BadRequestError(401, "Log in first.")
            return redirect("/login")
        handler, params = self._find(request)
        form: dict[str, str] = {}
        if request.method == "POST":
            form = request.form()
            if not request.local:
                self.guard.check_form(visitor, form)
        csrf = fill('<input type="hidden" name="csrf" value="$secret">', secret=self.guard.form_secret(visitor))
        response = await handler(Visit(request._replace(params=params), visitor, csrf, form))
        if visitor.is_new and not any(name == "Set-Cookie" for name, _ in response.headers):
            response = response._replace(headers=(*response.headers, session_cookie(visitor.key)))
        return response

    def _find(self, request: Request) -> tuple[PageHandler, dict[str, str]]:
        method = "GET" if request.method == "HEAD" else request.method
        allowed = False
        for wanted, pattern, handler in self._routes:
            if found := pattern.fullmatch(request.path):
                if wanted == method:
                    return handler, found.groupdict()
                allowed = True
        if allowed:
            raise BadRequestError(405, "This page does not do that.")
        raise BadRequestError(404, "There is no such page on this Sentry.")

    # The login

    async def _login_page(self, visit: Visit) -> Response:
        if visit.visitor.may_enter:
            return redirect("/")
        return self._login(visit, "", 200)

    def _login(self, visit: Visit, problem: str, status: int) -> Response:
        body = render("login", csrf=visit.csrf, problem=problem)
        return self.page(visit, "Log in", body, status=status, bare=True)

    async def _log_in(self, visit: Visit) -> Response:
        key, problem = await self.guard.log_in(visit.request, visit.form.get("password", ""))
        if key is None:
            return self._login(visit, problem, 429 if problem.startswith("Too many") else 403)
        return redirect("/", session_cookie(key))

    async def _log_out(self, visit: Visit) -> Response:
        self.guard.log_out(visit.visitor)
        return redirect("/login")


def _here(link: str, path: str) -> Html:
    inside = path == link or (link != "/" and path.startswith(f"{link}/"))
    return Html(' aria-current="page"') if inside else Html("")


# Without scripts the page is loaded anew now and then.
_REFRESH = Html('<noscript><meta http-equiv="refresh" content="10"></noscript>')


def session_cookie(key: str) -> tuple[str, str]:
    """The header that gives a visitor its cookie."""
    return "Set-Cookie", f"{COOKIE}={key}; HttpOnly; SameSite=Lax; Path=/"


def _static(path: str) -> bytes:
    return (files(__package__) / "data" / path.removeprefix("/")).read_bytes()
