"""The fake mining program as an archive, in the shapes in which real ones are shipped."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from rigfarm.simulate.program.reach import anyones_python
from rigfarm.wire.playbooks import Archive

__all__ = ["ARCHIVE_FORMATS", "archive_for", "pack", "pack_files", "source"]

ARCHIVE_FORMATS = ("tar.gz", "tar.xz", "tar.bz2", "zip", "executable")
_COMPRESS: Mapping[str, Callable[[bytes], bytes]] = {
    "tar.gz": lambda flat: gzip.compress(flat, mtime=0),
    "tar.xz": lzma.compress,
    "tar.bz2": bz2.compress,
}
_LICENCE = b"This program mines nothing.\n"


def source(python: str | None = None) -> bytes:
    """The program's text, run by `python` (one that every user may run, unless said otherwise)."""
    text = (Path(__file__).parent / "miner.py").read_bytes()
    return f"#!{python or anyones_python()}\n".encode() + text


def pack(
    format: str, name: str = "fakeminer", *, top: str | None = None, python: str | None = None, salt: str = ""
) -> bytes:
    """The program named `name` with a licence beside it, in the folder `top` or flat. Another `salt`: another hash."""
    program = source(python) + f"# {salt}\n".encode()
    if format == "executable":
        return program
    below = f"{top}/" if top else ""
    return pack_files(format, {f"{below}{name}": program, f"{below}LICENSE": _LICENCE})


def pack_files(format: str, files: Mapping[str, bytes]) -> bytes:
    """Plain files as an archive, the same bytes each time; none has its run bit, as in many a zip file."""
    out = io.BytesIO()
    if format == "zip":
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
        return out.getvalue()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return _COMPRESS[format](out.getvalue())


def archive_for(content: bytes, format: str, executable: str = "fakeminer", *, version: str = "1.0") -> Archive:
    """What a Commander would say of this archive; it is served below `/archives/`."""
    digest = hashlib.sha256(content).hexdigest()
    return Archive(
        software="fakeminer",
        version=version,
        sha256=digest,
        size=len(content),
        path=f"/archives/{digest}",
        format=format,  # type: ignore[arg-type]  # one of the formats, as text
        executable=executable,
    )
