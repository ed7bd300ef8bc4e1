"""What the benchmarks make of what they measure. That they run is shown by .ci/run, how fast by the docs."""

import io
import os
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import gauges, networks, scale, soak, unsteady
from benchmarks.forms import SLOTS, STOPS
from benchmarks.ground import NETWORKS, Network, client_environment, write_keys
from benchmarks.machinery import Row, side_by_side
from benchmarks.posts import Post, half_way, hear_flock, hear_yardstick, lateness, percentile
from benchmarks.runs import TINY, Plan, Run
from flock.events import Event, Out, Said
from flock.journal import Outcome, Place, Settlement, SqliteJournal
from flock.keys import read_keys
from flock.observers.console import Console
from tests.faults.hostile import Landed, Met, Request
from tests.faults.modes import GROUPS
from tests.faults.stands import Outlived

TIMEOUT = 30  # seconds: far more than anything here takes
ROOT = Path(__file__).parents[2]
RUN = Run(
    who="flock",
    sheep=100,
    interval=5.0,
    posts=400,
    posts_per_second=20.0,
    cpu_ms_per_post=1.5,
    rss_mb=80.0,
    threads=106,
    open_files=20,
    out_seconds=6.0,
    late_p99_ms=4.0,
    stop_seconds=0.2,
    exit_code=0,
    half_way=0,
)
SAMPLE = soak.Sample(
    minute=1,
    rss_mb=80.0,
    threads=106,
    open_files=20,
    journal_mb=5.0,
    posts=600,
    cpu_ms_per_post=1.5,
    late_p50_ms=1.0,
    late_p99_ms=4.0,
    late_max_ms=9.0,
    disk_max_ms=1.0,
)


def logged(event: Event) -> bytes:
    """Return the line of JSON that a flock's log has for it."""
    log = io.StringIO()
    Console(log, log_format="json")(event)
    return log.getvalue().encode()


def test_a_post_is_found_in_the_log_of_a_flock() -> None:
    """With whose it is, which one, and how late the bot set about it."""
    said = Said(at=9.0, bot="bot7", text="line 1", n=4, line=1, lines=2, age=2.5, late=0.25, post_id="99")
    assert Post("bot7", n=4, piece=0, late=0.25) == hear_flock(logged(said))


@pytest.mark.parametrize("line", [logged(Out(at=9.0, sheep=3)), b"Traceback (most recent call last):"])
def test_what_else_is_in_the_log_is_no_post(line: bytes) -> None:
    """Other events, and what comes of a crash."""
    assert hear_flock(line) is None


def test_a_post_is_found_in_the_log_of_the_yardstick() -> None:
    """And its troubles are none."""
    heard = [hear_yardstick(line) for line in (b"bot7 line 3 of a poem", b"trouble HTTPSConnectionPool")]
    assert [Post("bot7"), None] == heard


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A journal with one post that took 40 ms from its intent to its post, and one that never ended."""
    path = tmp_path / "flock.db"
    journal = SqliteJournal(path)
    journal.claim(["pasture:bot7"])
    journal.intend("pasture:bot7", Place(n=0, intended=1000.0), "line 0")
    journal.settle("pasture:bot7", Settlement(0, 0, Outcome.SAID, 1000.04, "99"), Place(n=1))
    journal.intend("pasture:bot7", Place(n=1, intended=1005.0), "line 1")
    journal.close()
    return path


def test_lateness_lasts_until_the_network_has_answered(state: Path) -> None:
    """What the log says of the beginning, and the journal of the rest; what has not ended has none yet."""
    posts = [Post("bot7", n=0, late=0.1), Post("bot7", n=1, late=0.1)]
    assert [pytest.approx(140, abs=0.01)] == lateness(posts, state, since=999.0)


def test_a_post_that_never_ended_is_left_half_way(state: Path) -> None:
    """It is what the next run would have to look for."""
    assert half_way(state) == 1


@pytest.mark.parametrize(("percent", "expected"), [(50, 50.0), (99, 99.0), (100, 100.0)])
def test_a_percentile_is_one_of_the_values(percent: float, expected: float) -> None:
    """The smallest that so many percent do not exceed."""
    assert percentile([float(value) for value in range(100, 0, -1)], percent) == expected


def test_nothing_has_no_percentile() -> None:
    """A minute without posts is neither early nor late."""
    assert percentile([], 99) is None


def test_ten_thousand_sheep_speak_every_thirty_seconds() -> None:
    """Smaller flocks speak every five, and the empty process comes first."""
    intervals = {situation.sheep: situation.interval for situation in Plan().situations() if situation.interval}
    assert intervals == {1: 5.0, 10: 5.0, 100: 5.0, 1000: 5.0, 10_000: 30.0}
    assert [1, 1] == [situation.sheep for situation in Plan().situations()][:2]


@pytest.mark.parametrize("plan", [Plan(), TINY])
def test_the_steady_part_is_made_of_whole_intervals(plan: Plan) -> None:
    """So that every sheep has spoken as often as the others."""
    for situation in plan.situations():
        steady = plan.steady_part(situation.interval)
        assert steady >= max(plan.steady, situation.interval)
        assert situation.interval == 0 or (steady / situation.interval).is_integer()


@pytest.mark.parametrize(
    ("run", "problems"),
    [
        (RUN, []),
        (replace(RUN, who="yardstick", exit_code=-signal.SIGTERM, half_way=None), []),
        (replace(RUN, exit_code=4), ["exit code 4"]),
        (replace(RUN, out_seconds=None), ["not every sheep has spoken"]),
        (replace(RUN, half_way=2), ["2 posts left half-way"]),
        (replace(RUN, posts=0, cpu_ms_per_post=None), ["no posts"]),
        (replace(RUN, posts_per_second=0.1, late_p99_ms=9e9, stop_seconds=59.0), []),
    ],
)
def test_a_run_ends_badly_for_what_it_does_and_not_for_being_slow(run: Run, problems: list[str]) -> None:
    """Slowness is not a problem, since CI runs on machines of every speed."""
    assert problems == list(run.problems())


def test_a_sheep_weighs_what_it_adds_to_the_process_with_one() -> None:
    """Of the same program: the yardstick's empty process is another."""
    before = [replace(RUN, sheep=1, rss_mb=75.05), replace(RUN, who="yardstick", sheep=1, rss_mb=36.0)]
    assert scale.weighed(RUN, before).kb_per_sheep == 50.0
    assert scale.weighed(before[0], []).kb_per_sheep is None


def test_ratios_compare_like_with_like() -> None:
    """The yardstick at the same size, before the same server."""
    ours = replace(RUN, kb_per_sheep=40.0)
    theirs = replace(ours, who="yardstick", kb_per_sheep=800.0, cpu_ms_per_post=3.0)
    runs = [theirs, ours, replace(theirs, cpu_ms_per_post=30.0, closing=True), replace(ours, closing=True)]
    lines = [line.split() for line in scale.ratios([*runs, replace(ours, sheep=10_000)])][1:]
    assert lines == [["100", "20.00", "2.00"], ["closing", "100", "20.00", "20.00"]]


def test_a_report_that_was_kept_can_be_shown_again(tmp_path: Path) -> None:
    """With every row and all that follows."""
    report = scale.Report([RUN, replace(RUN, kb_per_sheep=40.0)], ["a problem"], gauges.Machine.this(), 4.0)
    report.save(tmp_path / "runs.json")
    assert scale.Report.load(tmp_path / "runs.json") == report


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([106] * 16, "flat since minute 5: +0.00 an hour, largest/least 1.000"),
        ([100 + minute / 10 for minute in range(16)], "flat since minute 5: +6.00 an hour, largest/least 1.015"),
        ([100 + minute / 2 for minute in range(16)], "GROWS since minute 5: +30.00 an hour, largest/least 1.075"),
        ([14, 20, 13, 20, 14, 20, 14, 20], "flat since minute 5: +19.29 an hour, largest/least 1.538"),
        ([5.0, 5.0], "too short to tell: flat is since minute 5"),
    ],
)
def test_what_gains_little_or_scatters_is_flat(values: Sequence[float], expected: str) -> None:
    """And what gains more than two in a hundred, steadily, is not."""
    assert expected == soak.flatness(values)


@pytest.mark.parametrize(
    ("later", "expected"), [(4.0, "no worse"), (9.0, "no worse"), (9.1, "WORSE"), (None, "too little said")]
)
def test_the_tenth_minute_is_held_against_the_first(later: float | None, expected: str) -> None:
    """Five milliseconds are the machine's."""
    samples = [replace(SAMPLE, minute=minute) for minute in range(1, 13)]
    samples[9] = replace(samples[9], late_p99_ms=later)
    assert expected in soak.constancy(samples)


def test_a_disk_that_was_slower_than_the_flock_is_named() -> None:
    """In whichever of the two minutes."""
    samples = [replace(SAMPLE, disk_max_ms=3.9), replace(SAMPLE, minute=2, late_p99_ms=50.0, disk_max_ms=190.0)]
    assert soak.constancy(samples).endswith(": 4.0 ms then, 50.0 ms now when the disk took 190 ms")
    assert soak.constancy(samples[::-1]).endswith(": 50.0 ms then when the disk took 190 ms, 4.0 ms now")


def test_no_minute_may_be_a_quarter_of_a_second_late() -> None:
    """The worst of them is named."""
    samples = [SAMPLE, replace(SAMPLE, minute=2, late_p99_ms=250.0)]
    assert soak.punctuality(samples) == "p99 EXCEEDS 250 ms: 250.0 ms at most, in minute 2"
    stalled = replace(samples[1], disk_max_ms=300.4)
    assert soak.punctuality([stalled]).endswith("250.0 ms at most, in minute 2 when the disk took 300 ms")
    assert soak.punctuality(samples[:1]) == "p99 stays under 250 ms: 4.0 ms at most, in minute 1"


def test_cpu_is_counted_over_all_minutes() -> None:
    """By the post; the dearest minute is named."""
    samples = [SAMPLE, replace(SAMPLE, minute=2, posts=200, cpu_ms_per_post=3.5)]
    assert soak.frugality(samples) == "a post keeps to 2 ms: 2.00 ms in all minutes, 3.50 ms in minute 2"
    assert "EXCEEDS 2 ms: 3.50 ms in all minutes" in soak.frugality(samples[1:])
    silent = replace(SAMPLE, minute=3, posts=0, cpu_ms_per_post=None)
    assert soak.frugality([*samples, silent]) == soak.frugality(samples)
    assert soak.frugality([silent]) == "nothing said"


@pytest.mark.parametrize(
    ("plain", "with_it", "expected"),
    [
        (2.0, 1.0, "50 %  pays"),
        (2.0, 1.8, "10 %  pays"),
        (2.0, 1.81, "9 %  does not pay"),
        (0.0, 1.0, "0 %  does not"),
    ],
)
def test_a_piece_of_machinery_pays_if_it_saves_a_tenth(plain: float, with_it: float, expected: str) -> None:
    """Less is better in every row."""
    assert expected in str(Row("slots", "s", plain, with_it))


def test_two_forms_are_measured_in_turn() -> None:
    """So that a noisy minute is as bad for both."""
    done: list[str] = []
    side_by_side(lambda: done.append("plain"), lambda: done.append("with it"), 100)
    assert (["plain"] * 2 + ["with it"] * 2) * 50 == done


@pytest.mark.parametrize(
    ("posts", "twice", "lost"),
    [
        ("", 0, 0),
        ("abc", 0, 0),
        ("abbc", 1, 0),
        ("ababc", 2, 0),
        ("ac", 0, 1),
        ("bcd", 0, 1),
        ("abdc", 0, 1),
        ("aacc", 2, 1),
    ],
)
def test_a_campaign_counts_what_came_twice_and_what_was_lost(posts: str, twice: int, lost: int) -> None:
    """Beside the poem "abcd"; lines in another order count as lost."""
    row = unsteady.Row("a campaign", "once")
    row.count("abcd", posts)
    assert (twice, lost) == (row.twice, row.lost)


def test_a_last_line_that_is_over_and_never_came_is_lost() -> None:
    """The posts alone do not show it. A line that is still under way is not lost."""
    row = unsteady.Row("a campaign", "once")
    assert ["c"] == row.count("abcd", "ab", noted="abc")
    assert [] == row.count("abcd", "ab", noted="ab")
    assert (0, 1) == (row.twice, row.lost)


def test_a_campaign_tells_what_happened_around_a_lost_line(tmp_path: Path) -> None:
    """The journal says that the second line was said; the server, that its post did not land, and what it met."""
    row = unsteady.Row("a campaign", "once")
    with unsteady.pen(tmp_path, 1, unsteady.Unsteady(1)) as home:
        (tmp_path / "state" / "flock").mkdir(parents=True)
        with closing(SqliteJournal(tmp_path / "state" / "flock" / "flock.db")) as journal:
            journal.claim(["x:bot0"])
            for n in range(4):
                journal.intend("x:bot0", Place(n=n, intended=1000.0 + 5 * n), f"line {n}")
                done = Settlement(n, 0, Outcome.SAID, 1000.5 + 5 * n, str(n + 90))
                journal.settle("x:bot0", done, Place(n=n + 1))
        dropped = GROUPS["closes"]["within the body"].act
        for n in range(4):
            request = Request("POST", "/2/tweets", "bot0", f"line {n}")
            met = Met(1000.1 + 5 * n, 4321, request, *((dropped, b"{}") if n == 1 else (None, b"{}", str(n))))
            home.network.met["bot0"].append(met)
            home.network.landed["bot0"] += [Landed(str(n), request.text, 0.0)] * (n != 1)
        home.kills.append(1004.5)
        home.count(row)

    assert (3, 0, 1) == (row.posts, row.twice, row.lost)
    assert [
        f"{tmp_path.name}, bot0: 'line 1'",
        "00:16:44.500 kill -9",
        "00:16:45.000 journal: 1, 'line 1' intended",
        "00:16:45.100 server, port 4321: bot0 POST 'line 1' did not land,"
        " met closes: within the body, not the answer {}",
        "00:16:45.500 journal: 1, 'line 1' said 91",
    ] == row.evidence


def test_an_unsteady_network_lies_about_earlier_posts_only_where_there_are_some() -> None:
    """A flock cannot see of its first post that an answer is an earlier post's."""
    weather = unsteady.Unsteady(1)
    lies = {mode.act for modes in GROUPS.values() for mode in modes.values() if mode.spares}
    first, second = ({found[0] for _ in range(20_000) if (found := weather("POST", posts))} for posts in (0, 1))
    assert lies
    assert lies == second - first


def test_what_came_of_kills_on_a_network_is_added_up() -> None:
    """A post that would have replaced another one, one that was put again, and one that is unknown end badly."""
    row = unsteady.NetworkRow("Bluesky", "2")
    good = Outlived(
        poem="abcd", said={"bot": ["a", "b"]}, can_delete=True, deleted=1, overwrites=0, met={"LATE": 3}
    )
    row.add(replace(good, outcomes=Counter(said=2)))
    assert "| Bluesky | 2 | 3 | 2 | 0 | 0 | 0 | 1 | 0 |" == str(row)

    row.add(replace(good, overwrites=4, repeats=1, outcomes=Counter(said=1, unknown=1)))
    assert "| Bluesky | 2 | 6 | 4 | 0 | 0 | 4 | 2 | 3 |" == str(row)
    assert "| feed | 2 |  | 0 | 0 | 0 |  |  | 0 |" == str(unsteady.NetworkRow("feed", "2"))


def test_kills_on_a_network_tell_what_the_server_has_of_a_line_that_came_twice() -> None:
    """By its ids, since its posts may differ by nothing else."""
    row = unsteady.NetworkRow("X", "2")
    said, posts = {"bot": ["a", "b", "b"]}, {"bot": [("1", "a"), ("2", "b"), ("3", "b")]}
    row.add(Outlived(folder=Path("X0"), poem="abcd", said=said, posts=posts))
    assert ["X0, bot: 'b'", "on the server: ('2', 'b')", "on the server: ('3', 'b')"] == row.evidence


def test_each_network_is_held_against_x() -> None:
    """By the medians of its runs, and by what a sheep adds to the process with one."""

    def found(cpu: float, memory: float) -> networks.Found:
        runs = [replace(RUN, sheep=101, cpu_ms_per_post=cpu * noise, rss_mb=memory) for noise in (0.5, 1, 9)]
        return networks.Found(runs, [replace(RUN, sheep=1, rss_mb=70.0)])

    lines = [*networks.table({"X": found(2.0, 74.0), "Bluesky": found(2.5, 76.0)})]
    assert ["X", "101", "20.0", "2.00", "1.00", "74.0", "40.0", "1.00"] == lines[1].split()
    assert ["Bluesky", "101", "20.0", "2.50", "1.25", "76.0", "60.0", "1.50"] == lines[2].split()


def test_a_handful_of_sheep_that_add_no_memory_are_held_against_nothing() -> None:
    """Three sheep may fit into a page that one sheep has already: the process then grows by nothing."""
    light = networks.Found(flock=[replace(RUN, sheep=3)], one=[replace(RUN, sheep=1)])
    (_, row) = networks.table({"X": light})
    assert row.split() == ["X", "3", "20.0", "1.50", "1.00", "80.0", "0.0", "-"]


@pytest.mark.parametrize("network", NETWORKS)
def test_the_keys_of_a_benchmark_are_keys_of_its_network(tmp_path: Path, network: Network) -> None:
    """All of them can be used together."""
    write_keys(tmp_path / "keys", 3, network, "https://localhost:1234")
    found = read_keys(tmp_path / "keys")
    assert () == found.problems
    assert [{"X": "x"}.get(network, network.lower())] * 3 == [key.network for key in found.keys]


@pytest.mark.parametrize("form", STOPS)
def test_each_form_of_the_stop_event_stops_its_threads(form: str) -> None:
    """A thousand, so that there are several groups."""
    stop = STOPS[form]()
    events = [stop.for_one_thread() for _ in range(1000)]
    assert not any(event.is_set() for event in events)
    stop.set()
    assert all(event.wait(3600) for event in events)


@pytest.mark.parametrize("form", SLOTS)
def test_each_form_of_the_slots_can_be_opened(form: str) -> None:
    """More threads than there are slots go through."""
    slots = SLOTS[form]()
    slots.open()
    for _ in range(200):
        slots.__enter__()
    with slots:
        pass


def test_the_cpu_of_a_process_is_read_from_outside() -> None:
    """To a fraction of what a post costs."""
    before = time.process_time()
    read = gauges.cpu_seconds(os.getpid())
    assert before <= read <= time.process_time()


def test_a_client_has_no_options_but_those_it_is_given() -> None:
    """The benchmarked flock gets none of the user's FLOCK_ variables except FLOCK_VENV and FLOCK_PYTHON."""
    environment = {"FLOCK_PASTURE": "1", "FLOCK_VENV": "/venv", "PATH": "/bin", "SSL_CERT_FILE": "/theirs"}
    bundle = {"REQUESTS_CA_BUNDLE": "/ours", "SSL_CERT_FILE": "/ours"}
    expected = {"FLOCK_VENV": "/venv", "PATH": "/bin", "no_proxy": "localhost", **bundle}
    assert expected == client_environment(environment, Path("/ours"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_benchmark_that_is_ended_leaves_no_process_behind(number: signal.Signals) -> None:
    """Not even where it cannot clear up after itself."""
    program = """if True:
        import sys
        from benchmarks.ground import running
        with running(["sleep", "600"], sys.stderr, sys.stderr) as process:
            print(process.pid, flush=True)
            process.wait()
    """
    benchmark = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with benchmark:
        assert benchmark.stdout is not None
        left = os.pidfd_open(int(benchmark.stdout.readline()))
        benchmark.send_signal(number)
    ended, _, _ = select.select([left], [], [], TIMEOUT)
    os.close(left)
    assert [left] == ended
