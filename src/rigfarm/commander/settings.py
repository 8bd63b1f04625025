"""The settings of a Commander: defaults, a TOML file, `RIGFARM_*` of the environment, the command line; the last wins.

docs/settings.md is written from this file (`settings_docs`), and a test keeps the two the same.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal
from urllib.parse import urlsplit

import argon2
import msgspec
from msgspec import Meta, Struct

from rigfarm.common.lan import is_loopback

__all__ = [
    "ENVIRONMENT_PREFIX",
    "SECRETS",
    "SQLITE_FILE",
    "Settings",
    "SettingsError",
    "load_settings",
    "make_private_folder",
    "unknown_variables",
    "wrong_with_password",
]

ENVIRONMENT_PREFIX = "RIGFARM_"
MIN_PASSWORD = 8
"""Characters of a new password in plain text; a hash says nothing of its length."""
MAX_PASSWORD = 1024
SQLITE_FILE = "rigfarm.db"
"""Of the data folder."""
SECRETS = (
    "password",
    "password_hash",
    "visitor_password",
    "visitor_password_hash",
    "database_url",
    "nats_url",
    "mqtt_url",
)
_NOT_SETTINGS = {"RIGFARM_CONFIG"}


class SettingsError(ValueError):
    """An invalid setting; the text names it, says where it came from, and what would be right."""


def _default_data_dir() -> Path:
    home = os.environ.get("XDG_DATA_HOME") or Path("~/.local/share").expanduser()
    return Path(home) / "rigfarm" / "commander"


class Settings(Struct, frozen=True, kw_only=True):
    """Everything an operator can configure on a Commander. Durations have their unit in their name."""

    host: Annotated[str, Meta(description="Address to listen on. `127.0.0.1` hides it behind a reverse proxy.")] = (
        "0.0.0.0"  # noqa: S104 - rigs come over the LAN
    )
    port: Annotated[int, Meta(ge=0, le=65535, description="TCP port to listen on; 0 takes a free one.")] = 7070
    data_dir: Annotated[
        Path,
        Meta(description="Folder of the journal, the database and the mining software; for its user only."),
    ] = msgspec.field(default_factory=_default_data_dir)
    database_url: Annotated[
        str | None, Meta(description="`postgresql://user:password@host/name`, or absent for SQLite in the data folder.")
    ] = None
    nats_url: Annotated[
        str | None,
        Meta(
            description="`nats://user:password@host`, several with commas between: this Commander is one of several "
            "replicas of one farm, which share `database_url` and this NATS (docs/scale.md)."
        ),
    ] = None
    nats_stream: Annotated[
        str,
        Meta(
            pattern="^[A-Za-z0-9_-]{1,64}$",
            description="Name of the JetStream stream that the replicas of this farm share.",
        ),
    ] = "rigfarm"
    nats_copies: Annotated[
        int, Meta(ge=1, le=5, description="On how many servers of a NATS cluster the stream is stored.")
    ] = 1
    replica_name: Annotated[
        str | None,
        Meta(description="What this replica is called on pages and in logs, else the name of its machine."),
    ] = None
    public_url: Annotated[
        str | None,
        Meta(
            description="How people and rigs reach this Commander, for example `https://farm.example`. "
            "Set it behind a reverse proxy: join commands use it, and requests from its pages are accepted."
        ),
    ] = None
    tls: Annotated[
        Literal["on", "off"],
        Meta(
            description="`on` speaks https, with its own certificate unless `tls_certificate` is set. `off` "
            'speaks plain http, and only on this machine (`host = "127.0.0.1"`) or to a TLS proxy: `public_url` is '
            "its https address then, and `trusted_proxies` names it."
        ),
    ] = "on"
    tls_certificate: Annotated[
        Path | None, Meta(description="PEM file of your own certificate, with its chain. A renewed file is noticed.")
    ] = None
    tls_key: Annotated[Path | None, Meta(description="PEM file of its private key, without a passphrase.")] = None
    trusted_proxies: Annotated[
        list[str],
        Meta(description="Addresses or networks of reverse proxies whose `X-Forwarded-For` and `-Proto` are believed."),
    ] = []
    password: Annotated[
        str | None, Meta(description="The password, in plain text, at least 8 characters. Only its hash is stored.")
    ] = None
    password_hash: Annotated[
        str | None, Meta(description="The password as `rigfarm commander hash-password` prints it (Argon2id).")
    ] = None
    visitor_password: Annotated[
        str | None,
        Meta(
            description="A second password, in plain text: who logs in with it sees every page and changes nothing. "
            "Absent: `rigfarm commander reset-password --visitor` may have set one, else visitors cannot log in."
        ),
    ] = None
    visitor_password_hash: Annotated[
        str | None, Meta(description="The visitors' password as `rigfarm commander hash-password` prints it.")
    ] = None
    bundle_dir: Annotated[
        Path | None,
        Meta(description="Folder of self-contained Sentries for new rigs, else `bundles` in the data folder."),
    ] = None
    report_interval_s: Annotated[float, Meta(ge=1, le=3600, description="How often rigs report, in seconds.")] = 5.0
    journal_hours: Annotated[
        float, Meta(ge=1, le=24 * 366, description="How long operational logs are kept, in hours.")
    ] = 48.0
    journal_mib_per_rig: Annotated[
        float,
        Meta(
            ge=1,
            le=1_000_000,
            description="MiB of operational logs that one rig may put into the journal within a day. Sixteen GPUs "
            "that report every second send 170.",
        ),
    ] = 512.0
    history: Annotated[
        Literal["on", "off"],
        Meta(
            description="`off` collects no history: charts show a rig's last hour only. What was collected before "
            "stays in `history.db`."
        ),
    ] = "on"
    history_raw_hours: Annotated[
        float, Meta(ge=1, le=24 * 366, description="How long history keeps every log of a rig, in hours.")
    ] = 48.0
    history_minute_days: Annotated[
        float, Meta(ge=1, le=3660, description="How long history keeps a rig's and the farm's minutes, in days.")
    ] = 30.0
    history_hour_days: Annotated[
        float, Meta(ge=1, le=36_600, description="How long history keeps a rig's and the farm's hours, in days.")
    ] = 730.0
    metrics_detail: Annotated[
        Literal["auto", "farm", "rigs", "devices"],
        Meta(
            description="What `/metrics` gives to Prometheus: sums of the `farm`, also each of its `rigs`, or also "
            "their `devices`. `auto` is `rigs` for up to 2,000 rigs, else `farm`."
        ),
    ] = "auto"
    mqtt_url: Annotated[
        str | None,
        Meta(
            description="`mqtts://user:password@host`, or `mqtt://…` without TLS: publishes the farm at this MQTT "
            "broker, for Home Assistant and others (docs/mqtt.md)."
        ),
    ] = None
    mqtt_ca: Annotated[
        Path | None,
        Meta(
            description="PEM file of the authority that signed the broker's certificate, or of that certificate "
            "itself. Without it, the system's authorities are trusted."
        ),
    ] = None
    mqtt_prefix: Annotated[
        str, Meta(description="What its topics begin with. Each Commander at a broker needs one of its own.")
    ] = "rigfarm"
    mqtt_discovery: Annotated[
        str, Meta(description="Home Assistant's discovery prefix; `off` announces no devices.")
    ] = "homeassistant"
    mqtt_commands: Annotated[
        Literal["on", "off"],
        Meta(
            description="`on`: every client that may publish at the broker can restart, reboot, pause and resume rigs."
        ),
    ] = "off"
    legacy_api: Annotated[
        Literal["on", "off"],
        Meta(
            description="Whether agents of Mining Rig Monitor (API v1, under `/api/v1`) may report here, with a rig's "
            "token as their API code."
        ),
    ] = "on"
    activity_days: Annotated[
        float, Meta(ge=1, le=36_600, description="How long the activity keeps who did what, in days.")
    ] = 400.0
    activity_entries: Annotated[
        int,
        Meta(ge=1_000, le=10_000_000, description="How many entries the activity keeps at most; the oldest go first."),
    ] = 500_000
    session_idle_days: Annotated[
        float, Meta(gt=0, le=3650, description="A login ends after this many days without use.")
    ] = 30.0
    session_absolute_days: Annotated[
        float, Meta(gt=0, le=3650, description="A login ends after this many days, even if it is used.")
    ] = 90.0
    login_attempts_per_address: Annotated[
        int, Meta(ge=1, le=1000, description="Wrong passwords a minute from one address (IPv6: one /64 network).")
    ] = 10
    login_attempts: Annotated[
        int,
        Meta(
            ge=1,
            le=10_000,
            description="Wrong passwords a minute from all addresses together. Browsers that logged in before have "
            "attempts of their own.",
        ),
    ] = 100
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="The lowest level of lines that are written.")
    ] = "info"
    log_format: Annotated[
        Literal["text", "json"], Meta(description="`text` for people, `json` for a log collector; both on stderr.")
    ] = "text"

    @property
    def database(self) -> str:
        """The database's URL; SQLite in the data folder unless another was set."""
        return self.database_url or self.sqlite_url

    @property
    def sqlite_url(self) -> str:
        """The URL of SQLite in the data folder."""
        return f"sqlite:///{self.data_dir / SQLITE_FILE}"

    @property
    def bundles(self) -> Path:
        """The folder of self-contained Sentries."""
        return self.bundle_dir or self.data_dir / "bundles"

    def __repr__(self) -> str:
        """Without secrets, so that a settings object in a log or a traceback gives nothing away."""
        shown = (f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name not in SECRETS)
        return f"Settings({', '.join(shown)})"


_NO_OPTIONS: Mapping[str, object] = MappingProxyType({})


def load_settings(
    config: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    options: Mapping[str, object] = _NO_OPTIONS,
) -> Settings:
    """Settings from the file (also named by RIGFARM_CONFIG), the environment and the command line's options.

    Raises SettingsError for the first one that is wrong.
    """
    if config is None and environ.get("RIGFARM_CONFIG"):
        config = Path(environ["RIGFARM_CONFIG"])
    found: dict[str, tuple[object, str]] = {}
    if config is not None:
        found |= {name: (value, str(config)) for name, value in _read_toml(config).items()}
    for name in Settings.__struct_fields__:
        variable = ENVIRONMENT_PREFIX + name.upper()
        if environ.get(variable):
            found[name] = (environ[variable], variable)
    found |= {name: (value, "--" + name.replace("_", "-")) for name, value in options.items() if value is not None}
    values = {name: _convert(name, value, source) for name, (value, source) in found.items()}
    settings = msgspec.convert(values, Settings, dec_hook=_path)
    for name in ("password", "visitor_password"):
        if name in values and f"{name}_hash" in values:
            raise SettingsError(
                f"{name} ({found[name][1]}) and {name}_hash ({found[f'{name}_hash'][1]}) are both set: "
                "keep one of them."
            )
    for end in ("", "_hash"):
        if f"visitor_password{end}" in values and values.get(f"password{end}") == values[f"visitor_password{end}"]:
            raise SettingsError(
                f"visitor_password{end} ({found[f'visitor_password{end}'][1]}) is the farm's own password: visitors "
                "could change everything. Choose another for them."
            )
    _check_tls(settings)
    if settings.nats_url is not None and not (settings.database_url or "").startswith("postgres"):
        raise SettingsError(
            "nats_url makes this Commander one of several replicas, and they need a database that they share: set "
            "database_url to a PostgreSQL, or leave nats_url out."
        )
    return settings


def _check_tls(settings: Settings) -> None:
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        raise SettingsError("tls_certificate and tls_key belong together: set both, or neither.")
    if settings.tls == "on" or is_loopback(settings.host):
        return
    if not (settings.public_url or "").startswith("https://") or not settings.trusted_proxies:
        raise SettingsError(
            f"tls is off, but host ({settings.host}) opens this Commander to the network: anyone there could read "
            'passwords and tokens, and take over rigs. Set tls = "on", or host = "127.0.0.1". For a TLS proxy on '
            "another machine, set public_url to its https:// address and trusted_proxies to its IP address."
        )


def unknown_variables(environ: Mapping[str, str] = os.environ) -> list[str]:
    """`RIGFARM_*` variables that look like a misspelled setting, with what was probably meant."""
    known = [ENVIRONMENT_PREFIX + name.upper() for name in Settings.__struct_fields__]
    hints = []
    for variable in sorted(environ):
        if variable.startswith(ENVIRONMENT_PREFIX) and variable not in known and variable not in _NOT_SETTINGS:
            close = difflib.get_close_matches(variable, known, 1, cutoff=0.8)
            hints += [f"{variable} is not a setting and was ignored; did you mean {close[0]}?"] if close else []
    return hints


def make_private_folder(path: Path) -> None:
    """Make a folder that only its user can enter (mode 700), or make it so; SettingsError when it cannot be."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.stat().st_mode & 0o077:
            path.chmod(0o700)
    except OSError as error:
        raise SettingsError(
            f"The data folder {path} cannot be used: {error.strerror}. Choose another with --data-dir or "
            "RIGFARM_DATA_DIR, or make it this user's own."
        ) from None


def _read_toml(path: Path) -> dict[str, object]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"The configuration file {path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"The configuration file {path} is not valid TOML: {error}.") from None
    for name in table:
        if name not in Settings.__struct_fields__:
            close = difflib.get_close_matches(name, Settings.__struct_fields__, 1)
            hint = f" Did you mean {close[0]}?" if close else " docs/settings.md lists them all."
            raise SettingsError(f"{path}: unknown setting {name}.{hint}")
    return table


_TYPES = {field.name: field.type for field in msgspec.structs.fields(Settings)}


def _convert(name: str, value: object, source: str) -> object:
    if isinstance(value, str) and name == "trusted_proxies":
        value = [part.strip() for part in value.split(",") if part.strip()]
    try:
        converted: object = msgspec.convert(value, _TYPES[name], strict=False, dec_hook=_path)
        check = _CHECKS.get(name)
        return converted if check is None else check(converted)
    except (msgspec.ValidationError, ValueError) as error:
        raise SettingsError(f"The setting {name} (from {source}) is wrong: {error}") from None


def _path(kind: type, value: object) -> Path:
    if kind is not Path or not isinstance(value, str | Path):
        raise TypeError(f"Expected a path, got {type(value).__name__}")
    return Path(value).expanduser().absolute()


def _public_url(value: object) -> str:
    """Scheme, host and port only: cookies and join commands belong to a whole host."""
    url = str(value).strip().rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ValueError("Expected a URL such as https://farm.example")
    if parts.path or parts.query or parts.fragment:
        raise ValueError(f"Expected no path after the host, as in {parts.scheme}://{parts.netloc}")
    if (parts.scheme, parts.port) in (("http", 80), ("https", 443)):
        return f"{parts.scheme}://{parts.netloc.rpartition(':')[0]}".lower()
    return f"{parts.scheme}://{parts.netloc}".lower()


def _networks(value: object) -> list[str]:
    assert isinstance(value, list)
    return [str(ipaddress.ip_network(item, strict=False)) for item in value]


def _password(value: object) -> str:
    wrong = wrong_with_password(str(value))
    if wrong:
        raise ValueError(wrong)
    return str(value)


def wrong_with_password(password: str) -> str:
    """Why a new password cannot be taken; empty when it can."""
    if len(password) < MIN_PASSWORD:
        return f"A password has at least {MIN_PASSWORD} characters, better four random words or more."
    if len(password.encode("utf-8", "surrogatepass")) > MAX_PASSWORD:
        return f"A password has at most {MAX_PASSWORD} bytes."
    return ""


def _hash(value: object) -> str:
    text = str(value).strip()
    try:
        parameters = argon2.extract_parameters(text)
    except argon2.exceptions.InvalidHashError:
        parameters = None
    if parameters is None or parameters.type is not argon2.Type.ID:
        raise ValueError("Expected what `rigfarm commander hash-password` prints; it begins with $argon2id$")
    return text


_TOPIC = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")
"""What a prefix of topics may be: no wildcards, no empty levels."""
MAX_TOPIC = 100


def _mqtt_url(value: object) -> str:
    url = str(value).strip()
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or port == 0:
        raise ValueError("Expected a URL such as mqtts://user:password@broker.example:8883")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("Expected nothing after the host and port; the prefix of topics is mqtt_prefix")
    return url


def _topic(value: object) -> str:
    text = str(value).strip()
    if not _TOPIC.fullmatch(text) or len(text) > MAX_TOPIC:
        raise ValueError("Expected letters, digits, - and _, with / between levels")
    return text


def _discovery(value: object) -> str:
    return "" if str(value).strip() in ("", "off") else _topic(value)


_CHECKS: dict[str, Callable[[object], object]] = {
    "mqtt_url": _mqtt_url,
    "mqtt_prefix": _topic,
    "mqtt_discovery": _discovery,
    "public_url": _public_url,
    "trusted_proxies": _networks,
    "password": _password,
    "password_hash": _hash,
    "visitor_password": _password,
    "visitor_password_hash": _hash,
}
