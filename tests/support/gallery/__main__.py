"""`python -m support.gallery [PORT]` serves the gallery on this machine; with a folder, it writes it."""

from __future__ import annotations

import sys
from pathlib import Path

import uvicorn

from support.gallery.pages import Gallery
from support.gallery.server import GalleryServer


def main() -> None:
    """Serve or write."""
    argument = sys.argv[1] if len(sys.argv) > 1 else "7171"
    gallery = Gallery()
    if argument.isdigit():
        print(f"http://127.0.0.1:{argument}/  (Ctrl-C ends it)")
        uvicorn.run(GalleryServer(gallery).app, host="127.0.0.1", port=int(argument), log_level="warning")
        return
    folder = Path(argument)
    folder.mkdir(parents=True, exist_ok=True)
    for name in gallery.names():
        (folder / f"{name}.html").write_text(gallery.render(name), encoding="utf-8")
    print(f"{len(gallery.names())} pages in {folder}")


if __name__ == "__main__":
    main()
