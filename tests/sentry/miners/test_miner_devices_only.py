"""Shares and rates that a program tells of its devices and not of all together, and averages over longer times."""

from __future__ import annotations

import json

import pytest

from conftest import recorded_answers
from rigfarm.sentry.miners import adapters, interpret
from rigfarm.sentry.readings import SensorReading, WorkloadSource
from rigfarm.sentry.rig.collect import join
from rigfarm.wire.log import Device, Workload

CASES = {
    "trex": {
        "uptime": 300,
        "algorithm": "kawpow",
        "hashrate_minute": 50.0,
        "gpus": [
            {"device_id": 0, "hashrate_minute": 20.0, "shares": {"accepted_count": 3, "rejected_count": 1}},
            {"device_id": 1, "hashrate_hour": 30.0, "shares": {"accepted_count": 4, "rejected_count": 0}},
        ],
    },
    "lolminer": {
        "Session": {"Uptime": 300},
        "Algorithms": [
            {
                "Algorithm": "Autolykos2",
                "Performance_Factor": 1,
                "Worker_Performance": [20.0, 30.0],
                "Worker_Accepted": [3, 4],
                "Worker_Rejected": [1, 0],
            }
        ],
        "Workers": [{"Index": 0}, {"Index": 1}],
    },
    "onezerominer": {
        "uptime_seconds": 300,
        "devices": [{"id": 0}, {"id": 1}],
        "algos": [{"name": "xelis", "hashrates": [20.0, 30.0], "accepted_shares": [3, 4], "rejected_shares": [1, 0]}],
    },
    "rigel": {
        "uptime": 300,
        "algorithm": "octopus",
        "devices": [
            {"id": 0, "hashrate": {"octopus": 20.0}, "solution_stat": {"octopus": {"accepted": 3, "rejected": 1}}},
            {"id": 1, "hashrate": {"octopus": 30.0}, "solution_stat": {"octopus": {"accepted": 4, "rejected": 0}}},
        ],
    },
    "nanominer": {
        "WorkTime": 300,
        "Algorithms": [
            {
                "kawpow": {
                    "GPU 0": {"Hashrate": "2.0e+01", "Accepted": 3, "Denied": 1},
                    "GPU 1": {"Hashrate": "3.0e+01", "Accepted": 4, "Denied": 0},
                }
            }
        ],
    },
    "bzminer": {
        "uptime_s": 300,
        "pools": [{"id": 7, "algorithm": "kaspa"}],
        "devices": [
            {"pool": [7], "hashrate": [20.0], "valid_solutions": [3], "rejected_solutions": [1]},
            {"pool": [7], "hashrate": [30.0], "valid_solutions": [4], "rejected_solutions": [0]},
        ],
    },
    "teamredminer": {
        "summary": {"SUMMARY": [{"Elapsed": 300}]},
        "devs": {
            "DEVS": [
                {"GPU": 0, "KHS 30s": 0.02, "Accepted": 3, "Rejected": 1},
                {"GPU": 1, "KHS 30s": 0.03, "Accepted": 4, "Rejected": 0},
            ]
        },
    },
    "srbminer": {
        "uptime": 300,
        "gpu_devices": [{"device": "GPU0", "device_id": 0}, {"device": "GPU1", "device_id": 1}],
        "algorithms": [
            {"name": "x", "shares": {"accepted": 7, "rejected": 1}, "hashrate": {"gpu": {"gpu0": 20.0, "gpu1": 30.0}}}
        ],
    },
}


def workload(name: str, page: object) -> Workload:
    request = adapters()[name].requests[0].name
    reading = interpret({request: json.dumps(page).encode()}, WorkloadSource(adapter=name, port=1), adapters()[name])
    (only,) = reading.workloads
    assert reading.problems == []
    return only


@pytest.mark.parametrize("name", sorted(CASES))
def test_what_only_devices_carry_is_added_up(name):
    work = workload(name, CASES[name])
    assert (work.hashrate, work.accepted, work.rejected, work.state) == (50.0, 7, 1, "mining")


@pytest.mark.parametrize("rates", [{"1min": 50.0}, {"now": None, "1min": None, "5min": 50.0}, {"30min": 50.0}])
def test_srbminer_before_its_devices_are_measured(rates):
    page = {"uptime": 700, "algorithms": [{"name": "x", "hashrate": rates}]}
    assert workload("srbminer", page).hashrate == 50.0


def test_a_third_algorithm_of_teamredminer():
    answer = json.loads(recorded_answers("teamredminer", "dual")["stats"].rstrip(b"\0"))
    third = {"SUMMARY": [{"Elapsed": 300, "KHS 30s": 5.0, "Accepted": 2}]}
    answer |= {"summary3": third, "devs3": {"DEVS": [{"GPU": 0, "KHS 30s": 5.0}]}}
    source = WorkloadSource(adapter="teamredminer", port=1, coins=["ETC", "KAS", "IRON"])
    reading = interpret({"stats": json.dumps(answer).encode()}, source, adapters()["teamredminer"])

    assert [work.coin for work in reading.workloads] == ["ETC", "KAS", "IRON"]
    assert (reading.workloads[2].hashrate, reading.workloads[2].accepted) == (5000.0, 2)
    assert len(reading.devices[0].hashrates) == 3


def test_a_round_in_which_the_program_tells_of_zilliqa_alone_is_zilliqas():
    """Its coins are named in the playbook's order; the algorithm says which one is being mined."""
    page = {"uptime": 300, "algorithm": "zil", "hashrate": {"zil": 50.0}, "devices": []}
    source = WorkloadSource(adapter="rigel", port=1, coins=["ETC", "ZIL"])
    reading = interpret({"status": json.dumps(page).encode()}, source, adapters()["rigel"])

    assert [(work.coin, work.hashrate) for work in reading.workloads] == [("ZIL", 50.0)]


def two_cards(source: WorkloadSource) -> list[tuple[int, str | None, list[float | None]]]:
    """PhoenixMiner without `miner_getstat2`: it counts the cards it sees, from 0."""
    answer = {"result": ["6.2c - ETC", "30", "60000;10;0", "30000;30000", "0;0;0", "off;off", "", "p:1"]}
    reading = interpret({"getstat1": json.dumps(answer).encode()}, source, adapters()["phoenixminer"])
    return [(card.index, card.id, card.hashrates) for card in reading.devices]


def test_a_program_counts_the_cards_that_its_playbook_gave_it():
    given = ["0000:0a:00.0", "0000:03:00.0"]
    assert two_cards(WorkloadSource(adapter="phoenixminer", port=1, cards=given)) == [
        (0, "0000:03:00.0", [30e6]),
        (1, "0000:0a:00.0", [30e6]),
    ]


@pytest.mark.parametrize("cards", [[], ["0000:03:00.0"], ["0000:03:00.0", "0000:0a:00.0", "0000:0b:00.0"], ["x", "y"]])
def test_a_program_that_tells_of_more_or_fewer_cards_than_it_was_given_is_not_guessed_at(cards):
    source = WorkloadSource(adapter="phoenixminer", port=1, cards=cards)
    assert [id for _, id, _ in two_cards(source)] == [None, None]


def test_two_programs_with_a_list_each_stand_beside_their_own_cards():
    given = [["0000:01:00.0", "0000:02:00.0"], ["0000:03:00.0", "0000:04:00.0"]]
    answer = {"result": ["6.2c - ETC", "30", "60000;10;0", "30000;31000", "0;0;0", "off;off", "", "p:1"]}
    readings = [
        interpret(
            {"getstat1": json.dumps(answer).encode()},
            WorkloadSource(adapter="phoenixminer", port=port, cards=cards),
            adapters()["phoenixminer"],
        )
        for port, cards in enumerate(given, 1)
    ]
    sensed = [Device(kind="gpu", index=n, id=id) for n, id in enumerate([*given[0], *given[1]])]
    log = join(SensorReading(devices=sensed), readings, 1)
    assert [device.hashrates for device in log.devices] == [[30e6, None], [31e6, None], [None, 30e6], [None, 31e6]]
