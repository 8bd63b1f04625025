"""The frame of the Sentry's pages: routes, the layout, cards, the login."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode

import msgspec
import structlog

from rigfarm.sentry.httpd.html import Html, fill, join
from rigfarm.sentry.httpd.http import BadRequestError, Request, Response, redirect
from rigfarm.sentry.ui.commander import CommanderDesk
from rigfarm.sentry.ui.guard import COOKIE, Guard, Visitor
from rigfarm.sentry.ui.html import render
from rigfarm.sentry.ui.live import Live

__all__ = ["Access", "Card", "Fact", "Ui", "Visit", "session_cookie"]

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


Access = Literal["anyone", "onlookers", "administrators"]
"""Who gets a page: anyone; anyone as long as no password is set; or only who has logged in."""
PageHandler = Callable[[Visit], Awaitable[Response]]
CardMaker = Callable[[Live], Card | None]
FactMaker = Callable[[], "Fact | None"]


class Route(NamedTuple):
    """One path, and who gets it."""

    method: str
    path: str
    pattern: re.Pattern[str]
    handler: PageHandler
    access: Access


class Ui:
    """The pages. Parts add theirs with `route`, `card`, `fact` and `link`."""

    def __init__(self, guard: Guard, hostname: str, commander: CommanderDesk, code_command: str) -> None:
        self.guard = guard
        self.hostname = hostname
        self.commander = commander
        self._code_command = code_command
        self.facts: list[tuple[str, FactMaker]] = []
        self.routes: list[Route] = []
        self._cards: list[CardMaker] = []
        self._links: list[tuple[str, str]] = [("/", "Status")]
        self.route("GET", "/login", self._login_page, access="anyone")
        self.route("POST", "/login", self._log_in, access="anyone")
        self.route("POST", "/logout", self._log_out, access="anyone")

    # For parts

    @property
    def has_password(self) -> bool:
        """Whether an administrator has chosen one."""
        return self.guard.password_hash is not None

    def route(self, method: str, path: str, handler: PageHandler, *, access: Access = "administrators") -> None:
        """Serve a path; `{name}` in it stands for one segment, given as `request.params`. GET serves HEAD too.

        A POST has been checked (Origin, the form's secret) before its handler is called.
        """
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path))
        self.routes.append(Route(method, path, re.compile(pattern), handler, access))

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
        answers a form. One that is `typed_into` does not load itself again where there are no scripts."""
        shape = live.shape(body) if live is not None else ""
        own = visit.request.path
        links = [] if bare else self._links
        logout = (
            render("logout", csrf=visit.csrf)
            if visit.visitor.administrator
            else render("to_login", path=_login_from(visit.request))
        )
        html = render(
            "layout",
            title=title,
            hostname=self.hostname,
            nav=join(
                fill('<a href="$path"$here>$label</a>', path=one, label=label, here=_here(one, own))
                for one, label in (links if len(links) > 1 else [])
            ),
            logout=Html("") if bare or visit.request.local else logout,
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
        route = self._find(request)
        if not (visitor.administrator or self._is_open(route)):
            if request.method != "GET" or "values" in request.query:
                raise BadRequestError(401, "Log in first.")
            return redirect(_login_from(request))
        if isinstance(route, BadRequestError):
            raise route
        form: dict[str, str] = {}
        if request.method == "POST":
            form = request.form()
            if not request.local:
                self.guard.check_form(visitor, form)
        csrf = fill('<input type="hidden" name="csrf" value="$secret">', secret=self.guard.form_secret(visitor))
        found = route.pattern.fullmatch(request.path)
        params = found.groupdict() if found else {}
        response = await route.handler(Visit(request._replace(params=params), visitor, csrf, form))
        if visitor.is_new and not any(name == "Set-Cookie" for name, _ in response.headers):
            response = response._replace(headers=(*response.headers, session_cookie(visitor.key)))
        return response

    def trusted(self, request: Request) -> bool:
        """Whether a request's head is an administrator's."""
        return self.guard.visitor(request).administrator

    def _is_open(self, route: Route | BadRequestError) -> bool:
        if isinstance(route, BadRequestError):
            return not self.has_password
        return route.access == "anyone" or (route.access == "onlookers" and not self.has_password)

    def _find(self, request: Request) -> Route | BadRequestError:
        method = "GET" if request.method == "HEAD" else request.method
        matching = [route for route in self.routes if route.pattern.fullmatch(request.path)]
        for route in matching:
            if route.method == method:
                return route
        if matching:
            return BadRequestError(405, "This page does not do that.")
        return BadRequestError(404, "This page does not exist on this Sentry.")

    # The login

    async def _login_page(self, visit: Visit) -> Response:
        if visit.visitor.administrator:
            return redirect(self._page_of_ours(visit.request.query.get("next", "/")))
        return self._login(visit, "", 200)

    def _login(self, visit: Visit, problem: str, status: int) -> Response:
        body = render(
            "login",
            csrf=visit.csrf,
            next=visit.form.get("next", visit.request.query.get("next", "/")),
            label="Password or code" if self.has_password else "Code",
            kind="password" if self.has_password else "text",
            fill="current-password" if self.has_password else "one-time-code",
            command=self._code_command,
            problem=problem,
        )
        return self.page(visit, "Log in", body, status=status, bare=True)

    async def _log_in(self, visit: Visit) -> Response:
        key, problem = await self.guard.log_in(visit.request, visit.form.get("password", ""))
        if key is None:
            return self._login(visit, problem, 429 if problem.startswith("Too many") else 403)
        return redirect(self._page_of_ours(visit.form.get("next", "/")), session_cookie(key))

    def _page_of_ours(self, target: str) -> str:
        """Where to go after the login: a page with its query, never on another server."""
        path, _, query = target.partition("?")
        path = unquote(path)
        if not any(route.method == "GET" and route.pattern.fullmatch(path) for route in self.routes):
            return "/"
        return _local(path, dict(parse_qsl(query, keep_blank_values=True)))

    async def _log_out(self, visit: Visit) -> Response:
        self.guard.log_out(visit.visitor)
        return redirect("/login" if self.has_password else "/")


def _local(path: str, query: Mapping[str, str]) -> str:
    return quote(path) + (f"?{urlencode(query)}" if query else "")


def _login_from(request: Request) -> str:
    """The login that leads back to what was requested."""
    return f"/login?next={quote(_local(request.path, request.query))}"


def _here(link: str, path: str) -> Html:
    inside = path == link or (link != "/" and path.startswith(f"{link}/"))
    return Html(' aria-current="page"') if inside else Html("")


# Without scripts the page is loaded again now and then.
_REFRESH = Html('<noscript><meta http-equiv="refresh" content="10"></noscript>')


def session_cookie(key: str) -> tuple[str, str]:
    """The header that gives a visitor its cookie."""
    return "Set-Cookie", f"{COOKIE}={key}; HttpOnly; SameSite=Lax; Path=/"


def _static(path: str) -> bytes:
    return (files(__package__) / "data" / path.removeprefix("/")).read_bytes()
