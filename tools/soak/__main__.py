"""A farm to which things happen at random, for as long as asked; after each round it is checked that nothing was lost.

    make soak                           24 hours
    make soak HOURS=0.2 SEED=7          the same mishaps in the same order

A real Commander and real Sentries, each a process of its own, with mining programs that mine nothing. What happens is
drawn from the seed. When an invariant does not hold, the invariant, the seed and everything that happened are printed,
and the data folder is kept.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

import paths

paths.add()

from invariants import Oracle  # noqa: E402 - they need the helpers of the tests
from machines import BrokenError, Farm  # noqa: E402
from mishaps import MISHAPS  # noqa: E402

import faults  # noqa: E402 - beside this folder

AT_ONCE = 3
"""Mishaps of one round, at most: one on top of the other, before the farm is healed and checked."""


async def soak(farm: Farm, oracle: Oracle, chance: random.Random, until: float, history: list[str]) -> None:
    """Rounds of mishaps until then, at least one. BrokenError."""
    await oracle.check()
    while True:
        for mishap in chance.choices(MISHAPS, k=chance.randint(1, AT_ONCE)):
            own = random.Random(chance.getrandbits(64))  # noqa: S311 - no secret
            history.append(f"{mishap.__name__} begins")
            said = await mishap(farm, own)
            history[-1] = said
            print(f"{time.strftime('%H:%M:%S')} {said}", flush=True)
        await farm.heal()
        await oracle.check()
        if time.monotonic() >= until:
            return


async def run(folder: Path, asked: argparse.Namespace) -> int:
    """The exit code."""
    history: list[str] = []
    mutation = asked.mutation.read_text() if asked.mutation else ""
    began = time.monotonic()
    try:
        async with Farm(folder, asked.rigs, mutation) as farm:
            oracle = Oracle(farm)
            chance = random.Random(asked.seed)  # noqa: S311
            await soak(farm, oracle, chance, began + asked.hours * 3600, history)
    except Exception as error:  # noqa: BLE001 - also what nobody foresaw is found, and has a history
        invariant = error.invariant if isinstance(error, BrokenError) else "nothing unexpected happens"
        print(f"\nBROKEN: {invariant}\n  {error}\nseed {asked.seed}; what happened, in order:")
        print("\n".join(f"  {number}. {said}" for number, said in enumerate(history, 1)))
        print(f"The data folder is kept: {folder}")
        if not isinstance(error, BrokenError):
            traceback.print_exc()
        return 1
    minutes = (time.monotonic() - began) / 60
    rounds, used = oracle.checked - 1, f"at most {oracle.most_bytes >> 20} MiB and {oracle.most_files} open files"
    print(
        f"\nEverything held: seed {asked.seed}, {minutes:.0f} minutes, {len(history)} mishaps in {rounds} rounds, "
        f"{oracle.logs:,} acknowledged logs compared; {used} in one process."
    )
    if asked.record:
        facts = {"seed": asked.seed, "rigs": asked.rigs, "minutes": round(minutes), "mishaps": len(history)}
        facts |= {"rounds": rounds, "logs": oracle.logs, "date": time.strftime("%Y-%m-%d")}
        facts |= {"commit": faults.commit(), "machine": faults.machine()}
        faults.SOAKED.write_text(json.dumps(facts, indent=1) + "\n")
    return 0


def main() -> None:
    """By the command line."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__.partition("\n\n")[0])
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--rigs", type=int, default=4)
    parser.add_argument("--folder", type=Path, help="where its data is kept; it must not exist")
    parser.add_argument("--mutation", type=Path, help="Python that breaks the Commander: a control")
    parser.add_argument("--record", action="store_true", help="keep the figures for docs/reliability.md")
    asked = parser.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="rigfarm-soak-")) / "farm"
    folder.mkdir(parents=True)
    (folder / "seed.json").write_text(json.dumps({"seed": asked.seed, "rigs": asked.rigs}))
    print(f"seed {asked.seed}, data in {folder}", flush=True)
    code = asyncio.run(run(folder, asked))
    if code == 0 and asked.folder is None:
        shutil.rmtree(folder.parent)
    sys.exit(code)


if __name__ == "__main__":
    main()
