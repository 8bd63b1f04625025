"""What an operator enters about one device, and the fields of its form."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from rigfarm.sentry.asic.addresses import lan_address
from rigfarm.sentry.asic.csv_import import Entry, checked_name, checked_token
from rigfarm.sentry.asic.model import MODELS, InputError, Login, ReaderName
from rigfarm.sentry.asic.pages.html import render, wrong
from rigfarm.sentry.asic.views import DeviceView
from rigfarm.sentry.ui import Html, fill, join

__all__ = ["DeviceForm"]

_MAX_LOGIN = 200
_KEEP_TOKEN = "Leave it empty to keep the current one."  # noqa: S105 - words
_NEW_TOKEN = "From the Commander, when the rig was created; without one the device is shown only here."  # noqa: S105 - words
_KEEP_LOGIN = "Leave the password empty to keep the current one; clear both to use the make's default."
_NEW_LOGIN = (
    "Only if it was changed from the make's default. It is stored on this machine, and sent only to this device."
)


class DeviceForm(Struct):
    """As it was typed. A password is taken from the form and never put back into one."""

    ip: str = ""
    name: str = ""
    model: str = "auto"
    token: str = ""
    username: str = ""
    password: str = ""
    drop_token: bool = False

    def __repr__(self) -> str:
        return f"DeviceForm(ip={self.ip!r}, name={self.name!r})"

    @classmethod
    def of(cls, form: Mapping[str, str]) -> DeviceForm:
        """From what a page sent."""
        texts = {name: form.get(name, "") for name in ("ip", "name", "model", "token", "username", "password")}
        return cls(**texts, drop_token=form.get("drop-token") == "on")

    @classmethod
    def about(cls, shown: DeviceView) -> DeviceForm:
        """Of a device of the list."""
        return cls(shown.ip, shown.rig_name or "", shown.model, username=shown.username or "")

    def entry(self, before: DeviceView | None = None) -> tuple[Entry, bool, bool]:
        """Checked; and whether the token and the login of before are kept. InputError."""
        token = checked_token(self.token)
        login = self._login(before)
        keeps_login = login is None and bool(self.username) and before is not None
        entry = Entry(lan_address(self.ip), checked_name(self.name), token, login, self._model())
        return entry, before is not None and token is None and not self.drop_token, keeps_login

    def _model(self) -> ReaderName:
        model = next((name for name in MODELS if name == self.model), None)
        if model is None:
            raise InputError("model", "Choose one of the list.")
        return model

    def _login(self, before: DeviceView | None) -> Login | None:
        """The login that was entered; None: none, or that of before."""
        if not self.username and not self.password:
            return None
        if not self.password and before is not None and self.username == before.username:
            return None
        if not self.username or not self.password:
            missing = "password" if self.username else "username"
            raise InputError(missing, "User and password belong together: enter both, or neither.")
        if max(len(self.username), len(self.password)) > _MAX_LOGIN:
            raise InputError("username", f"User and password have up to {_MAX_LOGIN} characters each.")
        return Login(self.username, self.password)

    def fields(self, before: DeviceView | None, error: InputError | None) -> Html:
        """The inputs, with what is wrong beside the one it is about."""

        def beside(name: str) -> Html:
            return wrong(error.message if error is not None and error.field == name else None, name)

        choices = join(
            fill(
                '<option value="$value"$chosen>$words</option>',
                value=name,
                chosen=Html(" selected") if name == self.model else Html(""),
                words=words,
            )
            for name, words in MODELS.items()
        )
        has_token, has_login = before is not None and before.has_token, before is not None and before.username
        drop = render("drop_token", checked=Html(" checked") if self.drop_token else Html(""))
        return render(
            "device_fields",
            ip=self.ip,
            name=self.name,
            choices=choices,
            token=self.token,
            token_hint=_KEEP_TOKEN if has_token else _NEW_TOKEN,
            drop=drop if has_token else Html(""),
            username=self.username,
            login_hint=_KEEP_LOGIN if has_login else _NEW_LOGIN,
            **{f"wrong_{name}": beside(name) for name in ("ip", "name", "model", "token", "username", "password")},
        )
