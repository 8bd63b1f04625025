"""One version of a mining program."""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

from rigfarm.commander.mining_software.reach import BadUrlError, check_url
from rigfarm.commander.names import clean_line, clean_name
from rigfarm.commander.refusals import Invalid
from rigfarm.wire.playbooks import Archive
from rigfarm.wire.template import API_PORT, TemplateError, placeholders

__all__ = ["ArchiveFormat", "Kept", "Software", "SoftwareForm", "archive_path", "checked"]

ArchiveFormat = Literal["tar.gz", "tar.xz", "tar.bz2", "zip", "executable"]
Devices = Literal["cpu", "gpu", "both"]

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~-]{0,63}")
_EXECUTABLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
_ADAPTER = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Kept(Struct, frozen=True):
    """The file of a version in the Commander's store."""

    sha256: str
    size: int
    format: ArchiveFormat


class SoftwareForm(Struct, frozen=True):
    """What an operator types; `checked` makes it fit to keep."""

    name: str
    version: str
    url: str = ""
    """Where to fetch it; empty: it will be uploaded."""
    lan: bool = False
    """The URL may lead to an address of the LAN, and then may be plain http."""
    expected_sha256: str = ""
    """What the operator confirms; empty: not yet."""
    executable: str = ""
    adapter: str = ""
    api_arguments: str = ""
    template: str = ""
    devices: Devices = "gpu"
    dual: bool = False


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


def checked(form: SoftwareForm) -> SoftwareForm:
    """The form as it is kept, or Invalid with a text for each field that cannot be right."""
    wrong: dict[str, str] = {}
    values: dict[str, str] = {}
    for field, check in _CHECKS.items():
        try:
            values[field] = check(form)
        except Invalid as error:
            wrong |= error.fields
    if wrong:
        raise Invalid.of(wrong)
    return SoftwareForm(**values, lan=form.lan, devices=form.devices, dual=form.dual)


def _name(form: SoftwareForm) -> str:
    return clean_name(form.name, "Mining software", "XMRig")


def _version(form: SoftwareForm) -> str:
    return _matching(
        _VERSION, form.version, "version", "Enter the version as its authors write it, for example 6.22.2."
    )


def _url(form: SoftwareForm) -> str:
    url = clean_line(form.url, "url", "A URL", 2000)
    if url:
        try:
            check_url(url, lan=form.lan)
        except BadUrlError as error:
            raise Invalid(str(error), field="url") from None
    return url


def _sha256(form: SoftwareForm) -> str:
    text = form.expected_sha256.strip().lower().removeprefix("sha256:")
    if text and not _SHA256.fullmatch(text):
        raise Invalid(
            "A SHA-256 has 64 hexadecimal digits; leave it empty to see it after fetching.", field="expected_sha256"
        )
    return text


def _executable(form: SoftwareForm) -> str:
    what = "Enter the program's file name inside the archive, without folders, for example xmrig."
    return _matching(_EXECUTABLE, form.executable, "executable", what)


def _adapter(form: SoftwareForm) -> str:
    what = "Enter the stats adapter's name, for example xmrig: lower-case letters, digits, - and _."
    return _matching(_ADAPTER, form.adapter, "adapter", what)


def _api_arguments(form: SoftwareForm) -> str:
    text = _template(form.api_arguments, "api_arguments")
    unknown = [name for name in placeholders(text) if name != API_PORT]
    if unknown:
        raise Invalid(f"Only $API_PORT can stand here, not ${unknown[0]}.", field="api_arguments")
    return text


def _default_template(form: SoftwareForm) -> str:
    return _template(form.template, "template")


_CHECKS = {
    "name": _name,
    "version": _version,
    "url": _url,
    "expected_sha256": _sha256,
    "executable": _executable,
    "adapter": _adapter,
    "api_arguments": _api_arguments,
    "template": _default_template,
}


def _matching(pattern: re.Pattern[str], text: str, field: str, what: str) -> str:
    value = text.strip()
    if not pattern.fullmatch(value):
        raise Invalid(what, field=field)
    return value


def _template(text: str, field: str) -> str:
    template = "\n".join(line.strip() for line in text.strip().splitlines())
    try:
        placeholders(template)
    except TemplateError as error:
        raise Invalid(f"{str(error)[0].upper()}{str(error)[1:]}.", field=field) from None
    return template
