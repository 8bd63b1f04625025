"""Settings of a Sentry: `sentry.toml` in its data folder, and a few variables of the environment."""

from __future__ import annotations

import difflib
import ipaddress
import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from rigfarm.common.commander_url import commander_url
from rigfarm.common.lan import is_loopback
from rigfarm.common.whole_file import write_private
from rigfarm.sentry.identity.passwords import MIN_PASSWORD, hash_password, is_hash
from rigfarm.sentry.processes.access import Policy
from rigfarm.sentry.processes.services import PROGRAMS_USER
from rigfarm.sentry.readings import WorkloadSource

__all__ = [
    "Settings",
    "SettingsError",
    "Workload",
    "listen_address",
    "load_settings",
    "save_commander",
    "save_settings",
]

FILE_NAME = "sentry.toml"
_ENVIRONMENT = {
    "RIGFARM_COMMANDER": "commander",
    "RIGFARM_CA_FILE": "ca_file",
    "RIGFARM_UI": "ui",
    "RIGFARM_UI_PASSWORD": "ui_password",
    "RIGFARM_LOG_LEVEL": "log_level",
}
_SECRET = {"ui_password"}
USER_PATTERN = r"^[a-z_][a-z0-9_.-]{0,31}$"


class SettingsError(ValueError):
    """A setting that cannot be; the text names it, says where it came from, and what would be right."""


class Workload(Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[workloads]]` table: a mining program that is started otherwise, and where it answers."""

    adapter: Annotated[str, Meta(min_length=1, description="Which mining program it is, for example `xmrig`.")]
    port: Annotated[int, Meta(ge=1, le=65535, description="TCP port of its stats API.")]
    host: Annotated[str, Meta(min_length=1, description="Where it runs; usually this machine.")] = "127.0.0.1"
    coin: Annotated[str | None, Meta(description="What it mines.")] = None
    coins: Annotated[list[str] | None, Meta(description="What it mines, when it mines several coins at once.")] = None
    software: Annotated[str | None, Meta(description="Its name, if it does not report one.")] = None
    version: Annotated[str | None, Meta(description="Its version, if it does not report one.")] = None
    wallet: Annotated[str | None, Meta(description="The wallet, if it does not report one.")] = None
    worker: Annotated[str | None, Meta(description="The worker, if it does not report one.")] = None

    def source(self) -> WorkloadSource:
        """As the readers want it."""
        coins = self.coins if self.coins is not None else [self.coin] if self.coin is not None else []
        return WorkloadSource(
            self.adapter,
            self.port,
            self.host,
            coins=coins,
            software=self.software,
            version=self.version,
            wallet=self.wallet,
            worker=self.worker,
        )


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything an operator may decide about a Sentry."""

    commander: Annotated[str | None, Meta(description="Address of the Commander; `rigfarm sentry join` writes it.")] = (
        None
    )
    ca_file: Annotated[
        str | None,
        Meta(description="PEM file of the authority that signed the Commander's certificate, if it is the farm's own."),
    ] = None
    insecure_http: Annotated[
        bool,
        Meta(
            description="Whether the Commander may be reached by plain http, through which others can read the token: "
            "only on this machine, or where a proxy or tunnel protects the way."
        ),
    ] = False
    ui: Annotated[
        str, Meta(description="Address and port of the Sentry's own page; `off`: none. Others need `ui_password`.")
    ] = "127.0.0.1:7777"
    ui_password: Annotated[
        str | None,
        Meta(description="Password of that page, in plain text or as `rigfarm sentry hash-password` prints it."),
    ] = None
    spool_mib: Annotated[
        int, Meta(ge=4, le=1 << 20, description="Logs kept on disk while the Commander is away, at most, MiB.")
    ] = 256
    allow_power: Annotated[
        bool, Meta(description="Whether the Commander may reboot this machine and switch it off.")
    ] = False
    programs_user: Annotated[
        str,
        Meta(
            pattern=USER_PATTERN,
            description="User that mining programs run as when the Sentry is root. `rigfarm sentry install` makes the "
            "default one; `root` gives every playbook this machine.",
        ),
    ] = PROGRAMS_USER
    allow_users: Annotated[
        list[Annotated[str, Meta(pattern=USER_PATTERN)]],
        Meta(description='Other users that a playbook may ask for in "Runs as user", for example `["root"]`.'),
    ] = []
    allow_tuning: Annotated[
        bool, Meta(description="Whether a playbook may raise its program's priority above the system's (nice below 0).")
    ] = False
    updates: Annotated[
        Literal["on", "off"], Meta(description="Whether the Commander may update this Sentry; `off` forbids it.")
    ] = "on"
    asics: Annotated[bool, Meta(description="Whether this Sentry reads the ASICs of its LAN.")] = False
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="The lowest level of lines that are written.")
    ] = "info"
    workloads: Annotated[list[Workload], Meta(description="Mining programs that the Sentry does not start.")] = []
    data_dir: Path = Path()
    """Not from the file: where it lies."""

    def __repr__(self) -> str:
        """Without secrets."""
        shown = (f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name not in _SECRET)
        return f"Settings({', '.join(shown)})"

    @property
    def policy(self) -> Policy:
        """What mining programs may do on this machine."""
        return Policy(self.programs_user, self.allow_users, self.allow_tuning)

    @property
    def sources(self) -> list[WorkloadSource]:
        """Where mining programs answer."""
        return [workload.source() for workload in self.workloads]


def load_settings(folder: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """What the file and the environment say. SettingsError names the first setting that is wrong."""
    path = folder / FILE_NAME
    values = _read(path)
    origin = dict.fromkeys(values, str(path))
    for variable, name in _ENVIRONMENT.items():
        if environ.get(variable):
            values[name], origin[name] = environ[variable], variable
    _check_names(values, path)
    try:
        settings = msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(_in_words(error, values, origin)) from None
    return _checked(settings, origin, folder)


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}. Give it to the Sentry's user (chown).") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}.") from None


def _check_names(values: dict[str, object], path: Path) -> None:
    known = [name for name in Settings.__struct_fields__ if name != "data_dir"]
    for name in values:
        if name not in known:
            raise SettingsError(f"{path}: unknown setting {name}.{_meant(name, known)}")
    workloads = values.get("workloads")
    for number, table in enumerate(workloads if isinstance(workloads, list) else [], 1):
        for name in table if isinstance(table, dict) else ():
            if name not in Workload.__struct_fields__:
                hint = _meant(name, list(Workload.__struct_fields__))
                raise SettingsError(f"{path}: unknown setting {name} in [[workloads]] number {number}.{hint}")


def _meant(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    return f" Did you mean {close[0]}?" if close else f" There are: {', '.join(known)}."


def _in_words(error: msgspec.ValidationError, values: dict[str, object], origin: Mapping[str, str]) -> str:
    text, _, path = str(error).partition(" - at `$")
    keys = re.findall(r"\.(\w+)|\[(\d+)\]", path)
    if not keys:
        missing = re.search(r"`(\w+)`", text)
        return f"{text}." if missing is None else f"The setting {missing[1]} is wrong: {text}."
    name = keys[0][0]
    where = "".join(f" {key}" if key else f" number {int(index) + 1}" for key, index in keys)
    return f"The setting{where} (from {origin.get(name, FILE_NAME)}) is wrong: {text}."


def _checked(settings: Settings, origin: Mapping[str, str], folder: Path) -> Settings:
    changes: dict[str, object] = {"data_dir": folder}
    checks = {"commander": commander_url, "ca_file": _ca_file, "ui": _ui, "ui_password": _password}
    for name, check in checks.items():
        value = getattr(settings, name)
        if value is not None:
            try:
                changes[name] = check(value)
            except ValueError as error:
                raise SettingsError(
                    f"The setting {name} (from {origin.get(name, 'its default')}) is wrong: {error}"
                ) from None
    for number, workload in enumerate(settings.workloads, 1):
        if workload.coin is not None and workload.coins is not None:
            raise SettingsError(
                f"{folder / FILE_NAME}: [[workloads]] number {number} has coin and coins; keep one of them: "
                'coin = "XMR", or for dual mining coins = ["ETC", "ALPH"].'
            )
    settings = msgspec.structs.replace(settings, **changes)
    address = listen_address(settings.ui)
    if address is not None and not is_loopback(address[0]) and settings.ui_password is None:
        raise SettingsError(
            f"The setting ui ({settings.ui}) opens the Sentry's page to the network: set ui_password too, or keep it "
            'to this machine with ui = "127.0.0.1:7777".'
        )
    return settings


def listen_address(ui: str) -> tuple[str, int] | None:
    """Host and port of the page; None when it is off."""
    if ui == "off":
        return None
    host, _, port = ui.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _ui(text: str) -> str:
    if text == "off":
        return text
    wanted = 'Expected an address and a port such as "127.0.0.1:7777", or "off".'
    host, _, port = text.rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(wanted)
    try:
        ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        if host != "localhost":
            raise ValueError(wanted) from None
    return text


def _ca_file(text: str) -> str:
    path = Path(text).expanduser().absolute()
    if not path.is_file():
        raise ValueError(f"{path} is not a file. Expected the PEM file of a certificate authority.")
    return str(path)


def _password(text: str) -> str:
    if text.startswith("scrypt:"):
        if not is_hash(text):
            raise ValueError("Expected what `rigfarm sentry hash-password` prints, as a whole, or plain text.")
        return text
    if len(text) < MIN_PASSWORD:
        raise ValueError(f"Expected {MIN_PASSWORD} characters or more.")
    return hash_password(text)


def save_commander(folder: Path, url: str, ca_file: str | None = None, *, insecure_http: bool = False) -> None:
    """Write the Commander's address into the file. OSError, SettingsError."""
    save_settings(folder, {"commander": url, "ca_file": ca_file, "insecure_http": insecure_http or None})


def save_settings(folder: Path, values: Mapping[str, str | bool | None]) -> None:
    """Write settings into the file (None: take out), and leave all else in it as it is. OSError, SettingsError."""
    path = folder / FILE_NAME
    _read(path)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    for name, value in values.items():
        text = _with_setting(text, name, value)
    found = tomllib.loads(text)
    for name, value in values.items():
        if found.get(name) != value:
            by_hand = name if name in _SECRET else f"{name} = {value!r}"
            raise SettingsError(f"{path} is written in a way that cannot be changed safely: set {by_hand} by hand.")
    write_private(path, text.encode())


def _with_setting(text: str, name: str, value: str | bool | None) -> str:
    """The text with one setting of its top level replaced, added or taken out."""
    table = re.search(r"^\s*\[", text, re.MULTILINE)
    end = table.start() if table else len(text)
    head, rest = text[:end], text[end:]
    # JSON's strings are TOML's basic strings, but for one character that no setting here holds; booleans are the same.
    line = "" if value is None else f"{name} = {json.dumps(value, ensure_ascii=False)}\n"
    replaced, count = re.subn(rf"^[ \t]*{name}[ \t]*=.*\n?", lambda _: line, head, count=1, flags=re.MULTILINE)
    return (replaced if count else line + head) + rest
