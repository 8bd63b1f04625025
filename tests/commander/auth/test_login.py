"""From nothing to the page a person wanted, and back out."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from gated import PASSWORD, Served, make_app, served

from rigfarm.commander.auth.connection import browser_label, safe_next
from rigfarm.commander.auth.hashing import hash_password
from rigfarm.commander.settings import Settings
from rigfarm.commander.storage import Storage


async def test_it_works(farm: Served) -> None:
    async with farm.client() as browser:
        refused = await browser.get("/rigs/7?tab=events")
        assert (refused.status_code, refused.headers["location"]) == (303, "/login?next=/rigs/7%3Ftab%3Devents")
        form = await browser.get(refused.headers["location"])
        assert form.status_code == 200
        assert 'value="/rigs/7?tab=events"' in form.text

        wrong = await browser.post("/login", data={"password": "no", "next": "/rigs/7?tab=events"})
        assert wrong.status_code == 401
        assert "Wrong password" in wrong.text
        assert 'value="/rigs/7?tab=events"' in wrong.text
        assert not browser.cookies

        done = await browser.post("/login", data={"password": PASSWORD, "next": "/rigs/7?tab=events"})
        assert (done.status_code, done.headers["location"]) == (303, "/rigs/7?tab=events")
        assert (await browser.get("/rigs/7")).text == "rig 7"
        again = await browser.get("/login?next=/rigs/7")
        assert (again.status_code, again.headers["location"]) == (303, "/rigs/7")


async def test_logging_out_ends_the_session_for_good(farm: Served) -> None:
    browser = await farm.logged_in()
    cookies = dict(browser.cookies)
    done = await browser.post("/logout")
    assert (done.status_code, done.headers["location"]) == (303, "/login")
    assert [name.startswith("rigfarm-device-") for name in browser.cookies] == [True]
    async with farm.client(cookies=cookies) as thief:
        assert (await thief.get("/")).status_code == 303


async def test_a_login_replaces_the_session_it_comes_from(farm: Served) -> None:
    browser = await farm.logged_in()
    cookies = dict(browser.cookies)
    await browser.post("/login", data={"password": PASSWORD})
    assert dict(browser.cookies) != cookies
    async with farm.client(cookies=cookies) as old:
        assert (await old.get("/")).status_code == 303
    assert len(farm.auth.sessions) == 1


async def test_the_cookie_is_for_this_host_and_out_of_reach_of_scripts(farm: Served) -> None:
    async with farm.client() as browser:
        cookie, _ = (await browser.post("/login", data={"password": PASSWORD})).headers.get_list("set-cookie")
    name, _, rest = cookie.partition("=")
    assert name == f"rigfarm-{farm.url.rpartition(':')[2]}"
    attributes = {
        part.strip().lower().partition("=")[0]: part.strip().partition("=")[2] for part in rest.split(";")[1:]
    }
    assert attributes == {"httponly": "", "path": "/", "samesite": "lax", "max-age": str(90 * 86400)}


@pytest.mark.parametrize(("public_url", "proxies"), [("https://farm.example", []), (None, ["127.0.0.1/32"])])
async def test_over_tls_the_cookie_is_secure(tmp_path: Path, public_url: str | None, proxies: list[str]) -> None:
    headers = {"Host": "farm.example", "Origin": "https://farm.example", "X-Forwarded-Proto": "https"}
    with served(tmp_path, public_url=public_url, trusted_proxies=proxies) as farm:
        async with httpx.AsyncClient(base_url=farm.url, headers=headers) as browser:
            cookie = (await browser.post("/login", data={"password": PASSWORD})).headers["set-cookie"]
    assert cookie.startswith("__Host-rigfarm=")
    assert {"secure", "httponly", "path=/"} <= {part.strip().lower() for part in cookie.split(";")}
    assert "domain" not in cookie.lower()


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", "javascript:alert(1)", "rigs",
     "/login", "/logout", "/rigs\r\nSet-Cookie: a=b", "/" + "a" * 3000, "", "/%0d%0a\x00", "/é"],
)  # fmt: skip
def test_nobody_is_sent_to_another_site(target: str) -> None:
    assert safe_next(target) == "/"


@pytest.mark.parametrize("target", ["/", "/rigs/7", "/rigs?sort=-hashrate&q=a%20b", "/rigs?next=//evil.example"])
def test_ones_own_pages_are_fine(target: str) -> None:
    assert safe_next(target) == target


async def test_htmx_is_told_to_go_to_the_login_and_back_to_its_page(farm: Served) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": f"{farm.url}/rigs?q=asic"}
    async with farm.client(headers=headers) as browser:
        refused = await browser.post("/rigs", data={"name": "rig-1"})
    assert (refused.status_code, refused.headers["hx-redirect"]) == (401, "/login?next=/rigs%3Fq%3Dasic")


async def test_a_program_is_told_in_json(farm: Served) -> None:
    async with farm.client() as program:
        refused = await program.get("/api/rigs")
    assert refused.status_code == 401
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["www-authenticate"] == "Bearer"
    assert refused.json()["status"] == 401
    assert "API key" in refused.json()["detail"]


async def test_who_am_i(farm: Served) -> None:
    browser = await farm.logged_in(headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"})
    assert (await browser.get("/api/session")).json() == {"kind": "session", "name": "Firefox on Linux"}


async def test_the_first_start_makes_a_password_and_says_it_once(tmp_path: Path) -> None:
    said: list[str] = []
    for _ in range(2):
        app, auth = make_app(Settings(data_dir=tmp_path), said.append)
        async with app.lifespan():
            assert len(said) == 1
            assert await auth.password.matches(said[0])
            assert not await auth.password.matches(said[0][:-1])
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert said[0].encode() not in files
    assert b"$argon2id$v=19$m=19456,t=2,p=1$" in files


@pytest.mark.parametrize("form", ["password", "password_hash"])
async def test_changing_the_password_ends_every_session(tmp_path: Path, form: str) -> None:
    def setting(password: str) -> dict[str, str]:
        return {form: password if form == "password" else hash_password(password)}

    first = setting(PASSWORD)
    with served(tmp_path, **({"password_hash": None} | first)) as farm:
        browser = await farm.logged_in()
        cookies = {name.rpartition("-")[0]: value for name, value in browser.cookies.items()}
    for now, living in ((first, 1), (setting("another"), 0), (first, 0)):
        app, auth = make_app(Settings(data_dir=tmp_path, **now))  # type: ignore[arg-type]
        async with app.lifespan():
            assert len(auth.sessions) == living
            assert (auth.sessions.find(cookies["rigfarm"], "::1") is not None) == bool(living)


async def test_the_stored_password_holds_when_the_settings_name_none(tmp_path: Path) -> None:
    for settings in (Settings(data_dir=tmp_path, password=PASSWORD), Settings(data_dir=tmp_path)):
        app, auth = make_app(settings, pytest.fail)
        async with app.lifespan():
            assert await auth.password.matches(PASSWORD)


async def test_odd_passwords(tmp_path: Path) -> None:
    app, auth = make_app(Settings(data_dir=tmp_path, password="my caf\u00e9 password"))
    async with app.lifespan():
        assert await auth.password.matches("my cafe\u0301 password"), "however the keyboard composes it"
        for odd in ("", "x" * 2000, "\x00", "\ud800", "my café password "):
            assert not await auth.password.matches(odd)


async def test_no_secret_is_on_the_disk(tmp_path: Path) -> None:
    with served(tmp_path, password=PASSWORD, password_hash=None) as farm:
        browser = await farm.logged_in()
        answer = await browser.post("/settings/api-keys", data={"name": "canary", "read": "1"})
        key = answer.text.partition('<code id="new-key" tabindex="0">')[2].partition("<")[0]
        assert key.startswith("rk_")
        secrets = [PASSWORD, key, *browser.cookies.values()]
        assert len(secrets) == 4, "the password, the key, the session and the device cookie"
        for path in tmp_path.iterdir():
            if path.is_file():
                assert not [secret for secret in secrets if secret.encode() in path.read_bytes()], path
    storage = await Storage.open(f"sqlite:///{tmp_path}/rigfarm.db")
    await storage.close()
    assert not [secret for secret in secrets if secret.encode() in (tmp_path / "rigfarm.db").read_bytes()]


@pytest.mark.parametrize(
    ("agent", "label"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
         "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 15_0) Version/18.0 Safari/605.1.15", "Safari on macOS"),
        ("curl/8.0", "curl"),
        ("", "Unknown browser"),
        ("\x1b[2J<script>" + "x" * 100, "[2J<script>" + "x" * 49),
    ],
)  # fmt: skip
def test_browsers_are_named_as_people_know_them(agent: str, label: str) -> None:
    assert browser_label(agent) == label
