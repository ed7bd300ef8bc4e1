"""benchmarks/rehearsal.py runs; its speed is not tested."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_benchmark_tells_speed_and_memory() -> None:
    """A small flock's slow year: posts a second, microseconds a post, and the peak."""
    pace = ("--line-interval", "24h", "--poem-interval", "24h")
    command = [sys.executable, str(ROOT / "benchmarks" / "rehearsal.py"), "--sheep", "3", "--year", *pace]

    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert "3 sheep, 86400 s between lines" in output
    assert "of 365.0 days" in output
    assert [] == [words for words in (" posts/s, ", " µs a post", " MB at most") if words not in output]
