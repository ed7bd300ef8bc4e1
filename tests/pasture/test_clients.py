"""Real clients against the pasture: python-twitter and tweepy, unchanged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import requests
import tweepy  # type: ignore[import-untyped]  # tweepy ships no types
import twitter
from requests.adapters import HTTPAdapter
from requests_oauthlib import OAuth1Session
from werkzeug.middleware.proxy_fix import ProxyFix

from flock.pasture import Account, Pasture


class ToThePasture(HTTPAdapter):
    """Sends requests for api.twitter.com to a pasture, like a proxy that terminates TLS."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request that is signed already."""
        request.url = str(request.url).replace("https://api.twitter.com", self._url)
        request.headers.update({"X-Forwarded-Proto": "https", "X-Forwarded-Host": "api.twitter.com"})
        return super().send(request, *args, **kwargs)


@pytest.fixture
def proxied(wolf: Account, lamb: Account) -> Iterator[Pasture]:
    """A pasture under the name api.twitter.com: tweepy accepts no other address over plain HTTP."""
    with Pasture([wolf, lamb], wrap=lambda app: ProxyFix(app, x_proto=1, x_host=1)) as pasture:
        yield pasture


@pytest.fixture
def python_twitter(pasture: Pasture, wolf: Account) -> Iterator[Any]:
    """python-twitter's stock client."""
    api = twitter.Api(
        consumer_key=wolf.consumer_key,
        consumer_secret=wolf.consumer_secret.get_secret_value(),
        access_token_key=wolf.token,
        access_token_secret=wolf.token_secret.get_secret_value(),
        base_url=f"{pasture.url}/1.1",
    )
    yield api
    api._session.close()  # python-twitter offers no way to close it


@pytest.fixture
def tweepy_v1(proxied: Pasture, wolf: Account) -> Iterator[Any]:
    """tweepy's client of API v1.1."""
    auth = tweepy.OAuth1UserHandler(
        wolf.consumer_key,
        wolf.consumer_secret.get_secret_value(),
        wolf.token,
        wolf.token_secret.get_secret_value(),
    )
    api = tweepy.API(auth, host="api.twitter.com")
    api.session.mount("https://", ToThePasture(proxied.url))
    yield api
    api.session.close()


@pytest.fixture
def tweepy_v2(proxied: Pasture, wolf: Account) -> Iterator[Any]:
    """tweepy's client of API v2."""
    client = tweepy.Client(
        consumer_key=wolf.consumer_key,
        consumer_secret=wolf.consumer_secret.get_secret_value(),
        access_token=wolf.token,
        access_token_secret=wolf.token_secret.get_secret_value(),
    )
    client.session.mount("https://", ToThePasture(proxied.url))
    yield client
    client.session.close()


def test_python_twitter_posts(pasture: Pasture, python_twitter: Any) -> None:
    """PostUpdate gives back the status that the pasture stored."""
    status = python_twitter.PostUpdate("hope is the thing with feathers", in_reply_to_status_id=7)

    (post,) = pasture.store.posts()
    assert (post.id, post.text, post.in_reply_to) == (status.id, "hope is the thing with feathers", "7")
    assert (status.text, status.user.screen_name) == ("hope is the thing with feathers", "wolf")
    assert status.created_at_in_seconds == int(post.created_at)


def test_python_twitter_verifies_its_credentials(python_twitter: Any) -> None:
    """VerifyCredentials returns the account that the tokens belong to."""
    user = python_twitter.VerifyCredentials()

    assert (user.id, user.screen_name) == (1001, "wolf")


def test_python_twitter_reads_its_timeline(python_twitter: Any) -> None:
    """GetUserTimeline is newest first, and begins after since_id."""
    ids = [python_twitter.PostUpdate(line).id for line in ("one", "two", "three")]

    statuses = python_twitter.GetUserTimeline(since_id=ids[0], count=5)

    assert [(status.id, status.text) for status in statuses] == [(ids[2], "three"), (ids[1], "two")]


def test_python_twitter_hears_why_it_is_refused(python_twitter: Any) -> None:
    """A duplicate raises the same TwitterError as on X."""
    python_twitter.PostUpdate("again")

    with pytest.raises(twitter.TwitterError) as raised:
        python_twitter.PostUpdate("again")

    assert raised.value.message == [{"code": 187, "message": "Status is a duplicate."}]


def test_python_twitter_can_post_json_to_v2(pasture: Pasture, python_twitter: Any) -> None:
    """The pasture accepts its signed JSON requests, which the flock uses."""
    response = python_twitter._RequestUrl(f"{pasture.url}/2/tweets", "POST", json={"text": "by the new road"})

    (post,) = pasture.store.posts()
    assert response.status_code == 201
    assert response.json()["data"] == {
        "id": str(post.id),
        "text": "by the new road",
        "edit_history_tweet_ids": [str(post.id)],
    }


def test_tweepy_speaks_v1(proxied: Pasture, tweepy_v1: Any) -> None:
    """tweepy sends the text in the query string, and parses statuses and users."""
    status = tweepy_v1.update_status("é, ü & <3")

    (post,) = proxied.store.posts()
    assert (post.id, post.text) == (status.id, "é, ü & <3")
    assert tweepy_v1.verify_credentials().screen_name == "wolf"
    assert [status.id for status in tweepy_v1.user_timeline()] == [post.id]


def test_tweepy_speaks_v2(proxied: Pasture, tweepy_v2: Any) -> None:
    """tweepy posts, replies, and reads its own timeline."""
    first = tweepy_v2.create_tweet(text="first").data["id"]
    second = tweepy_v2.create_tweet(text="second", in_reply_to_tweet_id=first).data["id"]

    timeline = tweepy_v2.get_users_tweets("1001", user_auth=True, tweet_fields=["created_at"])

    assert [str(tweet.id) for tweet in timeline.data] == [second, first]
    assert timeline.data[0].created_at.timestamp() == pytest.approx(proxied.store.posts()[1].created_at, abs=0.001)
    assert timeline.meta == {"result_count": 2, "newest_id": second, "oldest_id": first}
    assert proxied.store.posts()[1].in_reply_to == first
    assert tweepy_v2.get_me().data.username == "wolf"


def test_tweepy_hears_why_it_is_refused(tweepy_v2: Any) -> None:
    """A duplicate raises the same Forbidden as on X."""
    tweepy_v2.create_tweet(text="again")

    with pytest.raises(tweepy.Forbidden, match="duplicate content"):
        tweepy_v2.create_tweet(text="again")


@pytest.mark.parametrize("place", ["data", "params"])
def test_a_status_may_be_in_the_form_or_in_the_query(pasture: Pasture, session: OAuth1Session, place: str) -> None:
    """Clients send it either way, and both are signed."""
    sent: Mapping[str, Any] = {place: {"status": "a + b = 100% 'ü' [~] &c", "in_reply_to_status_id": "12"}}

    response = session.post(f"{pasture.url}/1.1/statuses/update.json", **sent)

    (post,) = pasture.store.posts()
    assert response.status_code == 200
    assert (post.text, post.in_reply_to) == ("a + b = 100% 'ü' [~] &c", "12")


def test_bots_of_one_app_are_told_apart(
    pasture: Pasture, wolf: Account, lamb: Account, sign_in: Callable[[Account], OAuth1Session]
) -> None:
    """The token, not the app's key, decides which account posts."""
    for account in (wolf, lamb):
        sign_in(account).post(f"{pasture.url}/2/tweets", json={"text": "we both say this"})

    assert [post.screen_name for post in pasture.store.posts()] == ["wolf", "Lamb"]
    assert [post.user_id for post in pasture.store.posts("lamb")] == ["1002"]
