"""X, formerly Twitter: python-twitter's Api, taught what it does not do by itself.

It posts to API v2 or v1.1, always with a timeout, looks at the HTTP status, and answers every failure with one
of `flock.errors`. One light instance a bot; the connections belong to the `Session` that all of them share.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import urlsplit

import requests
import twitter

from flock.errors import OutcomeUnknown, Refused, Unavailable
from flock.key import Key
from flock.networks.answers import meaning, parse, unreachable
from flock.networks.base import Post
from flock.networks.http import Session
from flock.networks.length import fits_a_tweet
from flock.networks.signing import Signer
from flock.options import ApiVersion
from flock.poem import cut

ROOT_URL = "https://api.x.com"
_LATEST = 10  # how many of the account's own posts are read to find one again; each is billed

for _name in ("oauthlib", "requests_oauthlib"):  # at DEBUG they log tokens and signatures
    logging.getLogger(_name).setLevel(logging.INFO)


class Twitter(twitter.Api):  # type: ignore[misc]
    """One bot's way to X, or to a server that speaks like it under another root URL.

    A `Network` for the sheep, and still a `twitter.Api` for whoever wrote a bot against that: `PostUpdate` and
    `PostUpdates` go where `api` says. Methods raise `flock.errors.NetworkError`.
    """

    refuses_duplicates: ClassVar[bool] = True

    def __init__(self, key: Key, *, session: Session, root_url: str = ROOT_URL, api: ApiVersion = "2") -> None:
        secrets = (key.consumer_token, key.consumer_token_secret, key.oauth_token, key.oauth_token_secret)
        tokens = [secret.get_secret_value() for secret in secrets]
        super().__init__(*tokens, base_url=f"{root_url}/1.1", cache=None)
        self._Api__auth.client = Signer(*tokens)
        self.api = api
        self.root_url = root_url
        self.rate_limit = None  # it would remember every URL; the headers are believed only on a 429
        self._session = session
        self._account_id = key.account_id

    def fits(self, text: str) -> bool:
        return fits_a_tweet(text)

    def post(self, text: str) -> Post:
        if self.api == "1.1":
            url = f"{self.base_url}/statuses/update.json"
            status = _object(parse(self._RequestUrl(url, "POST", data={"status": text})))
            return self._posted(status.get("id_str") or status.get("id"), status.get("text"), text)
        response = self._RequestUrl(f"{self.root_url}/2/tweets", "POST", json={"text": text})
        data = _data(parse(response))
        return self._posted(data.get("id"), data.get("text"), text)

    def recent(self, since_id: str | None = None) -> Sequence[Post]:
        since = {"since_id": since_id} if since_id else {}
        if self.api == "1.1":
            url = f"{self.base_url}/statuses/user_timeline.json"
            posts = self._get(url, {"count": _LATEST, "tweet_mode": "extended", **since})
        else:
            url = f"{self.root_url}/2/users/{self._find_account_id()}/tweets"
            answer = _object(self._get(url, {"max_results": _LATEST, **since}))
            posts = answer.get("data", [] if "meta" in answer else None)
        try:
            return [Post(id=str(post["id"]), text=post.get("full_text") or post["text"]) for post in posts]
        except (AttributeError, KeyError, TypeError):
            raise Unavailable("the account's timeline came in a form that this version does not know") from None

    def PostUpdate(self, status: str, *args: Any, **kwargs: Any) -> twitter.Status:  # noqa: N802
        """Post `status` and return it as python-twitter's Status. Other arguments are for v1.1 only."""
        if self.api == "2" or not (args or kwargs):
            post = self.post(status)
            return twitter.Status(id=int(post.id), id_str=post.id, text=post.text)
        try:
            posted = super().PostUpdate(status, *args, **{"verify_status_length": False, **kwargs})
        except (twitter.TwitterError, AttributeError) as error:
            raise OutcomeUnknown("the answer to the post is not understood") from error
        self._posted(posted.id, posted.text, status)
        return posted

    def PostUpdates(  # noqa: N802
        self, status: str, continuation: str | None = None, **kwargs: Any
    ) -> list[twitter.Status]:
        """Post `status` in as many tweets as it takes. The ellipsis is the flock's own."""
        del continuation
        return [self.PostUpdate(piece, **kwargs) for piece in cut(status, self.fits)]

    def _posted(self, post_id: object, text: object, sent: str) -> Post:
        if not post_id:
            raise OutcomeUnknown("the answer to the post holds no id")
        return Post(id=str(post_id), text=str(text or sent))

    def _find_account_id(self) -> str:
        if self._account_id is None:
            found = _data(self._get(f"{self.root_url}/2/users/me", {})).get("id")
            if not found:
                raise Unavailable("the network does not say which account this is")
            self._account_id = str(found)
        return self._account_id

    def _get(self, url: str, params: dict[str, Any]) -> Any:
        """Return the JSON at `url`. Where there is no such place, asking again helps no more than a refusal."""
        # python-twitter adds tweet_mode to every GET, which v2 refuses; its signer is name-mangled.
        try:
            return parse(self._checked(lambda: self._session.get(url, params=params, auth=self._Api__auth)))
        except Unavailable as error:
            if isinstance(error.__cause__, requests.RequestException):
                raise
            raise Refused(str(error)) from error

    def _RequestUrl(self, url: str, verb: str, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: N802
        return self._checked(lambda: super(Twitter, self)._RequestUrl(url, verb, *args, **kwargs))

    def _checked(self, exchange: Any) -> requests.Response:
        """Return the answer of `exchange` if it is a good one; otherwise raise what it means."""
        try:
            response: requests.Response = exchange()
        except requests.RequestException as error:
            raise unreachable(error, urlsplit(self.root_url).hostname or self.root_url) from error
        problem = meaning(response, now=time.time())
        if problem:
            raise problem
        return response


def _object(answer: Any) -> dict[str, Any]:
    """Return `answer` if it is a JSON object; an empty one for whatever else came."""
    return answer if isinstance(answer, dict) else {}


def _data(answer: Any) -> dict[str, Any]:
    """Return the `data` that a v2 answer wraps, as far as there is any."""
    return _object(_object(answer).get("data"))
