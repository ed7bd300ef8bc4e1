"""Yardstick and flock side by side: memory and CPU against the number of sheep.

    scripts/bench                       the table of docs/performance.md (about ten minutes)
    scripts/bench --sheep 10 --seconds 4    a quick look, for function only

Both post over HTTPS, with the full CA bundle, to a server of their own on loopback. Memory is what is resident;
CPU is of the second half of each run, after the start. Prints a table, and writes JSON and a plot if asked to.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import certifi
import simplejson as json

HERE = Path(__file__).parent
LINES = 20


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of one of the two came to."""

    who: str
    sheep: int
    interval: float
    tweets: int
    tweets_per_second: float
    cpu_ms_per_tweet: float
    rss_mb: float
    kb_per_sheep: float
    threads: int
    seconds_to_stop: float
    exit_code: int


@contextmanager
def server(folder: Path) -> Iterator[tuple[str, Path]]:
    """Start the server with a certificate of its own; yield its URL and the CA bundle that knows it."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *(
                "-addext",
                "subjectAltName=DNS:localhost",
                "-keyout",
                folder / "key.pem",
                "-out",
                folder / "cert.pem",
            ),
        ],
        check=True,
        capture_output=True,
    )
    both, bundle = folder / "both.pem", folder / "bundle.pem"
    both.write_text((folder / "key.pem").read_text() + (folder / "cert.pem").read_text())
    bundle.write_text(Path(certifi.where()).read_text() + (folder / "cert.pem").read_text())
    process = subprocess.Popen([sys.executable, HERE / "server.py", both], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield process.stdout.readline().strip(), bundle
    finally:
        process.kill()
        process.wait()


def write_keys(folder: Path, sheep: int) -> Path:
    """Write so many key files that share a poem, and return their folder."""
    keys = folder / f"keys{sheep}"
    keys.mkdir(exist_ok=True)
    (keys / "poem.txt").write_text(
        "\n".join(f"line {line} of a poem, neither long nor short" for line in range(LINES))
    )
    for number in range(sheep):
        key = {
            "screen_name": f"bot{number}",
            "consumer_token": "the-app",
            "consumer_token_secret": "a" * 40,
            "oauth_token": f"{number}-{'b' * 40}",
            "oauth_token_secret": "c" * 40,
            "poem_file": "poem.txt",
        }
        file = keys / f"bot{number:05}.json"
        file.write_text(json.dumps(key))
        file.chmod(0o600)
    return keys


def measure(who: str, keys: Path, *, sheep: int, interval: float, seconds: float, url: str, bundle: Path) -> Run:
    """Run `who` for so many seconds, and measure its second half."""
    state = keys.parent / f"{who}{sheep}.db"
    commands: dict[str, list[str | Path]] = {
        "yardstick": [HERE / "yardstick.py", keys, str(interval), url],
        "flock": [
            *("-m", "flock", "run", keys, "--base-url", url, "--state", state),
            *("--line-interval", str(interval), "--poem-interval", str(interval)),
        ],
    }
    empty_ca = {"REQUESTS_CA_BUNDLE": str(bundle), "CURL_CA_BUNDLE": "", "SSL_CERT_FILE": str(bundle)}
    log = keys.parent / f"{who}{sheep}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, *commands[who]], stdout=output, stderr=output, env=os.environ | empty_ca
        )
        try:
            time.sleep(seconds / 2)
            cpu_before, said_before, at = cpu_seconds(process.pid), tweets_in(log), time.monotonic()
            time.sleep(seconds / 2)
            tweets, elapsed = tweets_in(log) - said_before, time.monotonic() - at
            cpu, rss = cpu_seconds(process.pid) - cpu_before, rss_mb(process.pid)
            threads = len(list(Path(f"/proc/{process.pid}/task").iterdir()))
            stopping = time.monotonic()
            process.send_signal(signal.SIGTERM)
            code = process.wait(timeout=60)
        finally:
            process.kill()
    stop = round(time.monotonic() - stopping, 1)
    rate, each = round(tweets / elapsed, 1), round(cpu / max(tweets, 1) * 1000, 2)
    return Run(who, sheep, interval, tweets, rate, each, round(rss, 1), 0.0, threads, stop, code)


def tweets_in(log: Path) -> int:
    """Return how many tweets the log holds."""
    with log.open() as lines:
        return sum(" of a poem, " in line for line in lines)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time, user and system, that the process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> float:
    """Return the resident memory of the process in MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def noise() -> float:
    """Return by how many percent ten equal pieces of work differ in time on this machine, just now."""
    times = []
    for _ in range(10):
        start = time.perf_counter()
        sum(range(2_000_000))
        times.append(time.perf_counter() - start)
    return (max(times) - min(times)) / min(times) * 100


def with_weights(runs: Sequence[Run]) -> list[Run]:
    """Return the runs with the weight of a sheep: what each has over the smallest run of the same program."""
    smallest = {
        who: min((run for run in runs if run.who == who), key=lambda run: run.sheep)
        for who in {r.who for r in runs}
    }
    weighed = []
    for run in runs:
        least = smallest[run.who]
        more = run.sheep - least.sheep
        weight = (run.rss_mb - least.rss_mb) * 1000 / more if more else 0.0
        weighed.append(Run(**asdict(run) | {"kb_per_sheep": round(weight, 1)}))
    return weighed


def table(runs: Sequence[Run]) -> Iterator[str]:
    """Yield the table, with a line of ratios for each size that both have run."""
    yield (
        f"{'':<10}{'sheep':>7}{'interval':>10}{'tweets/s':>10}{'ms CPU/tweet':>14}"
        f"{'MB':>8}{'KB/sheep':>10}{'stop s':>8}{'exit':>6}"
    )
    for run in runs:
        yield (
            f"{run.who:<10}{run.sheep:>7}{run.interval:>9g}s{run.tweets_per_second:>10}{run.cpu_ms_per_tweet:>14}"
            f"{run.rss_mb:>8}{run.kb_per_sheep:>10}{run.seconds_to_stop:>8}{run.exit_code:>6}"
        )
    by_size = {(run.who, run.sheep, run.interval): run for run in runs}
    for (who, sheep, interval), ours in by_size.items():
        theirs = by_size.get(("yardstick", sheep, interval))
        if who == "flock" and theirs and theirs.cpu_ms_per_tweet and ours.cpu_ms_per_tweet:
            cpu = theirs.cpu_ms_per_tweet / ours.cpu_ms_per_tweet
            memory = theirs.kb_per_sheep / ours.kb_per_sheep if ours.kb_per_sheep else float("nan")
            yield f"at {sheep} sheep: 1/{cpu:.1f} of the CPU a tweet, and 1/{memory:.1f} of the memory a sheep"


def draw(runs: Sequence[Run], file: Path) -> None:
    """Draw memory and CPU against the number of sheep."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra

    figure = Figure(figsize=(10, 4.5), layout="constrained")
    for axes, field, title in zip(
        figure.subplots(1, 2), ("rss_mb", "cpu_ms_per_tweet"), ("memory, MB", "CPU a tweet, ms"), strict=True
    ):
        for who in ("yardstick", "flock"):
            own = [run for run in runs if run.who == who and run.interval]
            axes.plot([run.sheep for run in own], [getattr(run, field) for run in own], "o-", label=who)
        axes.set(xscale="log", yscale="log", xlabel="sheep", title=title)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(file, dpi=110)


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sheep", type=int, nargs="+", default=[10, 100, 1000], help="sizes that both run")
    parser.add_argument("--alone", type=int, nargs="*", default=[], help="sizes that only flock runs")
    parser.add_argument("--seconds", type=float, default=40, help="of each run")
    parser.add_argument("--interval", type=float, default=5, help="between two lines")
    parser.add_argument("--json", type=Path, help="write the numbers there")
    parser.add_argument("--plot", type=Path, help="draw the plot there")
    wanted = parser.parse_args()
    runs = []
    with tempfile.TemporaryDirectory() as name, server(Path(name)) as (url, bundle):
        sizes = [("yardstick", size) for size in wanted.sheep] + [
            ("flock", size) for size in [*wanted.sheep, *wanted.alone]
        ]
        for who, size in sizes:
            seconds = max(wanted.seconds, 4 * wanted.interval)
            runs.append(
                measure(
                    who,
                    write_keys(Path(name), size),
                    sheep=size,
                    interval=wanted.interval,
                    seconds=seconds,
                    url=url,
                    bundle=bundle,
                )
            )
            print(f"{who}, {size} sheep: done", file=sys.stderr)
    runs = with_weights(runs)
    print(*table(runs), sep="\n")
    print(f"noise: {noise():.0f} %; {os.cpu_count()} cores; Python {platform.python_version()}")
    if wanted.json:
        wanted.json.write_text(json.dumps([asdict(run) for run in runs], indent=2) + "\n")
    if wanted.plot:
        draw(runs, wanted.plot)


if __name__ == "__main__":
    main()
