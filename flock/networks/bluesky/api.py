"""Bluesky: posts are records in the account's repository, under keys that the intents fix.

A post is put with `swapRecord: null`: the server stores it if nothing has its key, does nothing if it is there
already, and refuses otherwise. So a put may be repeated as often as it takes, and never overwrites anything.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import Any, ClassVar

from flock.errors import Conflict, NetworkError, OutcomeUnknown, Refused, TooLong, Unavailable
from flock.keys import Key
from flock.keys.credentials import BlueskyCredentials
from flock.networks.base import Intent, Post, new_intent
from flock.networks.bluesky.facets import facets
from flock.networks.bluesky.length import fits_a_post, is_broken, shows_nothing
from flock.networks.bluesky.login import Login
from flock.networks.bluesky.sessions import Sessions, Tokens
from flock.networks.bluesky.tid import created_at, record_key
from flock.networks.bluesky.xrpc import Answer
from flock.networks.service import Service

_COLLECTION = "app.bsky.feed.post"
_LATEST = 10  # how many of the account's own posts are read
_CID = re.compile(r"bafyrei[a-z2-7]{52}")  # the hash of a record
_ID = re.compile(rf"(at://did:[^\s/#]+/{_COLLECTION}/[234567a-z]{{13}})#({_CID.pattern})")
_STALE = ("ExpiredToken", "InvalidToken")  # the post was refused with the token, and nothing else is wrong


class Bluesky:
    """One bot's connection to Bluesky, a `Network` for the sheep. The id of a post is its URI, "#" and its CID.

    `bot` is the name under which `sessions` keeps the bot's tokens. `service_of` returns the service of a root
    URL: that of the server to sign in at, and that of the account's own server. `wall` is the wall clock.
    """

    looks_first: ClassVar[bool] = False
    refuses_duplicates: ClassVar[bool] = False

    def __init__(
        self,
        key: Key,
        *,
        bot: str,
        service_of: Callable[[str], Service],
        sessions: Sessions,
        wall: Callable[[], float] = time.time,
    ) -> None:
        own = key.credentials
        assert isinstance(own, BlueskyCredentials)  # noqa: S101
        self._login = Login(key.screen_name, own, bot=bot, service_of=service_of, sessions=sessions, wall=wall)
        self._lang = own.lang
        self._mentions = own.mentions

    @property
    def service(self) -> Service:
        """The server that the bot posts to. It becomes known with the first post."""
        return self._login.home.service

    def find_account(self) -> str:
        """Return the account's DID. Signs in where no session is kept. Raises NetworkError, not OutcomeUnknown."""
        return self._login.tokens().did

    def fits(self, text: str) -> bool:
        return fits_a_post(text)

    def is_safe_to_repeat(self, intent: Intent, now: float) -> bool:
        """Return True: a put that is repeated does nothing, and is answered as the first was."""
        del intent, now
        return True

    def post(self, text: str, intent: Intent | None = None) -> str:
        """Put the post, and return its id. Raises Conflict if another record has the key of this intent."""
        _check(text)
        intent = intent or new_intent()
        tokens = self._login.tokens()
        record = self._record(text, intent)
        rkey = record_key(intent)
        answer = self._put(record, rkey, tokens)
        if answer.name in _STALE:
            tokens = self._login.renew()
            answer = self._put(record, rkey, tokens)
        uri = _uri(tokens, rkey)
        if isinstance(answer.error, Conflict):
            return self._what_is_there(uri, text, tokens, answer.error)
        body = answer.good()
        if body.get("uri") != uri:
            self.service.session.distrust()
        return _posted(body, uri)

    def recent(self, since_id: str | None = None) -> Sequence[Post]:
        """Return the account's latest posts, newest first, down to the post `since_id`."""
        tokens = self._login.tokens()
        params = {"repo": tokens.did, "collection": _COLLECTION, "limit": _LATEST}
        found = self._login.home.ask("com.atproto.repo.listRecords", params).good().get("records")
        if not isinstance(found, list):
            raise Unavailable("the account's posts came in a form that this version does not know")
        posts = [_listed(each, tokens) for each in found]
        since = (since_id or "").partition("#")[0]
        return [*takewhile(lambda post: not since or post.id.partition("#")[0] > since, posts)]

    def _put(self, record: Mapping[str, Any], rkey: str, tokens: Tokens) -> Answer:
        """Put the record. `swapRecord` null says that nothing may have the key; left out, it would overwrite."""
        put = {"repo": tokens.did, "collection": _COLLECTION, "rkey": rkey, "record": record, "swapRecord": None}
        return self._login.home.tell("com.atproto.repo.putRecord", put, token=tokens.access)

    def _record(self, text: str, intent: Intent) -> dict[str, Any]:
        """Return the record: the same one for the same text, intent and key."""
        record: dict[str, Any] = {"$type": _COLLECTION, "text": text, "createdAt": created_at(intent)}
        if self._lang:
            record["langs"] = [self._lang]
        if found := facets(text, self._login.find_did if self._mentions else None):
            record["facets"] = found
        if intent.reply_to and (parent := _reference(intent.reply_to.parent)):
            record["reply"] = {"parent": parent, "root": _reference(intent.reply_to.root) or parent}
        return record

    def _what_is_there(self, uri: str, text: str, tokens: Tokens, conflict: Conflict) -> str:
        """Return the id of what has the intent's key, if it is our post after all; else raise what that means.

        The record may differ where the key file was edited between a post without an answer and its repeat.
        """
        where = {"repo": tokens.did, "collection": _COLLECTION, "rkey": uri.rpartition("/")[2]}
        answer = self._login.home.ask("com.atproto.repo.getRecord", where)
        if answer.name == "RecordNotFound":  # a moderator hides it, or its owner deleted it just now
            raise Refused(f"{conflict}; and what is there is not shown")
        if answer.error:
            raise OutcomeUnknown(f"{conflict}; then {answer.error}") from answer.error
        value = answer.body.get("value")
        if isinstance(value, Mapping) and value.get("text") == text:
            return _posted(answer.body, uri)
        raise conflict


def _check(text: str) -> None:
    """Raise the NetworkError of a text that is no post. Bluesky itself refuses only those that are too long."""
    wrong: NetworkError | None = None
    if is_broken(text):
        wrong = Refused("the text holds a NUL or half of a character")
    elif shows_nothing(text):
        wrong = Refused("the text shows nothing")
    elif not fits_a_post(text):
        wrong = TooLong("the text is longer than 300 characters, or than 3,000 bytes")
    if wrong:
        raise wrong


def _uri(tokens: Tokens, rkey: str) -> str:
    return f"at://{tokens.did}/{_COLLECTION}/{rkey}"


def _posted(body: Mapping[str, Any], uri: str) -> str:
    """Return the post's id, if the answer is about it: the answer may be that to another request."""
    if body.get("uri") != uri:
        raise OutcomeUnknown("the answer to the post names another record, or none")
    if not _is_cid(cid := body.get("cid")):
        raise OutcomeUnknown("the answer to the post holds no CID")
    return f"{uri}#{cid}"


def _listed(each: Any, tokens: Tokens) -> Post:
    try:
        uri, cid, text = each["uri"], each["cid"], each["value"]["text"]
    except (KeyError, TypeError):
        uri = cid = text = None
    post_id = f"{uri}#{cid}"
    if not (isinstance(text, str) and _ID.fullmatch(post_id) and post_id.startswith(_uri(tokens, ""))):
        raise Unavailable("the account's posts came in a form that this version does not know")
    return Post(post_id, text)


def _reference(post_id: str) -> dict[str, str] | None:
    """Return the post as a reply refers to it, or None where this is no id of a post here."""
    found = _ID.fullmatch(post_id)
    return {"uri": found[1], "cid": found[2]} if found else None


def _is_cid(value: object) -> bool:
    return isinstance(value, str) and bool(_CID.fullmatch(value))
