"""Mastodon's adapter against the practice server on loopback."""

import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
import simplejson as json

from flock import errors
from flock.networks.base import Post, is_same_text
from flock.networks.mastodon.api import KEY_BELIEVED
from flock.networks.mastodon.length import Rules
from flock.networks.mastodon.server import Server
from flock.pasture.mastodon import MastodonApp, State, Weather
from tests.conftest import until
from tests.networks.mastodon.conftest import NOW, TOKEN, Connect, intent, serve

TEXTS = [
    "baa",
    "  a line with blanks at its ends and  within  ",
    "two lines\nof one stanza",
    "one stanza\n\nand another",
    "<b>bold</b> & &amp; &lt;p&gt; 'quoted' \"twice\"",
    "羊 🐑 🏴󠁧󠁢󠁥󠁮󠁧󠁿 Μῆνιν ἄειδε",
    "see https://example.com/a/very/long/path/to/some/page?and=a&query=too and come back",
    "#hashtag @dolly @dolly@botsin.example mail@example.com https://example.com/@dolly",
    "@\u200cdolly @\u200c\u200cdolly",
    "*bold* _it_ `code` > quote",
]


@pytest.mark.parametrize("mentions", [False, True])
@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_the_same_when_it_is_read_back(connect: Connect, text: str, mentions: bool) -> None:
    """In the answer to the post, which is believed, and among the account's latest posts."""
    bot = connect(mentions=mentions)
    post_id = bot.post(text, intent())

    (found,) = bot.recent()
    assert post_id == found.id
    assert is_same_text(found.text, text)


def test_a_post_says_how_it_is_shown(pasture: MastodonApp, connect: Connect) -> None:
    """Unlisted, unless the key file says otherwise; with the language, the warning, and the post before it."""
    first = connect().post("baa", intent(1))
    second = connect(lang="de", visibility="private", content_warning="sheep").post("mäh", intent(2, parent=first))

    found = [pasture.statuses.get(each) for each in (first, second)]
    shown = [(each.visibility, each.language, each.spoiler_text, each.in_reply_to_id) for each in found if each]
    assert [("unlisted", None, "", None), ("private", "de", "sheep", first)] == shown


def test_a_reply_to_a_post_that_is_gone_is_said_without_it(pasture: MastodonApp, connect: Connect) -> None:
    """The owner has deleted the line before: the thread breaks, the poem does not."""
    status = pasture.statuses.get(connect().post("baa", intent(parent="404")))

    assert status
    assert status.in_reply_to_id is None
    assert ["baa"] == pasture.texts("dolly")


def test_the_intent_is_the_key(pasture: MastodonApp, connect: Connect) -> None:
    """A post that is sent again is not made again, and has the id that it had."""
    bot = connect()
    posts = [bot.post("baa", intent(1)), bot.post("baa", intent(1)), bot.post("baa", intent(2))]

    assert [intent(1).token, intent(1).token, intent(2).token] == pasture.keys
    assert posts[0] == posts[1] != posts[2]
    assert ["baa", "baa"] == pasture.texts("dolly")


@pytest.mark.parametrize(
    ("version", "age", "expected"),
    [
        ("4.7.2", 0.0, True),
        ("4.5.0+glitch", KEY_BELIEVED - 1, True),
        ("4.7.2", KEY_BELIEVED, False),
        ("4.7.2", -1.0, False),
        ("2.7.2 (compatible; Akkoma 3.13.2)", 60.0, True),
        ("2.7.2 (compatible; Pleroma 2.6.0)", 60.0, True),
        ("4.0.0 (not true; really snac/2.96)", 60.0, False),
        ("3.5.3 (compatible; Pixelfed 0.12.3)", 60.0, False),
        ("0.19.1+git-0fb2f92", 60.0, False),
        ("a bespoke one", 60.0, False),
    ],
)
def test_a_key_is_believed_for_a_time_where_it_is_known_to_be_kept(
    pasture: MastodonApp, connect_to: Connect, version: str, age: float, expected: bool
) -> None:
    """Mastodon keeps it for an hour; some servers ignore it."""
    with serve(MastodonApp(version=version)) as url:
        assert expected == connect_to(url).is_safe_to_repeat(intent(at=NOW), NOW + age)


def test_a_server_that_is_away_keeps_no_keys(connect_to: Connect) -> None:
    """Nothing is known about it, so that a repeat could be a second post."""
    with serve(MastodonApp()) as url:
        pass
    assert not connect_to(url).is_safe_to_repeat(intent(at=NOW), NOW)


@pytest.mark.parametrize("weather", [Weather.LOST, Weather.BAD_GATEWAY, Weather.LATE])
def test_a_post_whose_answer_is_lost_is_found(pasture: MastodonApp, connect_to: Connect, weather: Weather) -> None:
    """Also where the server stores it a while after the connection is gone."""
    coming = [Weather.CALM, weather]
    app = MastodonApp(weather=lambda: coming.pop(0), delay=0.05)
    app.admit("dolly", TOKEN)
    with serve(app) as url:
        bot = connect_to(url)
        before = bot.post("baa", intent(1))
        with pytest.raises(errors.OutcomeUnknown):
            bot.post("baa again", intent(2))
        until("it is stored", lambda: len(app.texts("dolly")) == 2)

        assert ["baa again"] == [post.text for post in bot.recent(before)]


@pytest.mark.parametrize("weather", [Weather.REFUSED, Weather.DROPPED])
def test_a_post_that_was_not_stored_is_not_found(connect_to: Connect, weather: Weather) -> None:
    """Its answer does not say so: a 503 comes before or after a post is stored."""
    coming = [weather, Weather.SLOW]
    app = MastodonApp(weather=lambda: coming.pop(0), pause=0.01)
    app.admit("dolly", TOKEN)
    with serve(app) as url:
        bot = connect_to(url)
        with pytest.raises(errors.OutcomeUnknown):
            bot.post("baa", intent())

        assert [] == bot.recent()
        bot.post("baa", intent())
        assert ["baa"] == [post.text for post in bot.recent()]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (State.REVOKED, errors.Revoked),
        (State.DISABLED, errors.Suspended),
        (State.PENDING, errors.Locked),
        (State.UNCONFIRMED, errors.Locked),
    ],
)
def test_an_account_that_may_not_post_says_why(
    pasture: MastodonApp, connect: Connect, state: State, expected: type[errors.NetworkError]
) -> None:
    """The bot is penned, and its operator is told what to do on this network."""
    bot = connect()
    pasture.judge("dolly", state)
    for attempt in (lambda: bot.post("baa", intent()), bot.recent):
        with pytest.raises(expected) as caught:
            attempt()
        assert caught.value.advice
        assert TOKEN not in f"{caught.value}{caught.value.advice}"


def test_a_token_without_a_scope_says_which_it_needs(pasture: MastodonApp, connect: Connect) -> None:
    """It may be made for reading only."""
    pasture.admit("dolly", TOKEN, scopes=["read:accounts"])
    with pytest.raises(errors.AppRefused, match="outside the authorized scopes") as caught:
        connect().post("baa", intent())
    assert "write:statuses" in caught.value.advice


def test_a_limit_names_its_end(connect_to: Connect) -> None:
    """300 posts in three hours: the window ends by the clock."""
    clock = time.time() // 10_800 * 10_800 + 60.0
    app = MastodonApp(clock=lambda: clock)
    app.admit("dolly", TOKEN).posts += [clock] * 300
    with serve(app) as url, pytest.raises(errors.RateLimited) as caught:
        connect_to(url).post("baa", intent())
    assert clock - 60.0 + 10_800 == caught.value.until


@pytest.mark.parametrize("text", ["", " \n\t", "\u3000", "half \ud83d", "nothing\0"])
def test_a_text_that_no_server_can_show_is_not_sent(pasture: MastodonApp, connect: Connect, text: str) -> None:
    """Some servers take it all the same."""
    with pytest.raises(errors.Refused):
        connect().post(text, intent())
    assert [] == pasture.keys


def test_a_text_that_is_too_long_is_not_sent(pasture: MastodonApp, connect: Connect) -> None:
    """Some servers take it all the same."""
    with pytest.raises(errors.TooLong):
        connect().post("x" * 501, intent())
    assert [] == pasture.keys


def test_a_server_with_a_new_limit_is_asked_again(connect_to: Connect) -> None:
    """Its refusal says that what was known of it is out of date."""
    app = MastodonApp(rules=Rules(most=100))
    app.admit("dolly", TOKEN)
    with serve(app) as url:
        server = Server(url, kept={url: json.dumps({"told_at": time.time(), "rules": {"most": 200}})})
        bot = connect_to(url, server=server)
        assert bot.fits("x" * 200)
        with pytest.raises(errors.TooLong):
            bot.post("x" * 200, intent())

        assert bot.fits("x" * 100)
        assert not bot.fits("x" * 101)


def test_a_post_that_was_deleted_after_all_was_made(pasture: MastodonApp, connect: Connect) -> None:
    """Its key is known and the post is gone: it must not come back."""
    bot = connect()
    pasture.statuses.delete(bot.post("baa", intent()))
    with pytest.raises(errors.Duplicate):
        bot.post("baa", intent())


class Canned:
    """A server that answers with `answers` in turn; statuses, and bodies as JSON or as they are."""

    def __init__(self, *answers: tuple[int, Any], headers: dict[str, str] | None = None) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.keys: list[str] = []
        self.bodies: list[bytes] = []
        self._headers = headers or {}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        self.asked.append(path)
        if path.endswith("/instance"):
            start_response("404 Not Found", [("Content-Type", "text/html")])
            return [b"<html>not here</html>"]
        self.keys.append(environ.get("HTTP_IDEMPOTENCY_KEY", ""))
        self.bodies.append(environ["wsgi.input"].read())
        status, body = self.answers.pop(0)
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        start_response(f"{status} Because", [("Content-Type", "application/json"), *self._headers.items()])
        return [content]


def status(post_id: object = "7", content: object = "<p>baa</p>", **fields: object) -> dict[str, object]:
    """Return a post as a server shows it."""
    return {"id": post_id, "content": content, "account": {"id": "1"}, **fields}


@pytest.mark.parametrize(
    "answer",
    [
        (200, {}),
        (200, []),
        (200, b""),
        (200, b"<html>hello</html>"),
        (200, b"[" * 100_000),
        (200, {"status": "request already handled"}),
        (200, status(post_id=7)),
        (200, status(post_id="")),
        (200, status(post_id="7 8")),
        (200, status(post_id="7" * 201)),
        (200, status(post_id=None)),
        (200, status(content=None)),
        (200, status(content="<p>another line</p>")),
        (200, status(text="another line")),
        (200, {"id": "7"}),
        (202, status()),
        (302, b""),
        (422, b"<html>no</html>"),
        (422, {"status": "request already handled"}),
        (401, b"<html>no</html>"),
        (403, {"message": "no"}),
        (404, b""),
        (429, b"slow down"),
        (500, {"error": "no"}),
        (503, {"error": "There was a temporary problem serving your request, please try again"}),
        (408, {"error": "no"}),
        (409, {"error": "busy"}),
    ],
)
def test_an_answer_that_does_not_tell_leaves_doubt(connect_to: Connect, answer: tuple[int, Any]) -> None:
    """The post may be out, so that it is looked for."""
    with serve(Canned(answer)) as url, pytest.raises(errors.OutcomeUnknown):
        connect_to(url).post("baa", intent())


def test_ids_are_opaque(connect_to: Connect) -> None:
    """snac's have 42 hexadecimal digits; it lists posts that are older than asked for, too."""
    ids = [f"{number:010d}{number:032x}" for number in (3, 2, 1)]
    listed = [status(each, f"<p>{each[:10]}</p>", text=each[:10]) for each in ids]
    with serve(Canned((200, status(ids[0])), (200, listed), (200, listed))) as url:
        bot = connect_to(url)
        assert ids[0] == bot.post("baa", intent())
        assert ids[:1] == [post.id for post in bot.recent(ids[1])]
        assert ids == [post.id for post in bot.recent(None)]


def test_a_post_is_as_old_as_the_server_says(connect: Connect) -> None:
    """So the same line of last week is not taken for the one of now, whichever ids the server gives."""
    bot = connect()
    bot.post("baa", intent())
    (young,) = bot.recent()
    assert young.age is not None
    assert -60 < young.age < 60


def test_a_server_without_a_date_is_taken_to_have_this_machines(connect_to: Connect) -> None:
    """snac sends none."""
    made = datetime.fromtimestamp(time.time() - 7200, UTC).isoformat().replace("+00:00", "Z")

    class Dateless(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            listed = self.path.startswith("/api/v1/accounts/1/")
            body = json.dumps([status(created_at=made)] if listed else {"id": "1"}).encode()
            self.send_response_only(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Dateless) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        (found,) = connect_to(f"http://127.0.0.1:{server.server_port}").recent()
        server.shutdown()
    assert found.age is not None
    assert 7190 < found.age < 7260


def test_a_text_is_sent_without_escapes(connect_to: Connect) -> None:
    """snac reads those of characters beyond U+1FFFF as other characters."""
    text = "羊 🐑 \U00020bb7 🏴\U000e0067\U000e007f"
    app = Canned((200, status(content=f"<p>{text}</p>")))
    with serve(app) as url:
        connect_to(url).post(text, intent())
    assert text.encode() in app.bodies[0]


def test_an_empty_refusal_is_about_the_token(connect_to: Connect) -> None:
    """So snac refuses one: with 401 at a post, and with 422 when it is asked for the account."""
    with serve(Canned((401, b""), (422, b""), (401, b""))) as url:
        bot = connect_to(url)
        for attempt in (lambda: bot.post("baa", intent()), bot.recent, bot.recent):
            with pytest.raises(errors.Unauthorized):
                attempt()


def test_a_text_that_became_markup_is_read_from_its_source(connect_to: Connect) -> None:
    """The HTML does not tell which marks stood there."""
    listed = [status("8", "<p>a <em>soft</em> baa</p>"), status("7", "<p>a <em>loud</em> baa</p>")]
    answers = [
        (200, {"id": "1"}),
        (200, listed),
        (200, {"id": "8", "text": "a *soft* baa"}),
        (404, {"error": "no"}),
    ]
    with serve(Canned(*answers)) as url:
        assert [Post("8", "a *soft* baa"), Post("7", "a loud baa")] == connect_to(url).recent()


def test_a_mention_is_read_with_its_server(connect_to: Connect) -> None:
    """The HTML leaves it out; the list of mentions has it."""
    link = '<a href="https://b.example/@ann" class="u-url mention">@<span>ann</span></a>'
    mentioned = [{"acct": "ann@b.example", "url": "https://b.example/@ann"}]
    listed = [status("8", f'<p><span class="h-card">{link}</span> &amp; all</p>', mentions=mentioned)]
    with serve(Canned((200, {"id": "1"}), (200, listed), (404, {"error": "no"}))) as url:
        assert [Post("8", "@ann@b.example & all")] == connect_to(url, mentions=True).recent()


def test_a_server_that_rewrites_texts_is_believed_in_the_end(connect_to: Connect) -> None:
    """Else a line would be repeated for ever, as it is never found."""
    odd = (200, status(content="<p>bleat</p>"))
    with serve(Canned(odd, odd, odd)) as url:
        bot = connect_to(url)
        with pytest.raises(errors.OutcomeUnknown):
            bot.post("baa", intent(1))
        assert "7" == bot.post("baa", intent(1))
        assert "7" == bot.post("baa", intent(2))


@pytest.mark.parametrize(("age", "keys"), [(60.0, 1), (KEY_BELIEVED + 60.0, 2)])
def test_an_error_that_is_replayed_does_not_last(connect_to: Connect, age: float, keys: int) -> None:
    """Pleroma answers a key for six hours with the first answer, also with an error."""
    app = Canned((500, {"error": "no"}), (200, status()), headers={"Idempotent-Replayed": "true"})
    told = intent(at=time.time() - age)
    with serve(app) as url:
        bot = connect_to(url)
        if keys == 1:
            with pytest.raises(errors.OutcomeUnknown):
                bot.post("baa", told)
        else:
            assert "7" == bot.post("baa", told)
    assert keys == len(set(app.keys))
    assert told.token == app.keys[0]


def test_a_server_is_asked_once_for_its_rules(pasture: MastodonApp, connect: Connect) -> None:
    """And not at all where they are kept from an earlier run."""
    kept: dict[str, str] = {}
    bot = connect()
    url = bot.service.name
    bots = [connect(server=server) for server in [Server(url, kept)] * 3]
    asked = pasture.asked("/api/v2/instance")
    assert all(bot.fits("x" * 500) and not bot.fits("x" * 501) for bot in bots)
    assert asked + 1 == pasture.asked("/api/v2/instance")

    assert connect(server=Server(url, kept)).fits("baa")
    assert asked + 1 == pasture.asked("/api/v2/instance")


def test_a_server_that_is_away_does_not_say_what_fits(connect_to: Connect) -> None:
    """A guess could cut a line in another place than before."""
    with serve(MastodonApp()) as url:
        pass
    bot = connect_to(url)
    for attempt in (lambda: bot.fits("baa"), lambda: bot.post("baa", intent())):
        with pytest.raises(errors.Unavailable):
            attempt()


def test_no_secret_is_shown(make_key: Callable[..., Any]) -> None:
    """Neither by the key nor by its credentials."""
    key = make_key("https://botsin.example")
    assert TOKEN not in f"{key!r}{key.credentials!r}{key.credentials}"
