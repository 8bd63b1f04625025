"""Codes as stickers carry them, drawn for a camera: QR and Data Matrix by the page's own library, Code 128 here."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

__all__ = ["drawn", "film"]

WIDTH, HEIGHT = 640, 480
BLACK, WHITE, GREY = 16, 235, 128
QUIET = 12
"""Modules of nothing around a code."""
_DRAW = """async ([decoder, format, text]) => {
  await import(decoder);
  const writer = format === 'QR_CODE' ? new ZXing.QRCodeWriter() : new ZXing.DataMatrixWriter();
  const matrix = writer.encode(text, ZXing.BarcodeFormat[format], 0, 0, new Map());
  const rows = [];
  for (let y = 0; y < matrix.getHeight(); y++) {
    rows.push(Array.from({length: matrix.getWidth()}, (_, x) => matrix.get(x, y) ? 1 : 0));
  }
  return rows;
}"""
_PATTERNS = """async (decoder) => {
  await import(decoder);
  return ZXing.Code128Reader.CODE_PATTERNS.map((one) => [...one]);
}"""
_START_B, _STOP = 104, 106


def drawn(page: Page, kind: str, text: str) -> list[list[int]]:
    """The modules of a code, row by row; 1 is black. `page` is the one that scans; `kind`: `QR_CODE`, `DATA_MATRIX` or
    `CODE_128`."""
    decoder = page.locator("#camera").get_attribute("data-decoder")
    if kind != "CODE_128":
        return [list(row) for row in page.evaluate(_DRAW, [decoder, kind, text])]
    patterns = page.evaluate(_PATTERNS, decoder)
    values = [_START_B, *(ord(char) - 32 for char in text)]
    values += [(values[0] + sum(at * value for at, value in enumerate(values) if at)) % 103, _STOP]
    bars = [int(width) for value in values for width in patterns[value]]
    line = [1 - at % 2 for at, width in enumerate(bars) for _ in range(width)]
    return [line] * 60


def film(path: Path, modules: list[list[int]]) -> Path:
    """A picture of it, as a film that a browser takes for its camera."""
    columns, rows = len(modules[0]) + 2 * QUIET, len(modules)
    scale = WIDTH // columns if rows == 60 else min(WIDTH // columns, HEIGHT // (rows + 2 * QUIET))
    down = 1 if rows == 60 else scale
    luma = bytearray([WHITE]) * (WIDTH * HEIGHT)
    left = (WIDTH - len(modules[0]) * scale) // 2
    top = (HEIGHT - rows * down) // 2
    for y in range(rows * down):
        row = modules[y // down]
        for x, black in enumerate(row):
            if black:
                at = (top + y) * WIDTH + left + x * scale
                luma[at : at + scale] = bytes([BLACK]) * scale
    chroma = bytes([GREY]) * (WIDTH * HEIGHT // 2)
    frame = b"FRAME\n" + bytes(luma) + chroma
    path.write_bytes(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F10:1 Ip A1:1 C420\n".encode() + frame * 10)
    return path
