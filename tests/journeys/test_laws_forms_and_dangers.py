"""Forms keep what was typed, dialogs close on success, Esc and Cancel and on nothing else, dangerous buttons name their
target, and secrets are shown once."""

from __future__ import annotations

import re

import pytest
from living_farm import LivingFarm
from playwright.sync_api import Page, expect

from support.browser import Visit

pytestmark = pytest.mark.browser


@pytest.fixture
def index(visit: Visit, farm: LivingFarm) -> Page:
    page = visit("/rigs")
    expect(page.locator("#live")).to_have_text("live")
    return page


def test_a_dialog_stays_until_success_escape_or_cancel(index: Page, farm: LivingFarm) -> None:
    dialog = index.locator("#dialog")
    index.get_by_role("link", name="New rig").click()
    index.get_by_label("Name").fill("half")
    index.mouse.click(4, 880)  # beside it
    expect(dialog).to_be_visible()
    expect(index.get_by_label("Name")).to_have_value("half")
    index.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    index.get_by_role("link", name="New rig").click()
    index.get_by_role("link", name="Cancel").click()
    expect(dialog).to_be_hidden()
    index.get_by_role("link", name="New rig").click()
    expect(index.get_by_label("Name")).to_have_value("")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("RIG-01", "A rig named RIG-01 already exists"),
        ("x" * 65, "64"),
        ("   ", "A rig needs a name, for example rig-01"),
    ],
)
def test_a_refused_name_says_what_would_be_right_beside_the_field(index: Page, name: str, says: str) -> None:
    index.get_by_role("link", name="New rig").click()
    index.get_by_text("One Sentry in its network").click()
    index.get_by_label("Name").evaluate("(field, name) => { field.value = name; }", name)
    index.get_by_role("button", name="Create").click()
    error = index.locator("#dialog .field .error")
    expect(error).to_contain_text(says)
    assert index.get_by_label("Name").input_value() == name
    assert index.locator("#dialog input[value=asic]").is_checked()
    assert index.get_by_label("Name").get_attribute("aria-describedby") == error.get_attribute("id")


def test_long_forms_keep_everything_when_one_field_is_wrong(visit: Visit, farm: LivingFarm) -> None:
    page = visit("/addresses")
    page.get_by_role("link", name="New pool").first.click()
    dialog = page.locator("#dialog")
    fields = dialog.locator("input:visible, textarea:visible")
    typed = {"name": "pool-2", "coin": "XMR", "urls": "not a pool"}
    for name, value in typed.items():
        dialog.locator(f"[name={name}]").fill(value)
    assert fields.count() >= len(typed)
    dialog.locator("button[type=submit]").last.click()
    expect(dialog.locator(".error").first).to_be_visible()
    for name, value in typed.items():
        expect(dialog.locator(f"[name={name}]")).to_have_value(value)


def test_a_program_fills_in_its_template_and_never_wipes_what_was_typed(visit: Visit, farm: LivingFarm) -> None:
    made = []
    for name, devices in (("Cpu", "cpu"), ("Gpu", "gpu")):
        program = {"name": name, "version": "1", "executable": "x", "adapter": "xmrig", "devices": devices}
        answer = farm.commander.api("POST", "/api/software", program | {"template": f"--{devices}"})
        assert isinstance(answer, dict)
        made.append(answer["id"])
    cpu, gpu = (str(one) for one in made)
    page = visit("/playbooks/new")
    template, choice = page.locator("[name=template]"), page.locator("[name=software_id]")
    coins = {slot: page.locator(f"[name={slot}_coin]") for slot in ("cpu", "gpu1", "gpu2")}
    page.get_by_label("Name").fill("typed before")
    choice.select_option(cpu)
    expect(template).to_have_value("--cpu")
    assert [slot for slot, coin in coins.items() if coin.is_visible()] == ["cpu"]
    choice.select_option(gpu)
    expect(template).to_have_value("--gpu")
    assert [slot for slot, coin in coins.items() if coin.is_visible()] == ["gpu1"]
    template.fill("--mine")
    choice.select_option(cpu)
    expect(page.locator("#preview")).to_contain_text("--mine")
    expect(template).to_have_value("--mine")
    expect(page.get_by_label("Name")).to_have_value("typed before")
    for program_id in made:
        farm.commander.api("DELETE", f"/api/software/{program_id}")


def test_of_two_who_edit_one_entry_the_second_chooses(visit: Visit, farm: LivingFarm) -> None:
    pool = {"name": "both", "kind": "pool", "coin": "XMR", "urls": ["first.test:1"]}
    made = farm.commander.api("POST", "/api/addresses", pool)
    assert isinstance(made, dict)
    here = f"/api/addresses/{made['id']}"
    page = visit("/addresses?q=both")
    page.get_by_role("link", name="Edit").click()
    dialog = page.locator("#dialog")
    dialog.get_by_label("Name").fill("both mine")
    farm.commander.api("PATCH", here, {"urls": ["second.test:2"]})
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("it is at revision 2 now")
    expect(dialog.locator(".diff")).to_contain_text("second.test:2")
    dialog.get_by_role("button", name="Save over revision 2").click()
    expect(dialog).to_be_hidden()
    kept = farm.commander.api("GET", here)
    assert isinstance(kept, dict)
    assert (kept["name"], kept["urls"]) == ("both mine", ["stratum+tcp://first.test:1"])
    farm.commander.api("DELETE", here)


def test_what_is_dangerous_names_its_target_and_says_what_will_happen(visit: Visit, farm: LivingFarm) -> None:
    page = visit(f"/rigs/{farm.ids['rig-02']}")
    expect(page.locator("#live")).to_have_text("live")
    page.locator("summary", has_text="Actions").click()
    page.get_by_role("link", name="Remove rig-02").click()
    dialog = page.locator("#dialog")
    expect(dialog.get_by_role("button", name="Remove rig-02")).to_be_visible()
    assert dialog.locator(".consequences li").count() >= 2
    expect(dialog.locator(".consequences")).to_contain_text(re.compile("history .*is deleted"))
    page.get_by_role("link", name="Cancel").click()
    expect(dialog).to_be_hidden()
    page.locator("summary", has_text="Actions").click()
    page.get_by_role("link", name="New token").click()
    expect(dialog.get_by_role("button", name="New token for rig-02")).to_be_visible()
    expect(dialog.locator(".consequences")).to_contain_text("current token is refused")
    page.keyboard.press("Escape")
    page.goto("/settings/sessions")
    page.locator("summary", has_text="Sign out everywhere").click()
    expect(page.get_by_role("button", name=re.compile(r"^Sign out \d+ login"))).to_be_visible()


def test_for_many_the_count_and_the_list_are_shown(index: Page, farm: LivingFarm) -> None:
    for name in ("rig-02", "rig-03", "rig-04"):
        index.locator(f"#rig-{farm.ids[name]} .c-name a").focus()
        index.keyboard.press("x")
    expect(index.locator("#selection")).to_contain_text("3 selected: rig-02, rig-03, rig-04")
    index.locator("#selection").get_by_role("button", name=re.compile("^Remove")).click()
    dialog = index.locator("#dialog")
    expect(dialog.get_by_role("button", name="Remove 3 rigs")).to_be_visible()
    for name in ("rig-02", "rig-03", "rig-04"):
        expect(dialog).to_contain_text(name)
    index.get_by_role("link", name="Cancel").click()
    expect(dialog).to_be_hidden()


@pytest.mark.parametrize(
    ("path", "secret", "prefix", "file"),
    [
        ("/settings", "#new-key", "rk_", "rigfarm-api-key.txt"),
        ("/settings/enrolment", "#new-key-secret", "re_", "rigfarm-enrolment-key.txt"),
    ],
)
def test_a_key_is_shown_once_with_copy_and_download(
    visit: Visit, path: str, secret: str, prefix: str, file: str
) -> None:
    page = visit(path)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("[name=name]").fill("shown once")
    page.get_by_role("button", name="Create key").click()
    text = page.locator(secret).inner_text()
    assert text.startswith(prefix)
    expect(page.get_by_role("alert")).to_contain_text("shown only once")
    page.locator(f"[data-copy='{secret}']").click()
    expect(page.locator(f"[data-copy='{secret}']")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == text
    with page.expect_download() as download:
        page.locator(f"[data-download='{secret}']").click()
    assert download.value.suggested_filename == file
    assert download.value.path().read_text().strip() == text
    page.goto(path)
    assert text not in page.content()
    page.locator("tr", has_text="shown once").locator("summary").click()
    page.get_by_role("button", name="Revoke shown once").click()
    expect(page.locator("main")).not_to_contain_text("shown once")


def test_a_refused_name_is_mended_where_it_stands(visit: Visit, farm: LivingFarm) -> None:
    """Nothing complains in the console: neither the policy of our pages nor htmx."""
    page = visit(f"/rigs/{farm.ids['rig-02']}")
    expect(page.locator("#live")).to_have_attribute("data-live", "on")
    page.click("[data-edit]")
    field = page.locator("#rig-name-field")
    field.fill("rig-03")
    field.press("Enter")
    expect(page.locator("#rig-name-error")).to_contain_text("already exists")
    expect(field).to_have_value("rig-03")
    field.fill("rig-2b")
    field.press("Enter")
    expect(page.locator("h1#rig-name")).to_contain_text("rig-2b")
    expect(page).to_have_title(re.compile("rig-2b"))
    page.click("[data-edit]")
    field.fill("rig-02")
    field.press("Enter")
    expect(page).to_have_title(re.compile("rig-02"))
