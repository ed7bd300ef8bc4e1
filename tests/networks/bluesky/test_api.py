"""Bluesky's adapter against its stand-in on loopback: each post is put once, and nothing is overwritten."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flock import errors
from flock.networks.base import Reply, is_post_id
from flock.pasture.bluesky import Standing, Weather
from flock.pasture.meters import Windows
from tests.conftest import until
from tests.pds import HANDLE, NOW, PASSWORD, POSTS, House, intent, open_house

DOUBTFUL = [Weather.BEFORE, Weather.REFUSED, Weather.AFTER, Weather.STORED]


def record_of(house: House, post_id: str) -> dict[str, Any]:
    """Return the record of a post as the server has it."""
    record = house.app.repos.get(house.account.did, POSTS, post_id.partition("#")[0].rpartition("/")[2])
    assert record
    return record.value


def plant(house: House, rkey: str, **record: Any) -> None:
    """Put a record under a key, as another client would."""
    house.app.repos.put(house.account.did, POSTS, rkey, {"$type": POSTS, "text": "theirs", **record})


def test_a_post_is_a_record_of_what_the_intent_fixed(house: House) -> None:
    """Its text, the time of the intent, and nothing that a second try would have otherwise."""
    post_id = house.bot().post("baa 羊", intent(NOW))
    assert {"$type": POSTS, "text": "baa 羊", "createdAt": "2027-01-15T08:00:00.000Z"} == record_of(house, post_id)
    assert is_post_id(post_id)


def test_the_language_and_the_facets_of_a_text_go_along(house: House) -> None:
    """A mention only where the key file asks for it, and where somebody has the handle."""
    text = f"#wool for @{HANDLE} and @nobody.test"
    plain = record_of(house, house.bot(lang="en").post(text, intent()))
    assert ["en"] == plain["langs"]
    assert [["app.bsky.richtext.facet#tag"]] == [
        [f["$type"] for f in each["features"]] for each in plain["facets"]
    ]
    mention = record_of(house, house.bot(mentions=True).post(text, intent()))["facets"][1]
    assert [{"$type": "app.bsky.richtext.facet#mention", "did": house.account.did}] == mention["features"]


def test_a_reply_names_its_parent_and_the_first_post(house: House) -> None:
    """By URI and CID, which are in the ids of the posts."""
    bot = house.bot()
    first = bot.post("one", intent())
    second = bot.post("two", intent(reply_to=Reply(first, first)))
    reply = record_of(house, bot.post("three", intent(reply_to=Reply(second, first))))["reply"]
    assert second == f"{reply['parent']['uri']}#{reply['parent']['cid']}"
    assert first == f"{reply['root']['uri']}#{reply['root']['cid']}"


def test_a_reply_to_what_is_no_post_here_is_a_post_of_its_own(house: House) -> None:
    """The id of another network would be refused."""
    post = house.bot().post("baa", intent(reply_to=Reply("17", "")))
    assert "reply" not in record_of(house, post)


@pytest.mark.parametrize("weather", DOUBTFUL)
def test_a_post_without_an_answer_is_repeated_and_is_there_once(house: House, weather: Weather) -> None:
    """Whether the first try was stored or not, the second one has the answer of the first."""
    bot, fixed = house.bot(), intent()
    house.weather = [weather]
    with pytest.raises(errors.OutcomeUnknown):
        bot.post("baa", fixed)
    post = bot.post("baa", fixed)
    assert post == bot.post("baa", fixed)
    assert ["baa"] == house.texts


def test_a_first_try_that_arrives_after_the_second_changes_nothing() -> None:
    """Neither where it is the same record, nor where the key file was edited in between."""
    with open_house(late=0.05) as house:
        for number, lang in enumerate(["en", "de"]):
            fixed = intent(NOW + number)
            house.weather = [Weather.LATE]
            with pytest.raises(errors.OutcomeUnknown):
                house.bot(lang="en").post("baa", fixed)
            post = house.bot(lang=lang).post("baa", fixed)
            until("the first try arrives", lambda sofar=number: house.app.met[Weather.LATE] > sofar)  # type: ignore[misc]
            assert [lang] == record_of(house, post)["langs"]
        assert ["baa", "baa"] == house.texts


@settings(max_examples=15)
@given(st.lists(st.sampled_from([*DOUBTFUL, Weather.CALM]), max_size=25))
def test_in_any_weather_every_line_is_there_once_and_in_order(weather: list[Weather]) -> None:
    """The bot of each try is a new one, as after a restart."""
    lines = [f"line {number}" for number in range(5)]
    with open_house() as house:
        house.weather = list(weather)
        for number, line in enumerate(lines):
            fixed = intent(NOW + number)
            while True:
                try:
                    house.bot().post(line, fixed)
                except errors.Retry:
                    continue
                break
        assert lines == house.texts
        assert 1 == house.asked("createSession")


def test_what_has_the_key_already_is_never_overwritten(house: House) -> None:
    """The post of this intent is surely not out; another intent has another key."""
    bot, fixed = house.bot(), intent()
    rkey = bot.post("mine", fixed).partition("#")[0].rpartition("/")[2]
    plant(house, rkey)
    with pytest.raises(errors.Conflict):
        bot.post("mine", fixed)
    assert ["theirs"] == house.texts
    bot.post("mine", replace(fixed, token="0" * 32))
    assert {"theirs", "mine"} == set(house.texts)


def test_the_same_text_in_another_record_is_the_post(house: House) -> None:
    """The key file was edited between a post without an answer and its repeat."""
    fixed = intent()
    house.weather = [Weather.AFTER]
    with pytest.raises(errors.OutcomeUnknown):
        house.bot(lang="en").post("baa", fixed)
    post = house.bot(lang="de").post("baa", fixed)
    assert ["en"] == record_of(house, post)["langs"]
    assert ["baa"] == house.texts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", errors.Refused),
        (" \n\u200b", errors.Refused),
        ("b\0aa", errors.Refused),
        ("baa \ud83d", errors.Refused),
        ("a" * 301, errors.TooLong),
        ("\N{SHEEP}\u0301" * 200 + "\u0301" * 1000, errors.TooLong),
    ],
)
def test_a_text_that_is_no_post_is_refused_before_it_is_sent(
    house: House, text: str, expected: type[errors.NetworkError]
) -> None:
    """The server would store most of these."""
    with pytest.raises(expected):
        house.bot().post(text, intent())
    assert not house.app.asked


def test_its_own_posts_are_read_newest_first_down_to_a_known_one(house: House) -> None:
    """And none of them before it."""
    bot = house.bot()
    posts = [bot.post(f"line {number}", intent(NOW + number)) for number in range(4)]
    assert posts[::-1] == [post.id for post in bot.recent()]
    assert [posts[3], posts[2]] == [post.id for post in bot.recent(posts[1])]
    assert [] == bot.recent(posts[3])


def test_a_repeat_is_always_safe(house: House) -> None:
    """So nothing has to be looked for first."""
    bot = house.bot()
    assert bot.is_safe_to_repeat(intent(0.0), NOW)
    assert not bot.looks_first


@pytest.mark.parametrize(
    ("standing", "expected"), [(Standing.TAKEN_DOWN, errors.Suspended), (Standing.DEACTIVATED, errors.Locked)]
)
def test_an_account_that_may_not_post_says_why(
    house: House, standing: Standing, expected: type[errors.NetworkError]
) -> None:
    """With a session that is still good, with one that has to be renewed, and with none but a known DID."""
    bot = house.bot()
    bot.post("baa", intent())
    house.app.judge(HANDLE, standing)
    for later in (0, 2 * 3600, 91 * 86_400):
        house.now = NOW + later
        with pytest.raises(expected):
            bot.post("moo", intent())
    house.app.judge(HANDLE, Standing.GOOD)
    bot.post("moo", intent(NOW + 9))
    assert ["baa", "moo"] == house.texts


@pytest.mark.parametrize(("handle", "password"), [(HANDLE, "aaaa-bbbb-cccc-dddd"), ("nobody.test", PASSWORD)])
def test_a_wrong_password_is_told_with_what_to_do(house: House, handle: str, password: str) -> None:
    """The server does not tell it from a wrong handle. The password is shown nowhere."""
    with pytest.raises(errors.Unauthorized) as caught:
        house.bot(handle=handle, password=password).post("baa", intent())
    assert "app password" in caught.value.advice
    assert password not in str(caught.value) + repr(caught.value)


def test_a_limit_is_kept_until_its_reset() -> None:
    """Two points a post, and two posts fit into this hour."""
    with open_house(windows=Windows(points=((5, 3600),))) as house:
        bot = house.bot()
        for number in range(2):
            bot.post(f"line {number}", intent(NOW + number))
        with pytest.raises(errors.RateLimited) as caught:
            bot.post("line 2", intent(NOW + 2))
        assert NOW // 3600 * 3600 + 3600 == caught.value.until
        house.now += 3600
        bot.post("line 2", intent(NOW + 2))
        assert 3 == len(house.texts)


def test_a_server_that_is_gone_means_that_nothing_landed() -> None:
    """Before there is a session, and with one."""
    with open_house() as house:
        bot = house.bot()
        bot.post("baa", intent())
    for each in (bot, house.bot(handle="dolly.test")):
        with pytest.raises(errors.Unavailable):
            each.post("moo", intent())
