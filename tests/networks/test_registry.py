"""Which network each key gets, and what the bots of one server share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from flock.errors import BadOption, Unavailable
from flock.keys import Key, read_key, read_keys
from flock.networks.base import Intent, new_intent
from flock.networks.bluesky.api import Bluesky
from flock.networks.feed import Feed
from flock.networks.mastodon.api import Mastodon
from flock.networks.mastodon.length import Rules
from flock.networks.registry import Networks
from flock.networks.x.api import X
from flock.options import Options
from flock.pasture import Pasture
from flock.pasture.mastodon import MastodonApp
from flock.poem import cut
from tests.keys.test_other_networks import BLUESKY, FEED, MASTODON, NO_TOKENS
from tests.networks.mastodon.conftest import serve

WriteKey = Callable[..., Path]
Connect = Callable[..., Networks]
INTENT = Intent("0" * 31 + "1", 1_800_000_000.0)


@pytest.fixture
def networks(tmp_path: Path) -> Iterator[Connect]:
    """Return a maker of networks with these options, whose journal is in a folder of its own."""
    with ExitStack() as stack:

        def make(**options: Any) -> Networks:
            made = Networks(Options(state=tmp_path / "state" / "flock.db", **options))
            stack.callback(made.close)
            return made

        (tmp_path / "state").mkdir()
        yield make


@pytest.fixture
def keys(write_key: WriteKey) -> dict[str, Key]:
    """Return a key for each network."""
    fields: dict[str, dict[str, Any]] = {"x": {}, "bluesky": BLUESKY, "mastodon": MASTODON, "feed": FEED}
    return {name: read_key(write_key(f"{name}.json", **each)) for name, each in fields.items()}


def test_each_key_gets_its_network(networks: Connect, keys: dict[str, Key]) -> None:
    """And each server is a service of its own."""
    made = networks()
    bots = {name: made.connect(key) for name, key in keys.items()}
    assert {"x": X, "bluesky": Bluesky, "mastodon": Mastodon, "feed": Feed} == {
        name: type(bot) for name, bot in bots.items()
    }
    assert ["X", "https://bsky.social", "https://a.example", "feeds"] == [
        bot.service.name for bot in bots.values()
    ]
    assert {*made.services} == {bot.service for bot in bots.values()}


def test_bots_of_one_server_share_a_service(networks: Connect, write_key: WriteKey) -> None:
    """Two servers of one kind are two services."""
    made = networks()
    own = [{}, {"access_token": "sesame-2"}, {"server": "https://b.example"}]
    bots = [made.connect(read_key(write_key(**{**MASTODON, **each}))) for each in own]
    assert bots[0].service is bots[1].service is not bots[2].service


def test_the_journal_knows_a_bot_by_its_server_where_that_has_names_of_its_own(
    networks: Connect, keys: dict[str, Key]
) -> None:
    """A handle on Bluesky and a name on X need none."""
    names = ["x:dolly", "bluesky:dolly.test", "mastodon:dolly@a.example", "feed:dolly"]
    made = networks()
    assert names == [made.bot(key) for key in keys.values()]
    assert ["dolly", "dolly.test", "mastodon:dolly@a.example", "feed:dolly"] == [
        made.label(key) for key in keys.values()
    ]


def test_a_base_url_stands_for_x_alone(networks: Connect, keys: dict[str, Key]) -> None:
    """Bots of other networks post to their own servers, and have their own places there."""
    made = networks(base_url="http://127.0.0.1:1")
    bots = [made.connect(key).service.name for key in keys.values()]
    assert ["http://127.0.0.1:1", "https://bsky.social", "https://a.example", "feeds"] == bots
    assert ["pasture", "bluesky", "mastodon", "feed"] == [made.realm(key) for key in keys.values()]


def test_a_dry_run_counts_as_the_bots_network_does(networks: Connect, keys: dict[str, Key]) -> None:
    """280 weighted characters on X, 300 graphemes on Bluesky, 500 on Mastodon; and only X refuses duplicates."""
    made = networks(dry_run=True)
    for name, longest in {"x": 280, "bluesky": 300, "mastodon": 500, "feed": 10_000}.items():
        bot = made.connect(keys[name])
        assert [True, False] == [bot.fits("a" * length) for length in (longest, longest + 1)]
        assert bot.refuses_duplicates == (name == "x")
    assert [] == list(keys["x"].file.parent.joinpath("state").iterdir())


def test_a_post_costs_money_on_x_alone(networks: Connect, keys: dict[str, Key]) -> None:
    """In US dollars."""
    made = networks()
    assert [0.015, 0.0, 0.0, 0.0] == [made.price(key, "baa") for key in keys.values()]


def test_bots_of_all_networks_practise(networks: Connect, keys: dict[str, Key], tmp_path: Path) -> None:
    """On one server, and the feed beside the journal; no real server is asked, and no real feed is written."""
    made = networks(pasture=True)
    bots = {name: made.connect(key) for name, key in keys.items()}
    for name, bot in bots.items():
        bot.post(f"baa {name}", INTENT)
        assert [f"baa {name}"] == [post.text for post in bot.recent()]
    assert {"pasture"} == {made.realm(key) for key in keys.values()}
    assert 4 == len({made.bot(key) for key in keys.values()})
    assert 2 == len(made.services)
    assert not (tmp_path / "feeds").exists()
    assert (tmp_path / "state" / "pasture-feeds").is_dir()


@pytest.fixture
def examples() -> dict[str, Key]:
    """The practice keys of networks other than X, as they are in keys.example/."""
    found = read_keys(Path(__file__).parents[2] / "keys.example").keys
    return {key.network: key for key in found if key.network != "pasture"}


def test_a_practice_key_never_leaves_the_pasture(networks: Connect, examples: dict[str, Key]) -> None:
    """Whatever the options are: its `server` says so, and its journal is that of practice."""
    made = networks()
    assert ["bluesky", "mastodon"] == [*examples]
    for key in examples.values():
        bot = made.connect(key)
        bot.post("baa", INTENT)
        assert ["baa"] == [post.text for post in bot.recent()]
    assert ["pasture:cumulus.example", "pasture:woolly_mammoth"] == [made.bot(key) for key in examples.values()]
    (service,) = made.services
    assert service.name.startswith("the pasture at http://127.0.0.1:")


def test_a_practice_key_may_post_to_a_pasture_that_runs_alone(networks: Connect, examples: dict[str, Key]) -> None:
    """As those on X may; a server that is not on this machine gets nothing."""
    with Pasture(()) as alone:
        for key in examples.values():
            alone.admit_bot(key, key.screen_name)
        for url in (alone.url, "https://x.example"):
            made = networks(base_url=url)
            assert ["pasture"] * 2 == [made.realm(key) for key in examples.values()]
            for key in examples.values():
                made.connect(key).post("baa", INTENT)
            assert (url != alone.url) == made.has_pasture
        assert ["baa"] == alone.mastodon.texts("woolly_mammoth")


def test_a_sheep_of_ones_own_may_post_without_an_intent(networks: Connect, keys: dict[str, Key]) -> None:
    """Such a post is never repeated; each is one of its own."""
    made = networks(pasture=True)
    for name, key in keys.items():
        bot = made.connect(key)
        for number in (1, 2):
            bot.post(f"{name} {number}")
        assert [f"{name} 2", f"{name} 1"] == [post.text for post in bot.recent()]


def test_a_practising_bot_finds_its_posts_after_a_restart(networks: Connect, keys: dict[str, Key]) -> None:
    """Its account is the same, whichever bots are there beside it."""
    before = networks(pasture=True)
    for name in ("bluesky", "mastodon"):
        before.connect(keys[name]).post("baa", INTENT)
    before.close()
    after = networks(pasture=True)
    for name in ("mastodon", "bluesky"):
        assert ["baa"] == [post.text for post in after.connect(keys[name]).recent()]


def test_a_line_is_cut_as_before_while_a_server_is_away(networks: Connect, write_key: WriteKey) -> None:
    """What the server said about itself is kept over a restart, beside the journal; another server is asked."""
    app = MastodonApp(rules=Rules(most=20), version="4.7.2")
    line = "one two three four five six seven"
    with serve(app) as url:
        key = read_key(write_key(**{**MASTODON, "server": url}))
        first = networks()
        pieces = cut(line, first.connect(key).fits)
        assert 1 == app.asked("/api/v2/instance")
        first.close()

    after = networks().connect(key)

    assert pieces == cut(line, after.fits)
    assert len(pieces) > 1
    assert after.is_safe_to_repeat(new_intent(), time.time())
    stranger = networks().connect(read_key(write_key(**{**MASTODON, "server": "http://127.0.0.1:1"})))
    with pytest.raises(Unavailable):
        stranger.fits(line)


def test_sessions_are_kept_beside_the_journal(networks: Connect, keys: dict[str, Key], tmp_path: Path) -> None:
    """For their owner alone."""
    networks(pasture=True).connect(keys["bluesky"]).post("baa", INTENT)
    assert 0o600 == (tmp_path / "state" / "flock.db.sessions").stat().st_mode & 0o777


OTHER = """
from dataclasses import dataclass, field
from typing import ClassVar
from pydantic import SecretStr

@dataclass(frozen=True, kw_only=True)
class Credentials:
    OWN_FIELD: ClassVar[str] = "word"
    HOW_TO_GET: ClassVar[dict] = {"word": "ask for it"}
    word: SecretStr = field(repr=False)
    address = ""
    account_id = None
    app = None

    @property
    def own_token(self):
        return self.word

class Other:
    CREDENTIALS = Credentials
    refuses_duplicates = False

    def __init__(self, key, *, service):
        self.service, self.word = service, key.credentials.word

    def fits(self, text):
        return len(text) <= 7
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package that brings the network "other", and one that cannot be loaded."""
    folder = tmp_path / "site"
    about = folder / "others-1.dist-info"
    about.mkdir(parents=True)
    (folder / "network_of_others.py").write_text(OTHER)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1\n")
    points = "[flock.networks]\nother = network_of_others:Other\nbroken = network_of_others:Nothing\n"
    (about / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(folder)


@pytest.mark.usefixtures("installed")
def test_a_package_may_bring_a_network(networks: Connect, write_key: WriteKey) -> None:
    """Its fields are read and checked as all others, and its secrets are hidden."""
    file = write_key(**NO_TOKENS, network="other", word="sesame-word")
    ring = read_keys(file.parent)
    assert ((), ()) == (ring.problems, ring.warnings)
    (key,) = ring.keys
    assert "sesame" not in repr(key)
    bot: Any = networks().connect(key)
    assert ("Other", "other", "other:dolly") == (type(bot).__name__, bot.service.name, networks().bot(key))
    assert [True, False] == [networks(dry_run=True).connect(key).fits("a" * length) for length in (7, 8)]
    with pytest.raises(BadOption, match="no practice on other"):
        networks(pasture=True).connect(key)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"network": "other"}, "word: missing; ask for it"),
        (
            {"network": "broken"},
            "the package that brings 'broken' cannot be loaded: AttributeError; install it again",
        ),
        ({"network": "none"}, 'network: expected "x", '),
    ],
)
def test_what_is_wrong_with_such_a_key_is_one_line(write_key: WriteKey, fields: dict[str, Any], text: str) -> None:
    """As with every other."""
    (problem,) = read_keys(write_key(**NO_TOKENS, **fields).parent).problems
    assert text in str(problem)
