"""What a bot costs on each network: CPU a post and memory a sheep, beside those of a bot on X.

    .venv/bin/python benchmarks/networks.py         a thousand sheep on each, three times in turn: ten minutes
    .venv/bin/python benchmarks/networks.py --tiny  a handful of sheep, for function only

The flocks post over HTTPS to the same server on loopback, which answers as each network does (server.py). Exits
with 1 when a run ended badly; what it costs is for people to judge.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.gauges import Machine, Noise
from benchmarks.ground import NETWORKS, Failed, Network, ground
from benchmarks.runs import Run, Situation, measure, ratio

HEAD = f"{'':<10}{'sheep':>6}{'posts/s':>9}{'ms CPU/post':>13}{'by X':>6}{'MB':>8}{'KB/sheep':>10}{'by X':>6}"


@dataclass
class Found:
    """The runs of one network: those of the flock, and those of one sheep, the empty process."""

    flock: list[Run] = field(default_factory=list)
    one: list[Run] = field(default_factory=list)

    def cpu(self) -> float:
        """Return the CPU of a post in ms, the median of all runs."""
        return median(run.cpu_ms_per_post or 0.0 for run in self.flock)

    def memory(self) -> float:
        """Return the memory of the flock in MB."""
        return median(run.rss_mb for run in self.flock)

    def weight(self) -> float:
        """Return by how many KB a sheep makes the process grow."""
        grown = self.memory() - median(run.rss_mb for run in self.one)
        return grown * 1000 / (self.flock[0].sheep - 1)


def table(found: Mapping[Network, Found]) -> Iterator[str]:
    """Yield the lines of the table."""
    on_x = found["X"]
    yield HEAD
    for network, its in found.items():
        rate = median(run.posts_per_second for run in its.flock)
        yield (
            f"{network:<10}{its.flock[0].sheep:>6}{rate:>9.1f}{its.cpu():>13.2f}{ratio(its.cpu(), on_x.cpu()):>6}"
            f"{its.memory():>8.1f}{its.weight():>10.1f}{ratio(its.weight(), on_x.weight()):>6}"
        )


def go_through(
    sheep: int, interval: float, steady: float, rounds: int
) -> tuple[Mapping[Network, Found], Sequence[str]]:
    """Measure all networks in turn, so many times; return what was found, and what went wrong."""
    found: defaultdict[Network, Found] = defaultdict(Found)
    problems: list[str] = []
    with ground() as here:
        for _ in range(rounds):
            for size in (1, sheep):
                for network in NETWORKS:
                    try:
                        run = measure(here, Situation("flock", size, interval, network=network), steady)
                    except Failed as failure:
                        problems.append(f"{network}, {size} sheep: {failure}")
                        continue
                    its = found[network]
                    (its.one if size == 1 else its.flock).append(run)
                    problems += [f"{network}, {size} sheep: {problem}" for problem in run.problems()]
    return found, problems


def main() -> int:
    """Run what is asked for, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sheep", type=int, default=1000, metavar="N", help="on each network (1000)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="how often each is measured (3)")
    parser.add_argument("--tiny", action="store_true", help="a handful of sheep, for function only")
    asked = parser.parse_args()
    noise = Noise()
    noise.listen()
    if asked.tiny:
        found, problems = go_through(3, 0.25, 0.5, 1)
    else:
        found, problems = go_through(asked.sheep, 5.0, 20.0, asked.rounds)
    noise.listen()
    for problem in problems:
        print(problem, file=sys.stderr)
    if all(its.flock and its.one for its in found.values()):
        print(*table(found), sep="\n")
    print(f"medians of {len(found['X'].flock)}; noise: {noise.percent():.0f} %; {Machine.this()}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
