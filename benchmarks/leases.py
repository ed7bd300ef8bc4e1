"""A simulation of herds that share a database, on virtual time: who may post, and what is posted.

It has the rules of `flock.journal.postgres`, and its times. Herds are killed, frozen, cut off from the database
and revived at random, from a seed, and the database is away now and then. What may never happen is counted: two
herds that may post for one bot at the same moment, a post that is made twice, a post that is lost.

    .venv/bin/python benchmarks/leases.py                           100,000 bots for two hours: two minutes
    .venv/bin/python benchmarks/leases.py --bots 1000 --interval 30 --seed 7

A herd is in `process.py`, the database in `rows.py`; `world.py` has the time, the network and the faults.
"""

from __future__ import annotations

import argparse
import sys
import time

from benchmarks.process import Process
from benchmarks.rows import Plan, Rules
from benchmarks.world import Outcome, World


def simulate(plan: Plan, rules: Rules | None = None) -> Outcome:
    """Return what comes of it. The same plan always comes to the same."""
    return World(plan, rules or Rules(), Process).run()


def show(plan: Plan) -> bool:
    """Simulate, print what came of it, and return whether nothing happened that may never happen."""
    began = time.process_time()
    outcome = simulate(plan)
    print(f"{plan.bots:,} bots in {plan.herds} herds, {plan.hours:g} hours, a post each {plan.interval:g} s:")
    print(*outcome.rows(), sep="\n")
    rates = {kind: count / outcome.seconds for kind, count in outcome.commits.items()}
    print(
        f"{outcome.posts:,} posts; a second: {outcome.posts / outcome.seconds:.1f} posts,"
        f" {rates.get('post', 0):.1f} commits of them, {rates.get('renewal', 0):.1f} renewals"
    )
    print(
        f"two herds might post for a bot: {outcome.two_holders}; posted twice: {outcome.twice};"
        f" lost: {outcome.lost}; seed {plan.seed}, {time.process_time() - began:.0f} s of CPU"
    )
    return outcome.is_sound()


def main() -> int:
    """Simulate what is asked for; return 1 if something happened that may never happen."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--bots", type=int, default=Plan.bots, metavar="N", help=f"({Plan.bots})")
    parser.add_argument("--herds", type=int, default=Plan.herds, metavar="N", help=f"({Plan.herds})")
    parser.add_argument("--hours", type=float, default=Plan.hours, metavar="H", help=f"({Plan.hours:g})")
    parser.add_argument("--interval", type=float, default=Plan.interval, metavar="S", help=f"({Plan.interval:g})")
    parser.add_argument("--seed", type=int, default=Plan.seed, metavar="N", help=f"({Plan.seed})")
    asked = parser.parse_args()
    return 0 if show(Plan(**vars(asked))) else 1


if __name__ == "__main__":
    sys.exit(main())
