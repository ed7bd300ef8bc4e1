"""What the benchmark of a cluster makes of what it measures. That it runs is shown by .ci/run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import model
from benchmarks.cluster import PACED, RESTLESS, TINY, Report, figures, medians
from benchmarks.gauges import Machine
from benchmarks.ground import write_keys
from benchmarks.herds import Run, Trial
from flock.keys import read_keys

FEW = Trial(store="PostgreSQL", sheep=1000, interval=5.0)
MANY = replace(FEW, sheep=10_000, interval=30.0)
RUN = Run(
    trial=FEW,
    posts_per_second=200.0,
    cpu_ms=2.0,
    server_cpu_ms=0.5,
    commits_per_second=300.0,
    commit_ms=2.5,
    late_p99_ms=20.0,
    rss_mb=150.0,
    wal_kb=2.0,
    post_kb=0.3,
    row_kb=1.0,
)
ON_SQLITE = replace(
    RUN,
    trial=replace(FEW, store="SQLite"),
    cpu_ms=1.6,
    server_cpu_ms=None,
    wal_kb=None,
    post_kb=None,
    row_kb=None,
)
MACHINE = Machine(2, "3.11.7", "6.18", "2026-11-28")


def test_each_flock_on_postgresql_is_held_against_that_on_sqlite() -> None:
    """By the medians of its runs."""
    slow, slower = replace(RUN, cpu_ms=3.0), replace(RUN, cpu_ms=4.0)
    head, first, second, tail = Report([RUN, ON_SQLITE, slow, slower], MACHINE, 3.0, "PostgreSQL 15").table()
    assert ["PostgreSQL", "1,000", "1", "5", "s", "200.0", "3.00", "0.50", "1.88"] == first.split()[:9]
    assert ["SQLite", "1,000", "1", "5", "s", "200.0", "1.60", "-", "1.00"] == second.split()[:9]
    assert len(head) == len(first)
    assert "PostgreSQL 15; noise: 3 %" in tail


def test_a_flock_that_said_nothing_measurable_is_shown_too() -> None:
    """Where there were no posts there is nothing to divide by."""
    silent = replace(RUN, cpu_ms=None, server_cpu_ms=None, commit_ms=None, late_p99_ms=None)
    _, row, *_ = Report([silent], MACHINE, 0.0, "PostgreSQL 15").table()
    assert row.split().count("-") == 5
    assert [silent] == list(medians([silent]))
    its = figures([silent])
    assert its is not None
    assert list(model.table(its))


def test_the_figures_of_the_model_are_those_of_the_largest_flock() -> None:
    """A bot weighs what the larger flock has more than the smaller one."""
    its = figures([ON_SQLITE, RUN, replace(RUN, trial=MANY, rss_mb=600.0, cpu_ms=1.9)])
    assert its is not None
    assert (1.9, 0.5) == (its.cpu_ms, its.server_cpu_ms)
    assert its.bot_kb == pytest.approx(50.0)
    assert its.process_mb == pytest.approx(100.0)


@pytest.mark.parametrize("many", [RUN, replace(RUN, trial=MANY)], ids=["one size", "no more memory"])
def test_bots_may_weigh_nothing(many: Run) -> None:
    """As those of a tiny benchmark do."""
    its = figures([RUN, many])
    assert its is not None
    assert (150.0, 0.0) == (its.process_mb, its.bot_kb)


def test_without_flocks_on_postgresql_there_are_no_figures() -> None:
    """Those without an interval show no pace."""
    assert figures([ON_SQLITE, replace(RUN, trial=replace(FEW, interval=0.0))]) is None


def test_the_runs_can_be_shown_again(tmp_path: Path) -> None:
    """From the file in which they were kept."""
    report = Report([RUN, ON_SQLITE], MACHINE, 3.0, "PostgreSQL 15")
    report.save(tmp_path / "runs.json")
    assert Report.load(tmp_path / "runs.json") == report


@pytest.mark.parametrize("trial", [*PACED, *RESTLESS, *TINY], ids=str)
def test_herds_get_equal_shares(trial: Trial) -> None:
    """And every bot is in one of them."""
    assert trial.sheep % trial.herds == 0


def test_the_keys_of_two_herds_are_of_different_bots(tmp_path: Path) -> None:
    """They follow each other."""
    write_keys(tmp_path / "one", 2)
    write_keys(tmp_path / "two", 2, first=2)
    names = [key.screen_name for folder in ("one", "two") for key in read_keys(tmp_path / folder).keys]
    assert [f"bot{number}" for number in range(4)] == sorted(names)
