"""One version of a mining program."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from msgspec import Struct

from rigfarm.commander.fields import form_field
from rigfarm.commander.names import MAX_TEXT, clean_line, clean_name, clean_text
from rigfarm.commander.outbound.reach import BadUrlError, check_url
from rigfarm.commander.refusals import Invalid
from rigfarm.wire.playbooks import Archive
from rigfarm.wire.template import API_PORT, TemplateError, placeholders

__all__ = ["ArchiveFormat", "Devices", "Kept", "Software", "SoftwareForm", "archive_path"]

ArchiveFormat = Literal["tar.gz", "tar.xz", "tar.bz2", "zip", "executable"]
Devices = Literal["cpu", "gpu", "both"]

MAX_URL = 2_000
MAX_TEMPLATE = 32_768
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~-]{0,63}")
_EXECUTABLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
_ADAPTER = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Kept(Struct, frozen=True):
    """The file of a version in the Commander's store."""

    sha256: str
    size: int
    format: ArchiveFormat


def _name(text: str, _: SoftwareForm) -> str:
    return clean_name(text, "Mining software", "XMRig")


def _version(text: str, _: SoftwareForm) -> str:
    return _matching(_VERSION, text, "Enter the version as its authors write it, for example 6.22.2.")


def _url(text: str, form: SoftwareForm) -> str:
    url = clean_line(text, "url", "A URL", MAX_URL)
    if url:
        try:
            check_url(url, lan=form.lan)
        except BadUrlError as error:
            raise Invalid(str(error)) from None
    return url


def _sha256(text: str, _: SoftwareForm) -> str:
    sha256 = text.strip().lower().removeprefix("sha256:")
    if sha256 and not _SHA256.fullmatch(sha256):
        raise Invalid("A SHA-256 has 64 hexadecimal digits; leave it empty to see it after the download.")
    return sha256


def _executable(text: str, _: SoftwareForm) -> str:
    what = "Enter the program's file name inside the archive, without folders, for example xmrig."
    return _matching(_EXECUTABLE, text, what)


def _adapter(text: str, _: SoftwareForm) -> str:
    what = "Enter the stats adapter's name, for example xmrig: lower-case letters, digits, - and _."
    return _matching(_ADAPTER, text, what)


def _api_arguments(text: str, _: SoftwareForm) -> str:
    arguments = _template(text, _)
    unknown = [name for name in placeholders(arguments) if name != API_PORT]
    if unknown:
        raise Invalid(f"Only $API_PORT can stand here, not ${unknown[0]}.")
    return arguments


def _template(text: str, _: SoftwareForm) -> str:
    template = "\n".join(line.strip() for line in text.strip().splitlines())
    try:
        placeholders(template)
    except TemplateError as error:
        raise Invalid(f"{str(error)[0].upper()}{str(error)[1:]}.") from None
    return template


def _matching(pattern: re.Pattern[str], text: str, what: str) -> str:
    value = text.strip()
    if not pattern.fullmatch(value):
        raise Invalid(what)
    return value


class SoftwareForm(Struct, frozen=True):
    """What an operator says of a version. `fields.checked` makes it fit to keep."""

    name: Annotated[str, form_field("Program", group="program", check=_name, required=True, placeholder="XMRig")] = ""
    version: Annotated[
        str, form_field("Version", group="program", check=_version, required=True, placeholder="6.22.2")
    ] = ""
    url: Annotated[
        str,
        form_field(
            "Download URL",
            "https. Leave it empty to upload the file.",
            group="file",
            check=_url,
            max_length=MAX_URL,
            placeholder="https://…",
        ),
    ] = ""
    lan: Annotated[
        bool,
        form_field("from the LAN: the URL is on this network, and can be http", group="file"),
    ] = False
    expected_sha256: Annotated[
        str,
        form_field(
            "SHA-256 published by its authors",
            "Empty: it is shown after the download, for you to confirm.",
            group="file",
            check=_sha256,
            max_length=80,
        ),
    ] = ""
    executable: Annotated[
        str,
        form_field(
            "Executable",
            "File name inside the archive.",
            group="options",
            check=_executable,
            required=True,
            placeholder="xmrig",
        ),
    ] = ""
    adapter: Annotated[
        str,
        form_field(
            "Stats adapter",
            "How its statistics are read: a name from the list of programs above.",
            group="options",
            check=_adapter,
            required=True,
            placeholder="xmrig",
        ),
    ] = ""
    devices: Annotated[
        Devices,
        form_field("Mines with", group="options", choices={"cpu": "CPU", "gpu": "GPUs", "both": "CPU and GPUs"}),
    ] = "gpu"
    dual: Annotated[bool, form_field("can mine two coins at once (dual mining)", group="options")] = False
    api_arguments: Annotated[
        str,
        form_field(
            "Options that switch its stats API on",
            "With $API_PORT; every rig chooses a free port.",
            group="options",
            check=_api_arguments,
            max_length=500,
        ),
    ] = ""
    template: Annotated[
        str, form_field("Template for new playbooks", group="options", check=_template, max_length=MAX_TEMPLATE, rows=4)
    ] = ""
    notes: Annotated[str, form_field("Notes", group="options", check=clean_text, max_length=MAX_TEXT, rows=2)] = ""


class Software(Struct, frozen=True):
    """What is kept about it. Times are UTC milliseconds."""

    id: int
    form: SoftwareForm
    kept: Kept | None
    revision: int
    created_at: int
    updated_at: int

    @property
    def title(self) -> str:
        """Name and version, for people."""
        return f"{self.form.name} {self.form.version}"

    @property
    def pinned(self) -> bool:
        """Whether the file is here and is the one the operator confirmed: only then may rigs have it."""
        return self.kept is not None and self.kept.sha256 == self.form.expected_sha256

    def archive(self) -> Archive | None:
        """What rigs are told of the file; None until it is pinned."""
        if self.kept is None or not self.pinned:
            return None
        return Archive(
            software=self.form.name,
            version=self.form.version,
            sha256=self.kept.sha256,
            size=self.kept.size,
            path=archive_path(self.kept.sha256),
            format=self.kept.format,
            executable=self.form.executable,
        )


def archive_path(sha256: str) -> str:
    """Where the Commander serves the file, relative to its URL."""
    return f"/software/archives/{sha256}"
