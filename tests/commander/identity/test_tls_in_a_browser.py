"""In a browser: the way from http to https, a login, a live page over TLS, the fingerprint to compare."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from rigfarm.simulate.commander import CommanderProcess


def test_a_person_gets_in_and_sees_what_changes(chromium: str, tmp_path: Path) -> None:
    with CommanderProcess(tmp_path / "commander", tls=True) as commander, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_context(ignore_https_errors=True).new_page()
        sockets: list[str] = []
        page.on("websocket", lambda socket: sockets.append(socket.url))
        page.goto(f"http://127.0.0.1:{commander.port}/rigs")
        assert page.url.startswith(f"{commander.url}/login")
        page.get_by_label("Password").fill(commander.password)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{commander.url}/rigs**")
        [(rig, _)] = commander.add_rigs(["rig-over-tls"])
        expect(page.get_by_text("rig-over-tls").first).to_be_visible()  # nobody reloads: it comes over the WebSocket
        assert sockets
        assert all(url.startswith("wss://") for url in sockets)
        page.goto(f"{commander.url}/rigs/{rig}")
        expect(page.get_by_text(f"--fingerprint {commander.fingerprint}").first).to_be_attached()
        page.goto(f"{commander.url}/settings")
        expect(page.get_by_text(commander.fingerprint).first).to_be_visible()
        browser.close()
