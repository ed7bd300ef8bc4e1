"""One flock with bots of all networks, as a process, against servers on loopback."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
import simplejson as json
from pydantic import SecretStr

from flock.pasture import Pasture
from flock.pasture.bluesky import BlueskyAccount
from tests.conftest import TIMEOUT, until
from tests.endtoend.conftest import Flock, recital, write_key

Start = Callable[..., Flock]
NOWHERE = "http://127.0.0.1:1"  # nothing listens there
POEM = [f"{line}: a line of the poem" for line in range(5)]
POSTS = "app.bsky.feed.post"


@dataclass
class Town:
    """A folder of keys with a bot on each network, and the servers, all in one process."""

    keys: Path
    pasture: Pasture
    blue: BlueskyAccount

    def said(self) -> dict[str, list[str]]:
        """Return the posts on each network, earliest first."""
        feed = self.keys / "feeds" / "fred.json"
        entries = json.loads(feed.read_text(encoding="utf-8"))["items"] if feed.exists() else []
        records = self.pasture.bluesky.repos.records(self.blue.did, POSTS, reverse=True)
        return {
            "x": [post.text for post in self.pasture.store.posts("xavier")],
            "bluesky": [record.value["text"] for record in records],
            "mastodon": self.pasture.mastodon.texts("mary"),
            "feed": [entry["content_text"] for entry in reversed(entries)],
        }


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """Open the servers, and write the keys."""
    keys = tmp_path / "keys"
    keys.mkdir()
    on_x = write_key(keys, "xavier", 1001, POEM)
    blue = BlueskyAccount("blue.test", SecretStr("sesame-blue"))
    with Pasture([on_x]) as pasture:
        pasture.bluesky.admit(blue)
        pasture.mastodon.admit("mary", "sesame-mary")
        own = {
            "blue": {"network": "bluesky", "screen_name": "blue.test", "app_password": "sesame-blue"},
            "mary": {"network": "mastodon", "screen_name": "mary", "access_token": "sesame-mary"},
            "fred": {"network": "feed", "screen_name": "fred", "file": "feeds/fred.json"},
        }
        for name, fields in own.items():
            server = {} if name == "fred" else {"server": pasture.url}
            (keys / f"{name}.txt").write_text("\n".join(POEM), encoding="utf-8")
            (keys / f"{name}.json").write_text(json.dumps({**fields, **server, "poem_file": f"{name}.txt"}))
            (keys / f"{name}.json").chmod(0o600)
        yield Town(keys, pasture, blue)


@pytest.mark.parametrize("is_away", [False, True])
def test_bots_of_all_networks_recite_in_one_flock(town: Town, start: Start, is_away: bool) -> None:
    """Each in order, and nothing twice; with X away, the others do not miss a line."""
    url = NOWHERE if is_away else town.pasture.url
    pauses = ("--line-interval", "0.05", "--poem-interval", "0.1")
    expected = ["bluesky", "feed", "mastodon", *([] if is_away else ["x"])]

    flock = start("run", town.keys, *pauses, "--base-url", url)
    until("two recitations", lambda: all(len(town.said()[name]) > 10 for name in expected))
    code, output, errors = flock.stop()

    assert (0, True) == (code, all(line.startswith("flock: info: ") for line in errors.splitlines())), errors
    assert is_away == any(" xavier: " in line and "takes no connection" in line for line in output.splitlines()), (
        output
    )
    said = town.said()
    assert expected == sorted(name for name, texts in said.items() if texts)
    assert {name: recital(POEM, len(said[name])) for name in expected} == {name: said[name] for name in expected}


def test_all_of_them_practise(town: Town, start: Start, tmp_path: Path) -> None:
    """None of them reaches its own server."""
    flock = start("run", town.keys, "--line-interval", "0.05", "--poem-interval", "0.1", "--pasture")
    feed = tmp_path / "state" / "flock" / "pasture-feeds" / "fred.json"
    until("a recitation", lambda: feed.exists() and len(json.loads(feed.read_text())["items"]) > 5)
    code, output, errors = flock.stop()

    assert (0, "") == (code, errors)
    for name in ("xavier", "blue.test", "mary", "fred"):
        assert sum(f" {name}: " in line for line in output.splitlines()) > 3
    assert [] == [text for texts in town.said().values() for text in texts]


def test_they_practise_at_the_port_that_is_asked_for(town: Town, start: Start, tmp_path: Path) -> None:
    """A second flock that wants the same port is told so in one line, with the code 2."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    chosen = ("--pasture", "--pasture-port", str(port))
    flock = start("run", town.keys, "--line-interval", "0.05", *chosen)
    assert flock.process.stdout is not None
    said = ""
    while "mary: " not in said:
        said += (line := flock.process.stdout.readline())
        assert line, said
    second = start("run", town.keys, *chosen, "--state", tmp_path / "second.db").end()

    assert 200 == requests.get(f"http://127.0.0.1:{port}/", timeout=TIMEOUT).status_code
    problem = f"flock: the pasture cannot listen on 127.0.0.1 port {port}: in use; choose another port"
    assert (2, "", [f"{problem}, or 0 for a free one"]) == (*second[:2], second[2].splitlines())
    assert 0 == flock.stop()[0]


def test_a_pasture_that_runs_alone_has_an_account_for_each_of_them(town: Town, start: Start) -> None:
    """But for the feed, which needs none."""
    pasture = start("pasture", town.keys, "--port", "0")
    assert pasture.process.stdout is not None
    url = pasture.process.stdout.readline().split()[5].rstrip(":")
    line = next(line for line in pasture.process.stdout if line.startswith("make keys for new accounts: "))
    assert line.rstrip().endswith(f" keys new {town.keys} --app {town.keys / 'xavier.json'} --base-url {url}")

    found = requests.get(f"{url}/xrpc/com.atproto.identity.resolveHandle?handle=blue.test", timeout=10)
    token = {"Authorization": "Bearer sesame-mary"}
    me = requests.get(f"{url}/api/v1/accounts/verify_credentials", headers=token, timeout=10)

    assert (town.blue.did, "mary") == (found.json()["did"], me.json()["username"])
    assert 0 == pasture.stop()[0]


def test_kills_cost_no_network_a_line(town: Town, start: Start) -> None:
    """Each bot goes on where it was; nothing is posted twice, nothing is left out."""
    pauses = ("--line-interval", "0.02", "--poem-interval", "0.02", "--base-url", town.pasture.url)
    for kill in range(1, 7):
        flock = start("run", town.keys, *pauses)
        goal = {name: len(texts) + 3 for name, texts in town.said().items()}
        until(f"posts before kill {kill}", lambda: all(len(town.said()[name]) >= goal[name] for name in goal))  # noqa: B023
        flock.process.kill()
        flock.end()

    start("run", town.keys, *pauses, "--once").end()

    said = town.said()
    assert {name: recital(POEM, len(texts)) for name, texts in said.items()} == said


def test_the_posts_of_one_line_are_a_thread_on_each_network(town: Town, start: Start) -> None:
    """Each replies to the one before. A feed has none, and needs none: the line fits."""
    for name in ("xavier", "blue", "mary", "fred"):
        (town.keys / f"{name}.txt").write_text(" ".join(f"word{number}" for number in range(120)))
    once = start("run", town.keys, "--line-interval", "0.05", "--base-url", town.pasture.url, "--once")

    assert 0 == once.end()[0]
    x = town.pasture.store.posts("xavier")
    assert [None, *(str(post.id) for post in x[:-1])] == [post.in_reply_to for post in x]
    blue = town.pasture.bluesky.repos.records(town.blue.did, POSTS, reverse=True)
    parents = [record.value.get("reply", {}).get("parent", {}).get("uri") for record in blue]
    assert [None, *(record.uri for record in blue[:-1])] == parents
    mary = town.pasture.mastodon.statuses.newest(10)[::-1]
    assert [None, *(status.id for status in mary[:-1])] == [status.in_reply_to_id for status in mary]
    assert [4, 3, 2, 1] == [len(texts) for texts in town.said().values()]


def test_a_poem_says_of_itself_how_it_is_posted(town: Town, start: Start) -> None:
    """Stanzas with their line breaks, the language, and a warning, which counts as a part of each post there."""
    stanza = "the fog comes\non little cat feet"
    line = "over harbour and city"
    long = "\n".join([line] * 22)  # 483 characters, of which the warning of 39 leaves 461
    block = f"---\ntitle: Fog\nlanguage: en-GB\ncontent warning: {'fog ' * 10}\nsay: stanzas\n---\n"
    for name in ("blue", "mary", "fred"):
        (town.keys / f"{name}.txt").write_text(f"{block}{stanza}\n\n{long}\n")
    (town.keys / "xavier.json").unlink()
    pauses = ("--line-interval", "0.05", "--poem-interval", "60")

    flock = start("run", town.keys, *pauses)
    until("the poem on each", lambda: all(len(town.said()[name]) > 1 for name in ("bluesky", "mastodon", "feed")))
    until("the last pieces", lambda: town.said()["mastodon"][-1].endswith("city"))
    code, output, errors = flock.stop()

    assert (0, []) == (code, [line for line in errors.splitlines() if " posts to " not in line])
    assert "the fog comes / on little cat feet" in output
    said = town.said()
    assert [stanza, long] == said["feed"]
    assert [stanza, "\n".join([line] * 20) + "…", "\n".join([line] * 2)] == said["mastodon"]
    assert [stanza] == said["bluesky"][:1]
    records = town.pasture.bluesky.repos.records(town.blue.did, POSTS, reverse=True)
    assert all(["en-GB"] == record.value["langs"] for record in records)
    mary = town.pasture.mastodon.statuses.newest(10)
    assert {("fog " * 10).strip()} == {status.spoiler_text for status in mary}
    assert {"en-GB"} == {status.language for status in mary}
