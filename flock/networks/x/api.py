"""X (formerly Twitter): python-twitter's Api, extended by API v2, timeouts, and the flock's errors.

It posts to API v2 or v1.1, checks the HTTP status, and raises one of `flock.errors` for every failure. Each bot
has an instance; the connections belong to the service's `Session`.
"""

from __future__ import annotations

import hmac
import logging
import time
from base64 import b64encode
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, ClassVar

import requests
import simplejson as json
import twitter
from oauthlib.oauth1.rfc5849.parameters import prepare_headers
from oauthlib.oauth1.rfc5849.signature import (
    base_string_uri,
    normalize_parameters,
    signature_base_string,
)
from oauthlib.oauth1.rfc5849.utils import escape
from requests_oauthlib import OAuth1

from flock.errors import OutcomeUnknown, Refused, Unavailable
from flock.keys import Key, XCredentials
from flock.networks.ages import age_of
from flock.networks.base import Intent, Post, is_same_text
from flock.networks.service import Service
from flock.networks.x.answers import GOOD, NO_SUCH_URL, meaning
from flock.networks.x.length import LIMIT, PLAIN, fits_a_tweet
from flock.options import ApiVersion
from flock.poem import cut

ROOT_URL = "https://api.x.com"
_LONGEST_ID = 20  # digits; X's numbers have 64 bits
_TWO_MINUTES = 120_000 << 22  # as X's numbers grow, by 2^22 a millisecond: longer than a post is under way
_LATEST = 10  # how many of the account's own posts are read to find one again; X bills each

_NO_COMMANDS = {"enable_dmcommands": "false"}  # else "D dolly ..." is sent to dolly, as a direct message

_NO_FORM = SimpleNamespace(headers={}, body=None)  # what oauthlib asks of a request
_NONCE, _TIME, _SIGNATURE = "~nonce~", "~time~", "~signature~"  # marks; no token of X holds a tilde

for _name in ("oauthlib", "requests_oauthlib"):  # at DEBUG they log tokens and signatures
    logging.getLogger(_name).setLevel(logging.INFO)


class Signature(OAuth1):
    """OAuth 1.0a by HMAC-SHA1 in the Authorization header, made by oauthlib.

    Of a request with neither query nor form, only the OAuth parameters are signed (RFC 5849, 3.4.1.3.1).
    """

    _template: tuple[str, str, str, str] | None = None  # method, URL, and what `_templates` makes for these
    _key: bytes = b""  # of the HMAC: both secrets; made with the first template

    def headers_for(self, method: Any, url: str) -> dict[str, str]:
        """Return the header that signs a request without query and form.

        All signatures of a bot's posts differ in nonce, time and signature only. oauthlib writes the rest once,
        with marks for these three, and the HMAC's key is made once, too (RFC 5849, 3.4.2). This saves a tenth of a
        post's CPU (benchmarks/machinery.py).
        """
        if self._template is None or self._template[:2] != (method, url):
            self._template = (method, url, *self._templates(method, url))
            self._key = "&".join(
                map(escape, (self.client.client_secret, self.client.resource_owner_secret))
            ).encode()
        *_, text, header = self._template
        found = dict(self.client.get_oauth_params(_NO_FORM))  # type: ignore[no-untyped-call]
        nonce, at = found["oauth_nonce"], found["oauth_timestamp"]  # letters and digits, which need no escape
        signature = escape(b64encode(hmac.digest(self._key, _filled(text, nonce, at).encode(), "sha1")).decode())
        return {"Authorization": _filled(header, nonce, at).replace(_SIGNATURE, signature)}

    def _templates(self, method: Any, url: str) -> tuple[str, str]:
        """Return the text to sign, and the header, with marks in them."""
        marks = {"oauth_nonce": _NONCE, "oauth_timestamp": _TIME}
        found = self.client.get_oauth_params(_NO_FORM)  # type: ignore[no-untyped-call]
        parameters: Any = [(name, marks.get(name, value)) for name, value in found]
        text = signature_base_string(method, base_string_uri(url), normalize_parameters(parameters))
        parameters.append(("oauth_signature", _SIGNATURE))
        return text, prepare_headers(parameters)["Authorization"]  # type: ignore[no-untyped-call]


def _filled(template: str, nonce: str, at: str) -> str:
    return template.replace(_NONCE, nonce).replace(_TIME, at)


class X(twitter.Api):  # type: ignore[misc]
    """One bot's connection to X, or to a server with the same API under another root URL.

    It is a `Network` for the sheep, and a `twitter.Api` for code that uses python-twitter: `PostUpdate` and
    `PostUpdates` post to the version that `api` names. Methods raise `flock.errors.NetworkError`.
    """

    refuses_duplicates: ClassVar[bool] = True
    looks_first: ClassVar[bool] = True

    def __init__(self, key: Key, *, service: Service, root_url: str = ROOT_URL, api: ApiVersion = "2") -> None:
        own = key.credentials
        assert isinstance(own, XCredentials)  # noqa: S101 - the registry chooses the class by the key's network
        secrets = (own.consumer_token, own.consumer_token_secret, own.oauth_token, own.oauth_token_secret)
        tokens = [secret.get_secret_value() for secret in secrets]
        super().__init__(*tokens, base_url=f"{root_url}/1.1", cache=None)
        app, app_secret, token, token_secret = tokens
        self._token = token
        self._Api__auth = Signature(app, app_secret, token, token_secret)
        self.api = api
        self.root_url = root_url
        self.rate_limit = None  # it would store every URL; the flock reads the headers of a 429 only
        self.service = service
        self._session = service.session
        self._account_id = own.account_id
        self._has_posted = False  # then an older post's id is known by that of the latest one

    def fits(self, text: str) -> bool:
        is_short = len(text) <= LIMIT and PLAIN.fullmatch(text) is not None  # as most lines are
        return is_short or fits_a_tweet(text)

    def is_safe_to_repeat(self, intent: Intent, now: float) -> bool:
        """Return True: X refuses the same text again as a duplicate, for as long as a flock tries."""
        del intent, now
        return True

    def post(self, text: str, intent: Intent | None = None) -> str:
        parent = intent.reply_to.parent if intent and intent.reply_to else None
        if self.api == "1.1":
            url = f"{self.base_url}/statuses/update.json"
            answers = {"in_reply_to_status_id": parent} if parent else {}
            status = _object(self._exchange(url, "POST", data={"status": text, **_NO_COMMANDS, **answers}))
            return self._posted(status.get("id_str") or status.get("id"), status.get("text"), text)
        tweet = {"text": text, "reply": {"in_reply_to_tweet_id": parent}} if parent else {"text": text}
        data = _data(self._exchange(f"{self.root_url}/2/tweets", "POST", json=tweet))
        return self._posted(data.get("id"), data.get("text"), text)

    def recent(self, since_id: str | None = None) -> Sequence[Post]:
        since = {"since_id": since_id} if since_id else {}
        if self.api == "1.1":
            url = f"{self.base_url}/statuses/user_timeline.json"
            posts, date = self._get(url, {"count": _LATEST, "tweet_mode": "extended", **since})
        else:
            url = f"{self.root_url}/2/users/{self._find_account_id()}/tweets"
            found, date = self._get(url, {"max_results": _LATEST, "tweet.fields": "created_at", **since})
            answer = _object(found)
            posts = answer.get("data", [] if "meta" in answer else None)
        try:
            return [self._listed(post, date) for post in posts]
        except (AttributeError, KeyError, TypeError):
            raise Unavailable("the account's timeline came in a form that this version does not know") from None

    @staticmethod
    def _listed(post: Any, date: str | None) -> Post:
        post_id, text = post["id"], post.get("full_text") or post["text"]
        if not (_is_number(post_id) and isinstance(text, str)):
            raise TypeError
        return Post(id=str(post_id), text=text, age=age_of(post.get("created_at"), date))

    def PostUpdate(self, status: str, *args: Any, **kwargs: Any) -> twitter.Status:  # noqa: N802
        """Post `status` and return it as python-twitter's Status. Other arguments are used by v1.1 only."""
        if self.api == "2" or not (args or kwargs):
            post_id = self.post(status)
            return twitter.Status(id=int(post_id), id_str=post_id, text=status)
        try:
            posted = super().PostUpdate(status, *args, **{"verify_status_length": False, **kwargs})
        except (twitter.TwitterError, AttributeError) as error:
            raise OutcomeUnknown("the answer to the post is not understood") from error
        self._posted(posted.id, posted.text, status)
        return posted

    def PostUpdates(  # noqa: N802
        self, status: str, continuation: str | None = None, **kwargs: Any
    ) -> list[twitter.Status]:
        """Post `status` in as many tweets as it needs. The flock's own ellipsis replaces `continuation`."""
        del continuation
        return [self.PostUpdate(piece, **kwargs) for piece in cut(status, self.fits)]

    def _posted(self, post_id: object, text: object, sent: str) -> str:
        """Return the post's id, if this is the answer to what was sent: it may be that to another request."""
        if not post_id:
            raise OutcomeUnknown("the answer to the post holds no id")
        if not _is_number(post_id):
            raise OutcomeUnknown("the answer to the post holds an id that is none")
        if text != sent and not (isinstance(text, str) and is_same_text(text, sent)):
            self._session.distrust()
            raise OutcomeUnknown("the answer to the post holds another text, or none")
        if not self._session.is_own(str(post_id), self._token, 0 if self._has_posted else _TWO_MINUTES):
            raise OutcomeUnknown("the answer to the post names another post")
        self._has_posted = True
        return str(post_id)

    def _find_account_id(self) -> str:
        if self._account_id is None:
            answer, _ = self._get(f"{self.root_url}/2/users/me", {})
            found = _data(answer).get("id")
            if not found:
                raise Unavailable("the network does not say which account this is")
            self._account_id = str(found)
        return self._account_id

    def _get(self, url: str, params: dict[str, Any]) -> tuple[Any, str | None]:
        """Return the JSON at `url`, and its date as the server has it.

        Raises Refused if the server has no such URL: a retry would not help.
        """
        # python-twitter adds tweet_mode to every GET, which v2 refuses; its signer is name-mangled.
        response = self._session.get(url, params=params, auth=self._Api__auth)
        try:
            return self._read(response), response.headers.get("date")
        except Unavailable as error:
            if response.status_code in NO_SUCH_URL:  # in X's own words
                raise Refused(str(error)) from error
            raise

    def _exchange(self, url: str, verb: str, **parts: Any) -> Any:
        """Send one request by python-twitter and return the JSON of its answer."""
        return self._read(super()._RequestUrl(url, verb, **parts))

    def _RequestUrl(self, url: str, verb: str, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: N802
        """Send a request for python-twitter's own methods, which parse the answer themselves."""
        response: requests.Response = super()._RequestUrl(url, verb, *args, **kwargs)
        self._read(response)
        return response

    def _read(self, response: requests.Response) -> Any:
        """Return the JSON of a good answer. Raises the NetworkError that a bad one means."""
        try:
            answer = json.loads(response.content)
        except (ValueError, RecursionError):  # broken JSON, HTML, no text, a nesting without end
            answer = None
        is_good = response.status_code in GOOD and isinstance(answer, dict | list) and "errors" not in answer
        if not is_good and (problem := meaning(response, answer, now=time.time())):
            raise problem
        return answer


def _is_number(post_id: object) -> bool:
    """Return whether this can be the id of a post on X: digits; API v1.1 also sends them as a number."""
    digits = post_id if isinstance(post_id, str) else str(post_id) if type(post_id) is int else ""
    return len(digits) <= _LONGEST_ID and digits.isascii() and digits.isdecimal() and bool(digits.strip("0"))


def _object(answer: Any) -> dict[str, Any]:
    """Return `answer` if it is a JSON object, and otherwise an empty object."""
    return answer if isinstance(answer, dict) else {}


def _data(answer: Any) -> dict[str, Any]:
    """Return the object under `data` in a v2 answer, or an empty object."""
    return _object(_object(answer).get("data"))
