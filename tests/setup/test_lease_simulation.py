"""The simulation of the leases, and the model of what a cluster needs that is held against it."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from benchmarks.leases import simulate
from benchmarks.model import BUSY, SIZES, Machine, Measured, commits, needs, silence, table
from benchmarks.rows import Database, Plan, Rules, Write
from benchmarks.world import AWAY, KINDS, SEVERAL, Outcome

BUSY_HOURS = Plan(bots=100, herds=4, hours=0.2, interval=5.0, between_faults=30.0)
CALM_DAY = Plan(bots=60, herds=4, hours=4.0, interval=30.0, between_faults=300.0)
SLOW = 2.0  # seconds that a message takes at most
FIGURES = Measured(
    cpu_ms=2.0,
    server_cpu_ms=0.5,
    commit_ms=2.0,
    process_mb=100.0,
    bot_kb=50.0,
    wal_kb=2.0,
    post_kb=0.3,
    row_kb=1.0,
)


@pytest.mark.parametrize("seed", range(3))
def test_no_two_herds_may_post_for_one_bot(seed: int) -> None:
    """And no post is made twice or lost, while each herd meets a fault a minute."""
    outcome = simulate(replace(BUSY_HOURS, seed=seed))
    assert (0, 0, 0) == (outcome.two_holders, outcome.twice, outcome.lost)
    assert outcome.is_sound()
    assert len(outcome.faults) > 60
    assert outcome.posts > 9_000


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        (Rules(margin=-3.0), "two_holders"),  # a herd believes in its lease for longer than the database
        (Rules(clocks_stop=True), "two_holders"),
        (Rules(clocks_stop=True), "twice"),
        (Rules(landing=0.0), "twice"),  # the next herd looks for a post before it has landed
    ],
    ids=["margin", "clocks", "clocks, twice", "landing"],
)
def test_a_broken_rule_is_found_out(rules: Rules, found: str) -> None:
    """So the simulation can fail."""
    outcome = simulate(BUSY_HOURS, rules)
    assert getattr(outcome, found) > 0
    assert not outcome.is_sound()


def test_an_epoch_refuses_the_writes_of_a_herd_that_has_lost_its_bots() -> None:
    """Whatever that herd believes."""
    for rules, written in ((Rules(), set()), (Rules(is_fenced=False), {0})):
        database = Database(Plan(bots=1, herds=1), rules)
        database.take(1)
        database.claim(0, 1)
        database.now = rules.ttl
        database.take(2)
        assert database.claim(0, 2) == ({0: 0}, set())
        intent = Write("intend", 0, 0, 0.0, lambda _: None)
        assert written == database.commit(0, [intent], 1)
        assert {0} == database.commit(0, [intent], 2)


def test_the_same_seed_comes_to_the_same() -> None:
    """So what went wrong can be looked at again."""
    plan = replace(BUSY_HOURS, hours=0.05)
    assert simulate(plan) == simulate(plan)
    assert simulate(plan) != simulate(replace(plan, seed=2))


@pytest.fixture(scope="module")
def calm_day() -> Outcome:
    """Return what came of a day on which most faults come alone."""
    return simulate(CALM_DAY)


def test_every_kind_of_fault_is_told(calm_day: Outcome) -> None:
    """With how many there were, and how long bots were silent."""
    head, *rows = calm_day.rows()
    assert ["seconds of silence", "faults", "half", "9 in 10", "at most", "under way"] == [
        each.strip() for each in head.split("  ") if each.strip()
    ]
    assert {*KINDS, AWAY, SEVERAL} <= {row[:20].strip() for row in rows}


@pytest.mark.parametrize("kind", ["killed", "frozen", "cut off, replaced"])
def test_bots_are_silent_as_long_as_the_model_says(calm_day: Outcome, kind: str) -> None:
    """But for messages that take seconds: a lease takes four of them."""
    faults = [fault for fault in calm_day.faults if fault.kind == kind]
    longest = max(fault.late for fault in faults)
    bound = silence(kind, under_way=False, plan=CALM_DAY)
    assert bound / 2 < longest < bound + 4 * SLOW
    assert max(fault.under_way for fault in faults) < silence(kind, under_way=True, plan=CALM_DAY) + 4 * SLOW


def test_a_lease_costs_a_commit_every_two_seconds(calm_day: Outcome) -> None:
    """As the model counts them. Faults take a few of these commits, and add others."""
    expected = CALM_DAY.herds / Rules().renew
    assert expected == pytest.approx(calm_day.commits["renewal"] / calm_day.seconds, rel=0.15)


@pytest.mark.parametrize("writes", [1.0, 100.0, 500.0, 5000.0])
def test_commits_are_those_of_a_queue(writes: float) -> None:
    """Writes that come at random, each of which is committed with all that have come during the commit before."""
    takes, chance = 0.002, random.Random(1)
    comes = now = 0.0
    made = 0
    while made < 5_000:
        now = max(now, comes) + takes
        made += 1
        while comes <= now - takes:
            comes += chance.expovariate(writes)
    assert made / now == pytest.approx(commits(writes, takes), rel=0.05)


def test_no_writes_need_no_commits() -> None:
    """And many need no more than the disk can do."""
    assert commits(0.0, 0.002) == 0.0
    assert commits(1e6, 0.002) == pytest.approx(500.0)


def test_a_hundred_thousand_bots() -> None:
    """A post each half hour: 55.6 posts a second on ten herds, and X's bill."""
    its = needs(FIGURES, 100_000, 48.0, Machine(cores=4, gb=8.0, threads=30_000))
    assert (10, 4, 30) == (its.herds, its.machines, its.connections)
    assert its.dollars_a_day == pytest.approx(72_000.0)
    assert its.apps == 480
    assert its.posts_per_second == pytest.approx(55.56, abs=0.01)
    assert its.server_cores == pytest.approx(0.0278, abs=0.0001)
    assert its.commits_per_second == pytest.approx(111 + 5, rel=0.03)
    assert its.wal_gb_a_day == pytest.approx(9.6)
    assert its.kept_gb == pytest.approx(2.98)


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        (Machine(threads=1000), 100),
        (Machine(cores=1, threads=10**6, gb=10**6), 23),  # 5,556 posts a second take 11.1 cores
        (Machine(gb=1.0, threads=10**6), 17),  # 23 herds take 2.3 GB, and their bots 5.0
    ],
)
def test_the_scarcest_thing_says_how_many_machines(machine: Machine, expected: int) -> None:
    """Threads, processors or memory; of the last two only a part is used."""
    assert BUSY == 0.5
    its = needs(FIGURES, 100_000, 4800.0, machine)
    assert its.machines == pytest.approx(expected, abs=2)
    assert its.herds == 23


def test_the_model_is_told_as_a_table() -> None:
    """A row for each size."""
    head, *rows = table(FIGURES)
    assert len(SIZES) == len(rows)
    assert head.split()[0] == "bots"
    assert ["1,000,000", "48"] == rows[-1].split()[:2]
    assert rows[-1].split()[-1] == "720,000"
