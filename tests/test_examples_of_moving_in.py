"""Every command of the pages for those who come from another product is run as it is written, with a real Commander. A
small server answers in the place of the other product, as its API does."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rigfarm.simulate.commander import CommanderProcess
from support.moving_in import WALLETS, answer, flight_sheet

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = sorted(path for path in DOCS.glob("coming-from-*.md") if "```sh" in path.read_text())
WORKERS = answer(
    {"id": 1, "name": "gpu-01", "platform": 1, "ip_addresses": ["10.0.0.5"], "tag_ids": [3], "password": "s3cret"}
)
MINER = {"id": 4, "name": "S19 #4", "hostname": "10.0.0.4:4028", "hasAsic": True}
ANSWERS = {
    "/farms/12345/wallets": WALLETS,
    "/farms/12345/fs": answer(flight_sheet(), flight_sheet("Old", miner="nbminer")),
    "/farms/12345/workers2": WORKERS,
    "/farms/12345/tags": answer({"id": 3, "name": "hall", "color": 1}),
    "/api/miners": json.dumps({"groupList": [{"id": 1, "name": "Hall A", "minerList": [MINER]}]}),
}
MINERS_CSV = (
    "miner_name,miner_ip,miner_mac,miner_rack,miner_row,miner_index\nasic-9,10.0.0.9,c0:a3:6e:01:02:03,R1,1,2\n"
)
CREATED = {
    "coming-from-hiveos.md": {"Main", "herominers KAS", "lolMiner unknown-version", "Kaspa"},
    "coming-from-awesome-miner.md": {"S19 #4"},
    "coming-from-foreman.md": {"asic-9"},
}


class OtherProduct(BaseHTTPRequestHandler):
    """Answers as another product does, if it is asked as its API wants it."""

    def do_GET(self) -> None:
        text = ANSWERS.get(self.path)
        allowed = self.path.startswith("/api/") or self.headers["Authorization"] == "Bearer hive-token"
        self.send_response(200 if text is not None and allowed else 401)
        self.end_headers()
        self.wfile.write((text or "").encode())

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture(scope="module")
def other() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), OtherProduct) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def commander(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommanderProcess]:
    with CommanderProcess(tmp_path_factory.mktemp("commander")) as commander:
        yield commander


def test_there_is_a_page_for_each_product() -> None:
    assert {page.name for page in PAGES} == CREATED.keys()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_of_a_page_move_a_farm_in(
    commander: CommanderProcess, other: str, page: Path, tmp_path: Path
) -> None:
    (tmp_path / "miners.csv").write_text(MINERS_CSV)
    environment = {**os.environ, "URL": commander.url, "KEY": commander.key, "HOME": str(tmp_path)}
    environment |= {"HIVE": other, "FARM": "12345", "HIVE_TOKEN": "hive-token", "AWESOME": other}
    for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
    plan, done = (json.loads((tmp_path / name).read_text()) for name in ("plan.json", "done.json"))
    assert not plan["accepted"]
    assert done["accepted"]
    made = [line for line in done["lines"] if line["outcome"] == "create"]
    assert all(line["done"] for line in made)
    assert {line["name"] for line in made} == CREATED[page.name]


def test_the_commands_for_hiveos_ask_for_all_that_is_read() -> None:
    text = (DOCS / "coming-from-hiveos.md").read_text()
    asked = set(re.findall(r"\$HIVE/farms/\$FARM/(\w+)", text))
    assert asked == {path.rpartition("/")[2] for path in ANSWERS if path.startswith("/farms/")}
