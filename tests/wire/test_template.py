"""A template becomes the same arguments everywhere, and no value can break out of its own."""

from __future__ import annotations

import shlex
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigfarm.wire.playbooks import Archive, AssignedPlaybook
from rigfarm.wire.template import TemplateError, arguments, missing, placeholders, render, split

VALUES = {
    "POOL": "stratum+ssl://pool.test:443",
    "WALLET": "48abc",
    "WORKER_NAME": "rig 07; rm -rf /",
    "API_PORT": "1",
}


def order(template: str, api: str = "--http-port=$API_PORT", **variables: str) -> AssignedPlaybook:
    archive = Archive("xmrig", "6", "0" * 64, 1, "/a", "zip", "xmrig")
    return AssignedPlaybook(1, 1, "p", archive, template, variables, "xmrig", api, [])


def test_it_works() -> None:
    assert render("-o $POOL -u ${WALLET}.$WORKER_NAME --tls", VALUES) == [
        "-o",
        "stratum+ssl://pool.test:443",
        "-u",
        "48abc.rig 07; rm -rf /",
        "--tls",
    ]


def test_quotes_keep_words_together_and_do_not_hide_placeholders() -> None:
    assert render("""'-u $WALLET' "$POOL x" a\\ b""", VALUES) == ["-u 48abc", f"{VALUES['POOL']} x", "a b"]


def test_a_line_may_be_continued_and_lines_are_blanks() -> None:
    assert render("-a rx/0 \\\n -b \\\r\n -c\n-d", {}) == ["-a", "rx/0", "-b", "-c", "-d"]


@pytest.mark.parametrize("template", ["$$WALLET", r"\$WALLET", r'"\$WALLET"'])
def test_a_plain_dollar_can_be_written(template: str) -> None:
    assert render(template, VALUES) == ["$WALLET"]


def test_a_value_is_not_looked_into_for_placeholders() -> None:
    assert render("$A", {"A": "$B ${B} $$ '\"\\", "B": "b"}) == ["$B ${B} $$ '\"\\"]


def test_shell_characters_mean_nothing() -> None:
    assert render("-a ;|&><`id`*~ !", {}) == ["-a", ";|&><`id`*~", "!"]


@pytest.mark.parametrize("template", ["$", "a$", "$5", "$(id)", "${}", "${A-b}", "$-"])
def test_a_dollar_that_begins_no_placeholder_is_refused(template: str) -> None:
    with pytest.raises(TemplateError, match=r"write \$\$"):
        render(template, VALUES)


@pytest.mark.parametrize("template", ["'a", '"a', "a\\"])
def test_an_open_quotation_mark_is_refused(template: str) -> None:
    with pytest.raises(TemplateError, match="never closes"):
        split(template)


def test_every_placeholder_without_a_value_is_named() -> None:
    template = "-o $POOL -u $WALLET_2.$NAME -p ${WALLET_2}"
    assert placeholders(template) == ["POOL", "WALLET_2", "NAME"]
    assert missing(template, {**VALUES, "NAME": ""}) == ["WALLET_2", "NAME"]
    with pytest.raises(TemplateError, match=r"\$WALLET_2, \$NAME have no value"):
        render(template, {**VALUES, "NAME": ""})


@pytest.mark.parametrize("template", ["$A", "${A}x", "'$A'", "$A$WALLET"])
def test_a_value_never_becomes_an_option(template: str) -> None:
    with pytest.raises(TemplateError, match=r"value of \$A begins with '-'"):
        render(template, {**VALUES, "A": "--config=/etc/passwd"})


def test_a_dash_inside_an_argument_is_a_value_like_any_other() -> None:
    assert render("-u$A --pass=$A .$A", {"A": "-x"}) == ["-u-x", "--pass=-x", ".-x"]


@pytest.mark.parametrize("bad", ["a\0b", "a\nb", "a\rb", "\x1b[31m", "\x7f", "\x9b", "\ud800"])
def test_control_characters_are_refused_without_repeating_the_value(bad: str) -> None:
    with pytest.raises(TemplateError, match=r"value of \$A contains") as error:
        render("$A", {"A": bad})
    assert bad not in str(error.value)
    with pytest.raises(TemplateError):
        split(f"'{bad}'")


def test_nothing_grows_without_end() -> None:
    for template in ("a" * 40_000, "a " * 501):
        with pytest.raises(TemplateError):
            split(template)
    with pytest.raises(TemplateError, match="longer than"):
        render("$A$A", {"A": "x" * 5_000})


def test_a_short_template_does_not_become_a_huge_argument_before_it_is_refused() -> None:
    """100 MB for 32 KB, on each rig that gets the playbook and on the Commander that shows it."""
    tracemalloc.start()
    try:
        with pytest.raises(TemplateError, match="longer than"):
            render("$A" * 16_000, {"A": "x" * 8_000})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20


def test_the_stats_port_is_switched_on_once() -> None:
    assert arguments(order("-a b"), 4068) == ["-a", "b", "--http-port=4068"]
    assert arguments(order("--api 127.0.0.1:$API_PORT"), 4068) == ["--api", "127.0.0.1:4068"]
    assert arguments(order("-a", API_PORT="22"), 4068) == ["-a", "--http-port=4068"], (
        "the port is the Sentry's to choose"
    )


@given(st.text(alphabet=st.characters(exclude_characters="$\\\n\r", exclude_categories=["Cs", "Cc"]), max_size=60))
def test_without_placeholders_it_splits_as_a_posix_shell(template: str) -> None:
    try:
        expected = shlex.split(template)
    except ValueError:
        with pytest.raises(TemplateError):
            split(template)
        return
    assert render(template, {}) == expected


@given(st.text(min_size=1, max_size=60))
def test_any_value_is_one_whole_argument_or_refused(value: str) -> None:
    try:
        argv = render("-u $A -p x$A", {"A": value})
    except TemplateError:
        return
    assert argv == ["-u", value, "-p", f"x{value}"]
    assert not value.startswith("-")
    assert "\0" not in value
