"""How fast a flock rehearses: posts a second, microseconds a post, and the memory it takes.

    .venv/bin/python benchmarks/rehearsal.py            # 20 seconds of it, and what a year would take
    .venv/bin/python benchmarks/rehearsal.py --year     # the whole year

The sheep share the shipped poems and the named temperaments evenly.
"""

from __future__ import annotations

import itertools
import json
import math
import resource
import sys
import tempfile
import time
from pathlib import Path

import click

from flock.events import Said
from flock.options import LINE_INTERVAL, POEM_INTERVAL, Options
from flock.rehearsal import Rehearsal
from flock.temperament import TEMPERAMENTS
from flock.units import DAY, parse_seconds

POEMS = sorted(Path(__file__).parents[1].glob("poems/*.txt"))
YEAR = 365 * DAY
BOUND = 20.0  # seconds of this machine's time, unless the whole year is asked for
LOOK_EVERY = 1000  # events


def write_keys(folder: Path, sheep: int, temperament: str | None) -> None:
    """Write so many key files, each with a poem and a temperament."""
    names = [temperament] if temperament else list(TEMPERAMENTS)
    kinds = itertools.cycle(itertools.product(POEMS, names))
    for number, (poem, name) in zip(range(sheep), kinds, strict=False):
        key = {
            "screen_name": f"sheep{number}",
            "consumer_token": "none",
            "consumer_token_secret": "none",
            "oauth_token": f"{number}-none",
            "oauth_token_secret": "none",
            "network": "pasture",
            "poem_file": str(poem),
            "temperament": name,
        }
        (folder / f"sheep{number}.json").write_text(json.dumps(key))


def peak_megabytes() -> float:
    """Return the most memory that this process has had, in MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 2**10)


@click.command()
@click.option("--sheep", default=100, show_default=True)
@click.option("--year", "whole_year", is_flag=True, help="Rehearse 365 days, however long it takes.")
@click.option("--temperament", type=click.Choice(list(TEMPERAMENTS)), help="One for all.  [default: all, evenly]")
@click.option("--line-interval", type=parse_seconds, default=LINE_INTERVAL, show_default=True)
@click.option("--poem-interval", type=parse_seconds, default=POEM_INTERVAL, show_default=True)
def main(
    *, sheep: int, whole_year: bool, temperament: str | None, line_interval: float, poem_interval: float
) -> None:
    """Rehearse a flock, and say how long that took."""
    options = Options(line_interval=line_interval, poem_interval=poem_interval)
    bound = math.inf if whole_year else BOUND
    with tempfile.TemporaryDirectory() as folder:
        write_keys(Path(folder), sheep, temperament)
        rehearsal = Rehearsal(Path(folder), options)
        at_rest = peak_megabytes()
        posts, reached = 0, 0.0
        started = time.perf_counter()
        for number, event in enumerate(rehearsal.play(seconds=YEAR)):
            posts += isinstance(event, Said)
            reached = event.at
            if number % LOOK_EVERY == 0 and time.perf_counter() - started > bound:
                break
        else:
            reached = YEAR
        seconds = time.perf_counter() - started
    share = reached / YEAR
    print(f"{sheep} sheep, {line_interval:g} s between lines, {poem_interval:g} s after the poem")
    print(f"{posts:,} posts of {reached / DAY:,.1f} days in {seconds:.1f} s")
    print(f"{posts / seconds:,.0f} posts/s, {seconds / posts * 1e6:.1f} µs a post")
    print(f"{peak_megabytes():.0f} MB at most, {at_rest:.0f} MB before the first post")
    if share < 1:
        print(f"a year at this pace: about {posts / share:,.0f} posts in {seconds / share:,.0f} s")


if __name__ == "__main__":
    main()
