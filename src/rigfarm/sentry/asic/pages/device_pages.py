"""The pages of one device: add, edit, accept, remove; and of many at once, by CSV."""

from __future__ import annotations

from rigfarm import units
from rigfarm.sentry.asic.csv_import import COLUMNS, CsvError
from rigfarm.sentry.asic.model import InputError
from rigfarm.sentry.asic.pages.device_form import DeviceForm
from rigfarm.sentry.asic.pages.html import render
from rigfarm.sentry.asic.pages.states import looks
from rigfarm.sentry.asic.service import AsicService, CsvRejected
from rigfarm.sentry.asic.views import DeviceView
from rigfarm.sentry.ui import BadRequestError, Html, Live, Response, Ui, Visit, join, redirect

__all__ = ["DevicePages"]

_MISTAKES_SHOWN = 50


class DevicePages:
    """Handlers of `Ui.route`."""

    def __init__(self, service: AsicService, ui: Ui) -> None:
        self._service = service
        self._ui = ui

    # Add

    async def get_add(self, visit: Visit) -> Response:
        """An empty form."""
        return self._add_page(visit, DeviceForm(), None)

    async def post_add(self, visit: Visit) -> Response:
        """Take it, or say what is wrong."""
        form = DeviceForm.of(visit.form)
        try:
            entry, _, _ = form.entry()
            await self._service.add(entry)
        except InputError as error:
            return self._add_page(visit, form, error)
        return redirect("/asics")

    def _add_page(self, visit: Visit, form: DeviceForm, error: InputError | None) -> Response:
        body = render("add", csrf=visit.csrf, fields=form.fields(None, error))
        return self._ui.page(visit, "Add an ASIC", body, status=422 if error else 200)

    # CSV

    async def get_csv(self, visit: Visit) -> Response:
        """An empty form."""
        return self._csv_page(visit, "", [])

    async def post_csv(self, visit: Visit) -> Response:
        """Take all lines, or none and say what is wrong with which."""
        text = visit.form.get("csv", "").replace("\r\n", "\n")
        try:
            await self._service.add_csv(text)
        except CsvRejected as error:
            return self._csv_page(visit, text, error.errors)
        except InputError as error:
            return self._csv_page(visit, text, [CsvError(0, error.message)])
        return redirect("/asics")

    def _csv_page(self, visit: Visit, text: str, mistakes: list[CsvError]) -> Response:
        lines = [
            render("mistake", where=f"Line {one.line}: " if one.line else "", text=one.message)
            for one in mistakes[:_MISTAKES_SHOWN]
        ]
        if len(mistakes) > _MISTAKES_SHOWN:
            lines.append(render("mistake", where="", text=f"And {len(mistakes) - _MISTAKES_SHOWN} more."))
        shown = render("mistakes", lines=join(lines)) if lines else Html("")
        body = render("csv", csrf=visit.csrf, columns=", ".join(COLUMNS), text=text, mistakes=shown)
        return self._ui.page(visit, "Add many ASICs", body, status=422 if mistakes else 200)

    # One device

    async def get(self, visit: Visit) -> Response:
        """How it does, and what is known of it."""
        shown = self._device(visit)
        return self._page(visit, shown, DeviceForm.about(shown), None)

    async def post(self, visit: Visit) -> Response:
        """Change it, or say what is wrong."""
        shown, form = self._device(visit), DeviceForm.of(visit.form)
        try:
            entry, keep_token, keep_login = form.entry(shown)
            await self._service.edit(shown.id, entry, keep_token=keep_token, keep_login=keep_login)
        except InputError as error:
            return self._page(visit, shown, form, error)
        return redirect("/asics")

    async def accept(self, visit: Visit) -> Response:
        """The device that is there now is the right one."""
        await self._service.accept(self._device(visit).id)
        return redirect(f"/asics/{self._device(visit).id}")

    async def remove(self, visit: Visit) -> Response:
        """Off the list."""
        await self._service.remove(self._device(visit).id)
        return redirect("/asics")

    def _device(self, visit: Visit) -> DeviceView:
        text = visit.request.params["id"]
        try:
            if not text.isascii() or not text.isdigit() or len(text) > 15:
                raise InputError("id", "This device does not exist.")
            return self._service.device(int(text))
        except InputError as error:
            raise BadRequestError(404, error.message) from None

    def _page(self, visit: Visit, shown: DeviceView, form: DeviceForm, error: InputError | None) -> Response:
        live = Live(f"asic-{shown.id}")
        mismatch = render("accept", csrf=visit.csrf, id=shown.id) if shown.state == "id-mismatch" else Html("")
        body = render(
            "device",
            csrf=visit.csrf,
            id=shown.id,
            name=shown.name,
            facts=_facts(live, shown),
            accept=mismatch,
            fields=form.fields(shown, error),
        )
        if "values" in visit.request.query:
            return self._ui.values(visit, live, body)
        path, status = f"/asics/{shown.id}", 422 if error else 200
        return self._ui.page(visit, shown.name, body, live=live, path=path, status=status, typed_into=True)


def _facts(live: Live, shown: DeviceView) -> Html:
    words, tone = looks(shown.state)
    rows = [
        ("State", "state", words, tone),
        ("", "detail", shown.detail, ""),
        ("Model", "what", " · ".join(part for part in (shown.what, shown.firmware) if part) or "–", ""),
        ("MAC or serial number", "identity", shown.identity or "–", ""),
        ("Hashrate", "rate", _of(units.hashrate(shown.hashrate), units.hashrate(shown.expected_hashrate)), ""),
        ("Hottest", "hottest", str(units.temperature(shown.hottest_c)), ""),
        ("Power", "power", str(units.power(shown.power_w)), ""),
        (
            "Last reading",
            "age",
            f"{units.duration(shown.read_ago_s)} ago" if shown.read_ago_s is not None else "none yet",
            "",
        ),
        ("It says", "messages", " · ".join(shown.messages) or "–", "warn" if shown.messages else ""),
    ]
    return join(render("fact", label=label, value=live.text(key, text, tone)) for label, key, text, tone in rows)


def _of(measured: units.Quantity, expected: units.Quantity) -> str:
    return f"{measured} of {expected}" if expected.unit else str(measured)
