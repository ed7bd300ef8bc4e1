"""What a shepherd does: it makes its flock, runs it, obeys, and gives everything back."""

from __future__ import annotations

import os
import resource
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flock.errors import (
    BadKeys,
    BadOption,
    BotsTaken,
    DailyLimit,
    FlockError,
    NetworkError,
    NotPermitted,
    OutOfCredits,
    RateLimited,
    Refused,
    Suspended,
    TooLong,
    Unauthorized,
    Unavailable,
)
from flock.events import Died, Events, GoneQuiet, Stopped
from flock.journal import SqliteJournal
from flock.loading import load_sheep_class
from flock.options import Options
from flock.sheep.sheep import Sheep
from flock.shepherd import Ending, Shepherd, SimpleShepherd
from flock.threads.slots import Slots
from tests.conftest import TIMEOUT, open_files, open_pipes, until
from tests.world import START, World

NAMES = ("ann", "ben", "cat", "dan")


@pytest.fixture
def shepherd(world: World) -> Shepherd:
    """Return the shepherd of four sheep."""
    for name in NAMES:
        world.raise_sheep(name, lines=100)
    world.anew()
    return shepherd_of(world)


def shepherd_of(world: World, **parts: Any) -> Shepherd:
    """Return a new shepherd of the world's key files, with a line a minute."""
    return Shepherd(world.folder, 60, 600, **{"options": world.options, "context": world.context, **parts})


@contextmanager
def running(shepherd: Shepherd) -> Iterator[Callable[[], Ending]]:
    """Run the shepherd in another thread; yield what stops it and returns why it ended."""
    with ThreadPoolExecutor(1) as pool:
        ending = pool.submit(shepherd.loop)

        def stop() -> Ending:
            shepherd.context.stop.set()
            return ending.result(timeout=TIMEOUT)

        try:
            yield stop
        finally:
            shepherd.context.stop.set()


# Making a flock


def test_each_key_file_is_read_once(world: World) -> None:
    """A sheep gets the key that was read already: its file may be gone by then."""

    class Reader(Sheep):
        def __init__(self, json_file: Path, *args: Any, **kwargs: Any) -> None:
            json_file.unlink()
            super().__init__(json_file, *args, **kwargs)

    for name in NAMES:
        world.raise_sheep(name)

    assert NAMES == tuple(sheep.name for sheep in shepherd_of(world, sheep_class=Reader).all_sheep)


def test_keys_that_were_read_before_need_no_folder(world: World) -> None:
    """It may be on another machine."""
    sheep = world.raise_sheep(NAMES[0])
    world.anew()
    shepherd = shepherd_of(world, keys=[sheep.key])
    for file in world.folder.glob("*.json"):
        file.unlink()
    assert [NAMES[0]] == [each.name for each in shepherd.all_sheep]


class Fickle(Sheep):
    """A sheep that harms the files of another while it is made: ben's when ann is made."""

    def __init__(self, json_file: Path, *args: Any, **kwargs: Any) -> None:
        if json_file.stem == "ann":
            self.harm(json_file.with_name("ben.json"))
        super().__init__(json_file, *args, **kwargs)

    def harm(self, json_file: Path) -> None:
        raise NotImplementedError


@pytest.mark.parametrize(
    "harm", [Path.unlink, lambda file: file.write_text(""), lambda file: os.truncate(file, 9)]
)
def test_a_key_file_that_changes_before_its_sheep_is_made_harms_nothing(
    world: World, harm: Callable[[Path], object]
) -> None:
    """Its bot runs with the key that was read."""
    for name in NAMES:
        world.raise_sheep(name)
    world.anew()
    fickle = type("Fickle", (Fickle,), {"harm": lambda _, file: harm(file)})
    assert NAMES == tuple(sheep.name for sheep in shepherd_of(world, sheep_class=fickle).all_sheep)


def test_what_is_doubtful_about_a_poem_is_told_before_the_first_post(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """At each start of the daemon; under cron only before the bot's first post, for cron mails what is printed."""
    world.folder.joinpath("dolly.txt").write_text("one &amp; two\nthree\n")
    world.raise_sheep()
    told: list[list[str]] = []

    for _ in range(2):
        world.journal = SqliteJournal(world.folder / "flock.db")
        world.anew()
        shepherd_of(world).once()
        world.clock.advance_to(world.clock.now() + 60)
        told.append([*caplog.messages])
        caplog.clear()
    world.journal = SqliteJournal(world.folder / "flock.db")
    world.anew()
    with running(shepherd_of(world)) as stop:
        stop()

    what = "line 1 holds an HTML entity, which is posted as it stands: one &amp; two"
    doubt = f"{world.folder / 'dolly.txt'}: {what}"
    assert [[doubt], []] == told
    assert doubt in caplog.messages
    assert ["one &amp; two", "three"] == world.stage().posts[:2]


def test_duplicates_are_told_where_the_network_refuses_them(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """One that takes them has nothing to tell."""
    world.folder.joinpath("dolly.txt").write_text("baa\nbaa\nboo\n")
    world.raise_sheep()
    world.anew()
    shepherd = shepherd_of(world)

    taken = list(shepherd.doubts(shepherd.all_sheep))
    world.stage().refuses_duplicates = True
    refused = list(shepherd.doubts(shepherd.all_sheep))

    assert [] == taken
    what = "lines 1 and 2 are the same; X refuses the second: baa"
    assert [f"{world.folder / 'dolly.txt'}: {what}"] == refused


def lose(poem: Path) -> None:
    """Delete the poem."""
    poem.unlink()


def empty(poem: Path) -> None:
    """Truncate the poem."""
    poem.write_bytes(b"")


def turn_into_a_pipe(poem: Path) -> None:
    """Put a named pipe in the poem's place."""
    poem.unlink()
    os.mkfifo(poem)


@pytest.mark.parametrize(
    ("exchange", "refusal"),
    [
        (lose, "no such file: {poem}; a relative path starts at the key file's folder, then here"),
        (empty, "no line to say in {poem}; write at least one"),
        (turn_into_a_pipe, "expected a plain file, found a named pipe: {poem}; give the path of a text file"),
    ],
)
def test_a_poem_that_is_exchanged_during_the_start_is_its_own_bots_trouble(
    world: World, exchange: Callable[[Path], None], refusal: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It was good when the keys were read; it stands in for one that was found bad then."""

    class Late(Sheep):
        def memorize(self) -> None:
            if self.name == "ben" and poem.is_file():
                exchange(poem)
            super().memorize()

    for name in NAMES:
        world.raise_sheep(name)
    poem = world.folder / "ben.txt"
    content = poem.read_bytes()
    expected = f"{world.folder / 'ben.json'}: poem_file: {refusal.format(poem=poem)}"
    world.anew()

    with pytest.raises(BadKeys) as caught:
        shepherd_of(world, sheep_class=Late)
    poem.unlink(missing_ok=True)
    poem.write_bytes(content)
    world.options = replace(world.options, skip_bad=True)
    world.anew()
    others = shepherd_of(world, sheep_class=Late).all_sheep

    assert expected == str(caught.value)
    assert ["ann", "cat", "dan"] == [sheep.name for sheep in others]
    assert [f"skipped: {expected}"] == caplog.messages


def test_a_poem_of_two_bots_is_told_at_the_start(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """X does not allow it; both bots run all the same."""
    (world.folder / "shared.txt").write_text("baa")
    for name in ("ann", "ben"):
        world.raise_sheep(name, poem_file="shared.txt")
    world.anew()

    assert 2 == len(shepherd_of(world).all_sheep)
    (message,) = caplog.messages
    assert (
        f"{world.folder / 'ann.json'}: poem_file: the same poem as in {world.folder / 'ben.json'}; X does"
        in message
    )


def test_one_name_on_two_networks_is_two_bots_in_practice(make_world: Callable[..., World]) -> None:
    """Both practise on the pasture; each has a place of its own in its poem."""
    world = make_world(options=Options(pasture=True))
    for file, network in (("a.json", "x"), ("b.json", "pasture")):
        world.raise_sheep("dolly", lines=100).json_file.rename(world.folder / file)
        text = (world.folder / file).read_text()
        token = f'"network": "{network}", "oauth_token": "{network}-token"'
        (world.folder / file).write_text(text.replace('"oauth_token": "dolly-token"', token))
    world.anew()

    on_x, on_pasture = shepherd_of(world).all_sheep
    on_x.beat()

    assert on_x.bot != on_pasture.bot
    assert (1, 0) == (on_x.tot_tweet_tracker, on_pasture.tot_tweet_tracker)
    places = [world.journal.read(sheep.bot) for sheep in (on_x, on_pasture)]
    assert [True, False] == [place is not None for place in places]


@pytest.mark.parametrize(
    "ending", ["sys.exit()", "sys.exit('no')", "raise SystemExit(3)", "1 / 0", "import nowhere"]
)
def test_a_sheep_module_that_cannot_be_imported_is_a_bad_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    """Also one that ends the program: that is the operator's module, not an error of the flock."""
    (tmp_path / "quitters.py").write_text(f"import sys\n{ending}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "quitters", raising=False)

    with pytest.raises(BadOption, match=r"^--sheep quitters:Quits: "):
        load_sheep_class("quitters:Quits")


def test_a_sheep_is_found_where_one_stands_and_libraries_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of the working directory that has the name of a module of Python is not taken for it."""
    (tmp_path / "colorsys.py").write_text("raise SystemExit('of the working directory')\n")
    (tmp_path / "dyed.py").write_text(
        "import colorsys\nimport flock\nclass Dyed(flock.Sheep):\n    colours = colorsys\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("colorsys", "dyed"):
        monkeypatch.delitem(sys.modules, name, raising=False)

    assert "Dyed" == load_sheep_class("dyed:Dyed").__name__


def test_a_sheep_is_found_where_the_working_directory_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is installed; and what is missing is one line."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()

    assert Sheep is load_sheep_class("flock:Sheep")
    with pytest.raises(BadOption, match=r"^--sheep nowhere:Sheep: "):
        load_sheep_class("nowhere:Sheep")


def test_a_state_file_of_no_user_is_a_bad_option(world: World) -> None:
    """It says which option is wrong, and what to give instead."""
    world.raise_sheep()

    with pytest.raises(BadOption, match="--state ~nosuchuser/x: there is no such user; give a full path"):
        Shepherd(world.folder, options=Options(state=Path("~nosuchuser/x")), environment={})


# Leaving nothing behind


Held = tuple[int, int, set[threading.Thread]]


@pytest.fixture
def held(world: World) -> Callable[[], Held]:
    """Return what counts the world's files that are open, all pipes, and the threads that are new in this test."""
    earlier = set(threading.enumerate())
    return lambda: (open_files(world.folder), open_pipes(), set(threading.enumerate()) - earlier)


def make(folder: Path, **parts: Any) -> Shepherd:
    """Return a shepherd with a real journal in the folder, and a network that it does not reach."""
    options = Options(state=folder / "flock.db", base_url="http://127.0.0.1:9", flock_posts_per_day=9)
    return Shepherd(folder, options=options, events=Events(), environment={}, **parts)


def test_a_shepherd_whose_bots_are_taken_leaves_nothing_behind(world: World, held: Callable[[], Held]) -> None:
    """Within one process as well; and the shepherd that has the bots keeps them."""
    for name in NAMES:
        world.raise_sheep(name)
    before = held()
    first = make(world.folder)

    after = []
    for _ in range(3):
        with pytest.raises(BotsTaken):
            make(world.folder)
        after.append(held())
    first.context.close()
    del first

    assert after[0] == after[1] == after[2]
    assert before == held()  # SQLite keeps files of its own until the last user of the database has gone
    make(world.folder).context.close()


def test_a_shepherd_whose_sheep_cannot_be_made_leaves_nothing_behind(
    world: World, held: Callable[[], Held]
) -> None:
    """The second of four raises: the bots are free again, the files and the pasture are closed."""

    class Shy(Sheep):
        def setup_api(self) -> None:
            super().setup_api()
            if self.name == "ben":
                raise ZeroDivisionError

    for name in NAMES:
        world.raise_sheep(name)
    options = Options(state=world.folder / "flock.db", pasture=True)
    before = held()

    for kind in (Shy, Shy):
        with pytest.raises(ZeroDivisionError):
            Shepherd(world.folder, options=options, events=Events(), environment={}, sheep_class=kind)
        assert before == held()


def test_a_shepherd_that_may_open_too_few_files_leaves_nothing_behind(
    world: World, held: Callable[[], Held]
) -> None:
    """Whichever of its files is the one too many: it says so, and the next attempt finds all bots free."""
    for name in NAMES:
        world.raise_sheep(name)
    make(world.folder).context.close()  # imports what it needs
    before = held()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    failures = 0
    for limit in range(3, 1000):
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        try:
            shepherd = make(world.folder)
        except FlockError:
            failures += 1
        else:
            shepherd.context.close()
            break
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert before == held(), limit

    assert 3 < failures < 990


def test_a_flock_that_gets_too_few_threads_gives_its_bots_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what to raise, and another shepherd may run the bots."""
    world.raise_sheep()
    shepherd = make(world.folder)

    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        with pytest.raises(BadOption, match="raise TasksMax= in the unit, or ulimit -u"):
            shepherd.loop()

    make(world.folder).context.close()


def test_a_flock_that_has_run_gives_its_bots_back(world: World) -> None:
    """Another shepherd of this process may run them."""
    world.raise_sheep()
    shepherd = make(world.folder)
    with running(shepherd) as stop:
        assert Ending.STOPPED is stop()

    make(world.folder).context.close()


# Running


@pytest.mark.parametrize("again", [Shepherd.loop, Shepherd.once])
@pytest.mark.parametrize("first", [Shepherd.loop, Shepherd.once])
def test_a_shepherd_runs_once(
    world: World, shepherd: Shepherd, first: Callable[[Shepherd], Ending], again: Callable[[Shepherd], Ending]
) -> None:
    """A second run would do nothing, since the bots were given back; it says so."""
    world.context.stop.set()
    assert Ending.STOPPED is first(shepherd)

    with pytest.raises(FlockError, match="make a new one to run them again"):
        again(shepherd)


def test_after_a_long_outage_each_says_one_line_spread_out(world: World, shepherd: Shepherd) -> None:
    """Four sheep, down for a day: four lines at the start, not thousands and not at once."""
    shepherd.herd.spread()
    world.live(130, *shepherd.all_sheep)
    said_before = len(world.stage("ann").posts)
    world.clock.advance_to(START + 86400)
    world.anew()
    again = shepherd_of(world)

    again.herd.spread()
    world.live(59, *again.all_sheep)

    assert {said_before + 1} == {len(stage.posts) for stage in world.stages.by_name.values()}
    assert 4 == len({stage.times[-1] for stage in world.stages.by_name.values()})


def test_a_flock_that_goes_out_was_not_quiet_before(world: World, shepherd: Shepherd) -> None:
    """Its sheep were due a day ago, when it was down."""
    world.clock.advance_to(START + 86400)
    world.context.stop.set()
    shepherd.loop()
    for sheep in shepherd.all_sheep:
        sheep.postpone(START)
    shepherd.herd.look_around()

    assert [] == world.told(GoneQuiet)


def test_a_flock_all_of_which_is_penned_comes_to_an_end(world: World, shepherd: Shepherd) -> None:
    """No account can post: the flock ends and says why."""
    for stage in world.stages.by_name.values():
        stage.always = Suspended("403")

    assert Ending.ALL_PENNED is shepherd.loop()


class Quits(Sheep):
    """A sheep that one thread of which ends the program, or means to."""

    def decide(self) -> str:
        if self.name == "ben":
            sys.exit("from a library")
        return super().decide()


class Breaks(Sheep):
    """A sheep with a bug outside of what `beat` guards."""

    def loop(self) -> None:
        if self.name == "ben":
            raise ZeroDivisionError
        super().loop()


@pytest.mark.parametrize("kind", [Quits, Breaks])
def test_a_flock_in_which_a_thread_died_did_not_stop_as_asked(
    world: World, kind: type[Sheep], caplog: pytest.LogCaptureFixture
) -> None:
    """The other sheep go on until they are told to stop; then the ending says that one has died."""
    for name in NAMES:
        world.raise_sheep(name, lines=100)
    world.anew()
    shepherd = shepherd_of(world, sheep_class=kind)
    with running(shepherd) as stop:
        until("all others post", lambda: all(len(world.stage(name).posts) > 3 for name in ("ann", "cat", "dan")))
        assert Ending.DIED is stop()

    assert ["ben"] == [event.bot for event in world.told(Died)]
    assert [Ending.DIED.value] == [event.why for event in world.told(Stopped) if isinstance(event, Stopped)]
    assert ["the thread of ben has ended"] == [record.getMessage() for record in caplog.records if record.exc_info]


def test_a_flock_in_which_every_thread_died_comes_to_an_end(world: World) -> None:
    """No sheep is left, so that it need not be told to stop."""
    world.raise_sheep("ben")
    world.anew()

    assert Ending.DIED is shepherd_of(world, sheep_class=Quits).loop()


def test_once_ends_although_a_thread_died(world: World) -> None:
    """Cron gets the exit code; the other bots have had their turn."""
    for name in NAMES:
        world.raise_sheep(name)
    world.anew()

    assert Ending.DIED is shepherd_of(world, sheep_class=Quits).once()
    assert [1, 0, 1, 1] == [len(world.stage(name).posts) for name in NAMES]


def test_a_simple_shepherd_logs_the_end_of_a_thread(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """And comes to its end when all threads have: a pool would wait for ever for one that ended by SystemExit."""
    world.raise_sheep("ben")
    world.anew()
    shepherd = SimpleShepherd(world.folder, options=world.options, context=world.context, sheep_class=Quits)

    shepherd.loop()

    assert ["the thread of ben has ended"] == caplog.messages


def test_a_shepherd_in_another_thread_stops_when_told(tmp_path: Path) -> None:
    """Without signals, `context.stop` ends the flock: for programs that embed one."""
    world = World(tmp_path, options=Options(dry_run=True))
    world.raise_sheep("ann")
    with running(Shepherd(tmp_path, 60, 600, options=Options(dry_run=True), environment={})) as stop:
        assert Ending.STOPPED is stop()


def test_sheep_that_wait_for_a_slot_begin_nothing_when_the_flock_stops(world: World, shepherd: Shepherd) -> None:
    """The only slot is held by a request that gets no answer."""
    come: list[None] = []

    class Counted(Slots):
        def __enter__(self) -> None:
            come.append(None)
            super().__enter__()

    slots = world.stages.service("x").slots = Counted(1)
    with slots, running(shepherd) as stop:
        until("all wait", lambda: len(come) == 1 + len(shepherd.all_sheep))
        assert Ending.STOPPED is stop()

    assert [[]] * 4 == [world.stage(sheep.name).tries for sheep in shepherd.all_sheep]


def test_a_service_that_is_silent_takes_no_slots_from_another(world: World) -> None:
    """All slots of X are held by requests that get no answer; the bots of the pasture post on."""
    world.raise_sheep("ann", lines=100)
    world.raise_sheep("ben", lines=100, network="pasture")
    world.anew()
    shepherd = shepherd_of(world)
    slots = world.stages.service("x").slots = Slots(1)
    with slots, running(shepherd) as stop:
        until("ben posts", lambda: len(world.stage("ben").posts) > 5)
        assert [] == world.stage("ann").tries
        assert Ending.STOPPED is stop()


def test_two_names_of_one_account_do_not_run_at_once(world: World) -> None:
    """Also where the journal does not know the account yet."""
    world.raise_sheep("ann", oauth_token="1001-token")
    (world.folder / "ann.json").rename(world.folder / "was_ann.json")
    world.raise_sheep("ben", user_id="1001")
    world.anew()

    with pytest.raises(
        BadKeys, match=r"was_ann.json: screen_name: ben in .*ben.json is the same account; keep one"
    ):
        shepherd_of(world)


@pytest.mark.parametrize("error", [Refused("403"), NotPermitted("403"), Unauthorized("401"), OutOfCredits("402")])
def test_once_says_that_nothing_could_be_said(world: World, error: NetworkError) -> None:
    """For as long as that lasts: cron jobs are watched by their exit code."""
    endings = []
    for minute in range(6):
        world.clock.advance_to(START + 60 * minute)
        world.raise_sheep("ann", lines=100)
        world.stage("ann").always = error if minute < 2 else None
        world.anew()
        endings.append(shepherd_of(world).once())

    assert [Ending.REFUSED, Ending.REFUSED] == endings[:2]
    assert {Ending.REFUSED} >= set(endings) - {Ending.STOPPED}
    if not isinstance(error, OutOfCredits):  # which waits for hours
        assert Ending.STOPPED is endings[-1]


@pytest.mark.parametrize(
    "error", [Unavailable("503"), RateLimited("429"), DailyLimit("403"), TooLong("186"), None]
)
def test_an_outage_or_a_limit_is_no_refusal(world: World, error: NetworkError | None) -> None:
    """Nothing is to be done about it."""
    world.raise_sheep("ann")
    world.stage("ann").always = error
    world.anew()

    assert Ending.STOPPED is shepherd_of(world).once()


def test_a_flock_of_which_some_could_say_something_was_not_refused(world: World) -> None:
    """The bot that is refused has its line in the log."""
    for name in ("ann", "ben"):
        world.raise_sheep(name)
    world.stage("ann").always = NotPermitted("403")
    world.anew()

    assert Ending.STOPPED is shepherd_of(world).once()


def test_once_lets_each_sheep_that_is_due_say_one_line(world: World, shepherd: Shepherd) -> None:
    """One is not due for an hour: it says none."""
    shepherd.all_sheep[3].postpone(START + 3600)

    assert Ending.STOPPED is shepherd.once()
    assert [1, 1, 1, 0] == [len(world.stage(sheep.name).posts) for sheep in shepherd.all_sheep]


def test_cron_a_second_early_does_not_skip_a_minute(world: World) -> None:
    """With cron's jitter of a second, a line a minute is a line a minute, and does not drift."""
    world.raise_sheep("ann", lines=1000)
    for minute in range(60):
        world.clock.advance_to(START + 60 * minute + (minute * 7 % 3) * 0.5)
        world.anew()
        shepherd_of(world).once()

    assert 60 == len(world.stage("ann").posts)


def test_the_switch_interval_is_long_while_the_flock_is_out(
    world: World, shepherd: Shepherd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four threads get 50 microseconds each; afterwards the interval is what it was."""
    asked: list[float] = []

    def decide(_: Sheep) -> str:
        asked.append(sys.getswitchinterval())
        return "baa"

    monkeypatch.setattr(Sheep, "decide", decide)
    for stage in world.stages.by_name.values():
        stage.always = Suspended("403")
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        shepherd.loop()
        after = sys.getswitchinterval()
    finally:
        sys.setswitchinterval(before)

    assert [2e-4] * 4 == pytest.approx(asked)
    assert pytest.approx(1e-5) == after


def test_a_flock_says_before_it_starts_that_its_journal_will_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """There is no room at all on its disk."""
    (tmp_path / "flock.db").touch()
    world = World(tmp_path, options=Options(state=tmp_path / "flock.db"))
    world.raise_sheep("ann")
    world.stage("ann").always = Suspended("403")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))

    shepherd_of(world).loop()

    assert any("choose a shorter --keep-history" in line for line in caplog.messages)
