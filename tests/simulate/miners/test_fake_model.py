"""The model behind the fakes: the same moment always looks the same, and time passes in it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rigfarm.simulate.miners import Algorithm, Cpu, Gpu, Model, gpus, programs

MODEL = Model(algorithms=(Algorithm("kawpow", "RVN"),), gpus=gpus(3, 30e6), cpu=Cpu(rates=(1e6,)), warmup_s=30.0)


def test_it_works():
    now = MODEL.at(600.0)

    assert now.measured
    assert now.first.rate == sum(gpu.rates[0] for gpu in now.gpus) + now.cpu.rates[0]
    assert now.first.accepted == 4 * 60  # four devices, six shares a minute each, ten minutes
    assert [gpu.bus for gpu in now.gpus] == [1, 2, 3]


def test_the_same_moment_looks_the_same():
    assert MODEL.at(123.4) == MODEL.at(123.4)


def test_hashrates_wander_within_their_bounds_and_every_device_for_itself():
    moments = [MODEL.at(30.0 + 7 * n) for n in range(60)]

    for index in range(3):
        rates = [moment.gpus[index].rates[0] for moment in moments]
        assert len(set(rates)) > 50
        assert 30e6 * 0.979 <= min(rates) < max(rates) <= 30e6 * 1.021
    assert moments[5].gpus[0].rates != moments[5].gpus[1].rates


def test_shares_only_grow():
    counts = [MODEL.at(float(second)).first.accepted for second in range(0, 3600, 13)]

    assert counts == sorted(counts)
    assert counts[0] == 0
    assert counts[-1] > 1000


def test_another_seed_is_another_rig():
    assert MODEL.at(99.0) != replace(MODEL, seed=2).at(99.0)


def test_before_it_is_warm_nothing_is_measured():
    now = MODEL.at(29.9)

    assert not now.measured
    assert now.first.rate == 0


def test_a_dead_card_hashes_nothing_finds_nothing_and_draws_little():
    cards = (*gpus(1, 30e6), Gpu(pci="0000:02:00.0", rates=(30e6,), dead=True))
    now = replace(MODEL, gpus=cards, cpu=None).at(3600.0)

    assert now.gpus[1].rates == (0.0,)
    assert now.gpus[1].accepted == (0,)
    assert now.gpus[1].power_w < 30
    assert now.first.rate == now.gpus[0].rates[0]


def test_paused():
    assert replace(MODEL, paused=True).at(3600.0).first.rate == 0


@pytest.mark.parametrize("program", programs().values(), ids=lambda program: program.name)
def test_renderers_are_pure(program):
    requests = ["/", "/summary", "/stat", "/stats", "/status", "/2/summary", "/2/backends", "summary"]
    requests += ['{"command":"summary+devs"}', '{"id":0,"jsonrpc":"2.0","method":"miner_getstat1"}']
    now = program.example.at(1000.0)

    answers = [program.answer(request, now) for request in requests]

    assert any(answers)
    assert answers == [program.answer(request, now) for request in requests]
    assert program.protocol == "tcp" or program.answer("/nothing/of/this/name", now) is None
