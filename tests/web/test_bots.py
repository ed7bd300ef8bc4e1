"""The page of a bot: its poem as it remembers it, what comes next, and its days."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from html import unescape
from itertools import pairwise
from pathlib import Path

import pytest
import requests
from hypothesis import example, given
from hypothesis import strategies as st

from flock.cli.times import midnight
from flock.events import Said
from flock.journal import Noted, Outcome, Place, Settlement, SqliteJournal, Standing
from flock.logbook import Entry
from flock.options import Options, settle_options
from flock.overview import Recital
from flock.rehearsal import Rehearsal
from flock.temperament import TEMPERAMENTS, seed_of
from flock.units import DAY
from flock.web.ahead import LINES
from flock.web.bots import poem_lines
from flock.web.listening import listen
from flock.web.plot import DAYS, days_of, plotted
from flock.web.server import WebPage
from tests.conftest import TIMEOUT, until
from tests.web.conftest import Site

POEM = ("a line, of six words; here", "two words", "one", "the sea, the sea:\nover two lines", "and an end")
CPU = 3.0  # seconds, on a slow machine; a year of tries takes ten
WORDS = st.text("abc.,!? ", min_size=1, max_size=30).filter(str.strip)


@given(st.lists(WORDS.map(str.strip), min_size=1, max_size=8), st.integers(0, 4000), st.integers(0, 99))
@example(["?", "? ? ?"], 416, 56)
def test_the_words_that_are_pale_are_those_that_are_forgotten(
    lines: list[str], recitation: int, seed: int
) -> None:
    """As many as its memory says; together with the others they are the poem."""
    temperament, poem = TEMPERAMENTS["senile"], tuple(lines)
    recited = temperament(poem, recitation, seed)
    remembered = temperament.remembered(poem, recitation, seed)
    drawn = poem_lines(Recital(temperament, recited, poem, remembered), 0)

    assert poem == tuple("".join(part.text for part in line.parts) for line in drawn)
    kept = sum(len(part.text.split()) for line in drawn for part in line.parts if not part.is_gone)
    assert recited.memory == pytest.approx(kept / sum(len(line.split()) for line in poem))


def test_lines_that_were_said_and_the_next_one_are_marked() -> None:
    """Also where they are mixed up, or left out: by their places in the poem."""
    temperament, seed = TEMPERAMENTS["senile"], seed_of(0, "x:dolly")
    for recitation in range(900, 960):
        recited = temperament(POEM, recitation, seed)
        remembered = temperament.remembered(POEM, recitation, seed)
        for place, utterance in enumerate(recited.utterances):
            drawn = poem_lines(Recital(temperament, recited, POEM, remembered), place)
            assert [utterance.line] == [line.number - 1 for line in drawn if line.when == "next"]
            before = {each.line for each in recited.utterances[:place]} - {utterance.line}
            assert before == {line.number - 1 for line in drawn if line.when == "said"}


def test_a_temperament_of_a_user_fades_nothing() -> None:
    """Only the temperament itself knows what its sheep remembers."""
    recited = TEMPERAMENTS["senile"](POEM, 3000, 1)
    drawn = poem_lines(Recital(TEMPERAMENTS["senile"], recited, POEM, None), 0)
    assert not any(part.is_gone for line in drawn for part in line.parts)


@pytest.mark.parametrize(
    ("fields", "chosen"),
    [
        ({}, {}),
        ({"posts_per_day": 4}, {}),
        ({"schedule": "0 9 * * *", "timezone": "Asia/Tokyo"}, {}),
        ({}, {"flock_posts_per_day": 3, "burst": True}),
    ],
    ids=["free", "under its cap", "at its hours", "under a cap of the flock"],
)
def test_what_comes_next_is_what_a_rehearsal_says(
    write_key: Callable[..., Path], tmp_path: Path, fields: dict[str, object], chosen: dict[str, object]
) -> None:
    """Texts and times, from where the bot is; caps count the posts that it has made."""
    write_key("dolly.json", **fields, temperament="senile")
    write_key("shaun.json", screen_name="shaun", oauth_token="2002-token-sesame")
    tmp_path.joinpath("poem.txt").write_text("\n".join(f"{line} lines to say" for line in range(9)))
    options = settle_options({"state": tmp_path / "flock.db", **chosen}, environment={})
    now = time.time()
    with closing(SqliteJournal(options.state_file)) as journal:
        journal.claim(["x:dolly", "x:shaun"])
        for n in range(3):
            journal.intend("x:dolly", Place(n=n, intended=now - 3000 + n), "baa")
            after = Place(n=n + 1, line=7, recitations=700, due=now + 3000)
            journal.settle("x:dolly", Settlement(n, 0, Outcome.SAID, now - 3000 + n, "7"), after)
        journal.keep("x:shaun", Place(n=1, due=now + 60), Standing())
    with (
        listen("127.0.0.1", 0) as listener,
        closing(WebPage(tmp_path, options, listener, midnight=midnight)) as page,
    ):
        page.start()
        text = requests.get(f"{page.url}/bots/dolly", timeout=TIMEOUT).text
    with (
        closing(SqliteJournal(options.state_file, read_only=True)) as journal,
        closing(Rehearsal(tmp_path, options, bots=["dolly"], journal=journal, start=time.time())) as rehearsal,
    ):
        said = [event for event in rehearsal.play(posts=LINES) if isinstance(event, Said)]

    section = text.partition('id="next"')[2].partition("</div>")[0]
    found = [
        (unescape(line), at) for line, at in re.findall(r'<p[^>]*>(.*?)</p>\n<time datetime="(.*?)"', section)
    ]
    assert [event.text for event in said] == [line for line, _ in found]
    for event, (_, at) in zip(said, found, strict=True):
        assert datetime.fromisoformat(at).timestamp() == pytest.approx(event.at, abs=60)
    assert ("09:00 in Asia/Tokyo" in section) == ("timezone" in fields)
    if "flock_posts_per_day" in chosen:
        assert said[0].at >= now - 3000 + DAY - 1  # the cap is exhausted by what the bot has said


def test_a_bot_at_rest_has_no_times(
    serve: Callable[..., WebPage], write_key: Callable[..., Path], options: Options
) -> None:
    """A paused bot is shown with what it would say."""
    write_key()
    with closing(SqliteJournal(options.state_file)) as journal:
        journal.claim(["x:dolly"])
        journal.keep("x:dolly", Place(n=1, line=1, next_line="baa again", paused=time.time()), Standing())
    page = serve()
    section = requests.get(f"{page.url}/bots/dolly", timeout=TIMEOUT).text.partition('id="next"')[2]
    assert "baa again" in section.partition("</div>")[0]
    assert "<time" not in section.partition("</div>")[0]


def test_what_comes_next_of_a_bot_with_one_line_is_found_at_once(
    serve: Callable[..., WebPage], write_key: Callable[..., Path], tmp_path: Path
) -> None:
    """X refuses that line again, and the bot would try for ever."""
    write_key()
    tmp_path.joinpath("poem.txt").write_text("baa\n" * 30)
    page = serve()
    begun = time.process_time()
    section = requests.get(f"{page.url}/bots/dolly", timeout=TIMEOUT).text.partition('id="next"')[2]
    assert 1 == section.partition("</div>")[0].count("<time")
    assert time.process_time() - begun < CPU


def entry(at: float, outcome: Outcome = Outcome.SAID) -> Entry:
    """Return a post of that time."""
    return Entry("dolly", "X", Noted("x:dolly", 0, 0, "baa", outcome, at), "")


@given(st.lists(st.floats(0, 60 * DAY), max_size=30))
def test_each_post_is_on_its_day(ages: list[float]) -> None:
    """Of the last thirty days, which follow each other without a gap; a skipped one is none."""
    now = 1_793_000_000.0  # some weeks around the end of summer time, where there is one
    entries = [entry(now - age) for age in ages]
    days = days_of([*entries, entry(now, Outcome.SKIPPED)], now, midnight, lambda text: len(text) / 100)

    assert midnight(now) == days[-1].at
    assert len(days) <= DAYS
    assert all(one.at == midnight(other.at - 1) for one, other in pairwise(days))
    shown = [each for each in entries if each.post.at >= days[0].at]
    assert len(shown) == sum(day.posts for day in days)
    assert sum(day.dollars for day in days) == pytest.approx(0.03 * len(shown))
    bars = plotted([day.posts for day in days], 2.5)
    assert all(0 <= bar.y <= bar.y + bar.height <= bars.height + 1e-9 for bar in bars.bars)
    assert all(0 <= bar.x < bar.x + bar.width <= bars.width for bar in bars.bars)


def test_the_page_has_all_there_is_to_know(open_site: Callable[[], Site]) -> None:
    """A sheep; age, temperament and mood in words; a plot with a text for those who do not see it, and a table."""
    site = open_site()
    site.run_until(12)
    until("the flock is away", lambda: not site.ask("/flock.json").json["flock"]["running"])
    text = site.ask("/bots/bot0").text
    posts = next(bot for bot in site.ask("/flock.json").json["bots"] if bot["name"] == "bot0")["posts"]

    assert 'data-state="not running"' in text
    for fact in ("steadfast: says its poem as it is written", "100% of its words are left", "as it is written"):
        assert fact in text
    assert re.search(rf"<dt>Age</dt><dd>\w.*; [\d.]+ recitations, {posts:,} posts</dd>", text)
    assert 'role="img" aria-labelledby="plot-posts" aria-describedby="plot-posts-words"' in text
    today = datetime.now(UTC).astimezone()
    assert re.search(rf'<th scope="row">{today:%a %Y-%m-%d}</th><td [^>]*>{posts}</td>', text)
    assert "No flock runs this bot now" in text
    assert "If the flock started now." in text
