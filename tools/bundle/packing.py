"""One file of it all: a shell script that unpacks what follows it."""

from __future__ import annotations

import gzip
import hashlib
import tarfile
from pathlib import Path

UNPACK = Path(__file__).with_name("unpack.sh")


def pack(tree: Path, version: str, final: Path, machine: str) -> Path:
    """The same tree gives the same file, whenever it is packed."""
    archive = final.with_name("archive")
    with gzip.GzipFile(archive, "wb", 9, mtime=0) as compressed, tarfile.open(fileobj=compressed, mode="w|") as tar:
        for path in sorted(tree.rglob("*")):
            tar.add(path, arcname=str(path.relative_to(tree)), recursive=False, filter=_anybodys)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    script = UNPACK.read_text(encoding="utf-8")
    words = {"VERSION": version, "MACHINE": machine, "ID": digest[:12], "LINES": str(script.count("\n") + 1)}
    for word, value in words.items():
        script = script.replace(f"@{word}@", value)
    final.write_bytes(script.encode() + archive.read_bytes())
    final.chmod(0o755)
    return final


def _anybodys(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Nobody's in particular, and of no time."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mtime = 0
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    return entry
