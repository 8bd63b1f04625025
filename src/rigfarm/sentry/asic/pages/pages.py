"""`/asics` of the Sentry's own page: the list, the scan, what the Sentry does, its Commander."""

from __future__ import annotations

from rigfarm.sentry.asic.model import InputError
from rigfarm.sentry.asic.pages.device_pages import DevicePages
from rigfarm.sentry.asic.pages.html import render, wrong
from rigfarm.sentry.asic.pages.log import log_card
from rigfarm.sentry.asic.pages.scan_card import ScanForm, names_for, scan_card
from rigfarm.sentry.asic.pages.states import LOOKS
from rigfarm.sentry.asic.pages.table import PER_PAGE, Choice, Table
from rigfarm.sentry.asic.service import AsicService
from rigfarm.sentry.ui import Fact, Html, Live, Response, Row, Ui, Visit, redirect

__all__ = ["AsicPages"]


class AsicPages:
    """Adds its routes but `GET /asics` itself, which is `get`."""

    def __init__(self, service: AsicService, ui: Ui) -> None:
        self._service = service
        self._ui = ui
        devices = DevicePages(service, ui)
        ui.link("/asics", "ASICs")
        for method, path, handler in (
            ("POST", "/asics/scan", self._scan),
            ("POST", "/asics/scan/cancel", self._cancel),
            ("POST", "/asics/enrol", self._enrol),
            ("POST", "/asics/commander", self._commander),
            ("GET", "/asics/add", devices.get_add),
            ("POST", "/asics/add", devices.post_add),
            ("GET", "/asics/csv", devices.get_csv),
            ("POST", "/asics/csv", devices.post_csv),
            ("GET", "/asics/{id}", devices.get),
            ("POST", "/asics/{id}", devices.post),
            ("POST", "/asics/{id}/accept", devices.accept),
            ("POST", "/asics/{id}/remove", devices.remove),
        ):
            ui.route(method, path, handler)

    def fact(self) -> Fact:
        """For the card of this machine."""
        states = [unit.shown_state for unit in self._service.roster]
        reading = states.count("reading")
        if not states:
            return Fact("none in the list yet", "", "/asics", enough=True)
        worst = min(states, key=list(LOOKS).index)
        tone = LOOKS[worst][1] if reading < len(states) else ""
        return Fact(f"{reading} of {len(states)} reading", tone, "/asics", enough=True)

    async def get(self, visit: Visit) -> Response:
        """The page, or what is live on it."""
        return self._page(visit, ScanForm())

    def _page(self, visit: Visit, form: ScanForm, address: tuple[str, str] | None = None) -> Response:
        """`address`: of the Commander as it was typed, and what is wrong with it."""
        live, query = Live("asics"), visit.request.query
        choice = Choice.of(query)
        table = Table(self._service, choice, _ids(query.get("rows-asics", "")))
        body = render(
            "asics",
            problems=live.rows("problems", self._problems()),
            table=table.body(live),
            scan=scan_card(live, self._service, form, visit.csrf, self._ui.commander.url),
            log=log_card(live, self._service.happenings),
            commander=self._commander_card(live, visit, address),
        )
        if "values" in query:
            return self._ui.values(visit, live, body)
        status = 422 if form.field is not None or address is not None else 200
        path = choice.path(page=choice.page)
        return self._ui.page(visit, "ASICs", body, live=live, path=path, status=status, typed_into=True)

    def _problems(self) -> list[Row]:
        problem = self._service.files_problem
        return [Row("files", render("problem", text=problem))] if problem else []

    # The Commander

    def _commander_card(self, live: Live, visit: Visit, address: tuple[str, str] | None) -> Html:
        url = self._ui.commander.url
        word, tone, sentence = self._ui.commander.words()
        typed, problem = address if address is not None else (url or "", "")
        return render(
            "commander",
            csrf=visit.csrf,
            state=live.text("commander.state", word, tone),
            sentence=live.text("commander.sentence", sentence),
            url=live.text("commander.url", url or "none yet"),
            open=Html(" open") if address is not None or url is None else Html(""),
            typed=typed,
            wrong=wrong(problem, "address"),
        )

    async def _commander(self, visit: Visit) -> Response:
        typed = visit.form.get("address", "")
        try:
            await self._ui.commander.change(typed, another=visit.form.get("another") == "on")
        except ValueError as error:
            return self._page(visit, ScanForm(), (typed, str(error)))
        return redirect("/asics")

    # The scan

    async def _scan(self, visit: Visit) -> Response:
        text = visit.form.get("range", "")
        try:
            self._service.start_scan(text)
        except InputError as error:
            return self._page(visit, ScanForm(range=text, field=error.field, problem=error.message))
        return redirect("/asics#scan")

    async def _cancel(self, visit: Visit) -> Response:
        await self._service.cancel_scan()
        return redirect("/asics#scan")

    async def _enrol(self, visit: Visit) -> Response:
        form = ScanForm(
            names=visit.form.get("names", ""),
            commander=visit.form.get("commander", ""),
            key=visit.form.get("key", ""),
            picks=[name.removeprefix("pick-") for name in visit.form if name.startswith("pick-")],
        )
        try:
            await self._enrol_chosen(form)
        except InputError as error:
            form.field, form.problem = error.field, error.message
            return self._page(visit, form)
        return redirect("/asics")

    async def _enrol_chosen(self, form: ScanForm) -> None:
        """InputError says what to do."""
        desk = self._ui.commander
        try:
            url, trust = (desk.url, desk.trust) if desk.url is not None else desk.parse(form.commander)
        except ValueError as error:
            raise InputError("commander", str(error)) from None
        picks = set(form.picks or [])
        names = names_for(form.names, [pair for pair in self._service.finds() if pair[0].ip in picks])
        await self._service.enrol(url, form.key, names, trust.context)
        try:
            await desk.use(url, trust)
        except ValueError as error:
            raise InputError("commander", f"They are enrolled. {error}") from None


def _ids(text: str) -> list[int]:
    """What a page says it shows, as far as it makes sense."""
    parts = text.split(",")[:PER_PAGE]
    return [int(part) for part in parts if part.isascii() and part.isdigit() and len(part) < 16]
