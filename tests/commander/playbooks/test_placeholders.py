"""What a template's placeholders become on a rig, and the name under which it shows up at its pool."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigfarm.commander.playbooks.content.placeholders import known_placeholders, slot_of, values_for
from rigfarm.commander.playbooks.content.preview import argument_preview
from rigfarm.commander.playbooks.model import PlaybookContent, PoolRef, SoftwareRef, WalletRef, WorkloadPlan
from rigfarm.commander.rigs.model import worker_name
from rigfarm.wire.template import TemplateError


def _content(template: str, *workloads: WorkloadPlan, api: str = "--api $API_PORT") -> PlaybookContent:
    return PlaybookContent("p", template, software=SoftwareRef(1, "x", "1", "xmrig", api), workloads=list(workloads))


POOL = PoolRef(1, "pool", ["stratum+ssl://a.example:443", "stratum+tcp://[2001:db8::1]:3333"])
GPU = WorkloadPlan("gpu1", "KAS", "kheavyhash", POOL, WalletRef(2, "w", "kaspa:q"))
CPU = WorkloadPlan("cpu", "XMR", "rx/0", PoolRef(3, "x", ["stratum+tcp://x.example:1"]), WalletRef(4, "w", "48x"))


def test_it_works() -> None:
    values = values_for(_content("", GPU, CPU), "Rig 1", {})
    assert values == {
        "WORKER_NAME": "Rig-1",
        "GPU_COIN_1": "KAS", "GPU_COIN_1_LOWER": "kas", "GPU_ALGORITHM_1": "kheavyhash", "GPU_WALLET_1": "kaspa:q",
        "GPU_POOL_1": "stratum+ssl://a.example:443", "GPU_POOL_1_HOST": "a.example", "GPU_POOL_1_PORT": "443",
        "GPU_POOL_1_ENDPOINT": "a.example:443", "GPU_POOL_1_TLS": "1", "GPU_POOL_1_TLS_WORD": "on",
        "GPU_POOL_1_TLS_BOOL": "true",
        "GPU_POOL_1_BACKUP": "stratum+tcp://[2001:db8::1]:3333", "GPU_POOL_1_BACKUP_HOST": "[2001:db8::1]",
        "GPU_POOL_1_BACKUP_PORT": "3333", "GPU_POOL_1_BACKUP_ENDPOINT": "[2001:db8::1]:3333",
        "GPU_POOL_1_BACKUP_TLS": "0", "GPU_POOL_1_BACKUP_TLS_WORD": "off", "GPU_POOL_1_BACKUP_TLS_BOOL": "false",
        "CPU_COIN": "XMR", "CPU_COIN_LOWER": "xmr", "CPU_ALGORITHM": "rx/0", "CPU_WALLET": "48x",
        "CPU_POOL": "stratum+tcp://x.example:1", "CPU_POOL_HOST": "x.example", "CPU_POOL_PORT": "1",
        "CPU_POOL_ENDPOINT": "x.example:1", "CPU_POOL_TLS": "0", "CPU_POOL_TLS_WORD": "off",
        "CPU_POOL_TLS_BOOL": "false",
        "CPU_POOL_BACKUP": "stratum+tcp://x.example:1", "CPU_POOL_BACKUP_HOST": "x.example",
        "CPU_POOL_BACKUP_PORT": "1", "CPU_POOL_BACKUP_ENDPOINT": "x.example:1", "CPU_POOL_BACKUP_TLS": "0",
        "CPU_POOL_BACKUP_TLS_WORD": "off", "CPU_POOL_BACKUP_TLS_BOOL": "false",
    }  # fmt: skip


def test_the_preview_is_the_argv_to_the_letter() -> None:
    content = _content("-o $GPU_POOL_1 -u ${GPU_WALLET_1}.$WORKER_NAME '--note=a b; $(id)'".replace("$(", "$$("), GPU)
    assert argument_preview(content, "rig-01", {}) == [
        "-o", "stratum+ssl://a.example:443", "-u", "kaspa:q.rig-01", "--note=a b; $(id)", "--api", "4067",
    ]  # fmt: skip


def test_a_template_that_places_the_port_itself_gets_it_there() -> None:
    assert argument_preview(_content("--port $API_PORT", GPU), "r", {}) == ["--port", "4067"]


def test_what_is_missing_is_named() -> None:
    with pytest.raises(TemplateError, match=r"\$CPU_WALLET"):
        argument_preview(_content("$CPU_WALLET", GPU), "r", {})


def test_each_name_belongs_to_its_workload() -> None:
    assert {slot_of(name) for name in known_placeholders()} == {None, "cpu", "gpu1", "gpu2"}
    assert slot_of("GPU_POOL_2_BACKUP_TLS") == "gpu2"
    assert slot_of("WORKER_NAME") is None
    assert slot_of("NONSENSE") is None


@pytest.mark.parametrize(
    ("name", "worker"),
    [
        ("rig-01", "rig-01"),
        ("Größe 1", "Große-1".replace("ß", "-")),
        ("máy_đào.3", "may--ao-3"),
        ("Ångström", "Angstrom"),
        ("a/b;c d$e", "a-b-c-d-e"),
        ("採掘", "--"),
        ("x😀y", "x-y"),
    ],
)
def test_a_workers_name(name: str, worker: str) -> None:
    assert worker_name(name) == worker


@given(st.text(min_size=1, max_size=64))
def test_a_workers_name_has_letters_digits_and_hyphens_only(name: str) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9-]*", worker_name(name))
    assert worker_name(worker_name(name)) == worker_name(name)


@given(st.text(string.printable + "äß😀\u202e$`;|&", max_size=40), st.text(string.printable + "ä$", max_size=40))
def test_no_value_becomes_two_arguments_or_an_option(wallet: str, rig: str) -> None:
    workload = WorkloadPlan("cpu", "XMR", "rx/0", None, WalletRef(1, "w", wallet))
    try:
        found = argument_preview(_content("-u $CPU_WALLET --name=$WORKER_NAME", workload), rig, {})
    except TemplateError:
        return
    assert len(found) == 5
    assert found[1] == wallet
    assert not found[1].startswith("-")
