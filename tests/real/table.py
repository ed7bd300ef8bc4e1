"""What Bluesky's server (PDS 0.5.35) answers. Both it and its stand-in are held against these tables.

PUTS are records, CALLS requests of all kinds, TAKEN_DOWN and DEACTIVATED requests of an account that is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import requests

_CID = "bafyreia6u7ktszu4ciqxkm3xuk3bvk2wqnmh74kfzsevcezgfzg4sqegzq"
_URI = "at://did:plc:uh4ezg7gz2drvbfgeis6c42u/app.bsky.feed.post/3n3dcsaow5s4v"
_FAMILY = "👨‍👩‍👧‍👦"
_FACET = "app.bsky.richtext.facet"


class Put(NamedTuple):
    """A record under a key of its own, and what the server answers."""

    about: str
    record: Any
    status: int = 400
    error: str = "InvalidRequest"
    words: str = ""


def _post(**changed: Any) -> dict[str, Any]:
    """Return a good record with some parts changed; a part that is `...` is left out."""
    whole = {"$type": "app.bsky.feed.post", "text": "baa", "createdAt": "2026-11-27T12:00:00.000Z", **changed}
    return {name: value for name, value in whole.items() if value is not ...}


def _faceted(feature: dict[str, Any], **index: Any) -> dict[str, Any]:
    place = {"byteStart": 0, "byteEnd": 1, **index}
    return _post(facets=[{"index": {k: v for k, v in place.items() if v is not ...}, "features": [feature]}])


def _taken(about: str, record: Any) -> Put:
    return Put(about, record, 200, "", "validationStatus")


PUTS = [
    _taken("a plain post", _post()),
    _taken("300 graphemes", _post(text="a" * 300)),
    Put("301 graphemes", _post(text="a" * 301), words="grapheme too big (maximum 300, got 301)"),
    _taken("3,000 bytes", _post(text=_FAMILY * 120)),
    Put("3,125 bytes", _post(text=_FAMILY * 125), words="string too big (maximum 3000, got 3125)"),
    _taken("300 clusters of Burmese", _post(text="က္က" * 150)),
    Put("302 clusters of Burmese", _post(text="က္က" * 151), words="grapheme too big"),
    _taken("300 conjuncts of Bengali", _post(text="ক্ষ" * 300)),
    _taken("an empty text", _post(text="")),
    _taken("a blank text", _post(text=" \n")),
    _taken("a NUL", _post(text="a\0b")),
    _taken("no type", _post(**{"$type": ...})),
    Put("another type", _post(**{"$type": "app.bsky.feed.like"}), words="Invalid $type"),
    Put("a text that is a number", _post(text=1), words="$.record.text"),
    Put("no text", _post(text=...), words="Missing required key"),
    Put("no time", _post(createdAt=...), words="Missing required key"),
    Put("a time without a zone", _post(createdAt="2026-11-27T12:00:00"), words="Invalid datetime"),
    Put("a time at -00:00", _post(createdAt="2026-11-27T12:00:00-00:00"), words="Invalid datetime"),
    _taken("a time at +01:00", _post(createdAt="2036-11-27T12:00:00+01:00")),
    _taken("a time with microseconds", _post(createdAt="2026-11-27T12:00:00.123456Z")),
    _taken("three languages", _post(langs=["en", "pt-BR", "zh-Hant-TW"])),
    Put("four languages", _post(langs=["en", "de", "ja", "fr"]), words="array too big (maximum 3, got 4)"),
    Put("a language that is none", _post(langs=["!!"]), words="Invalid language"),
    Put("a number with a point", _post(x=1.5), words="(got 1.5)"),
    _taken("an unknown field", _post(x=1)),
    _taken("a link", _faceted({"$type": f"{_FACET}#link", "uri": "https://é.example/ü?x=ж"})),
    Put("a link that is none", _faceted({"$type": f"{_FACET}#link", "uri": "nope"}), words="Invalid uri"),
    _taken("a tag", _faceted({"$type": f"{_FACET}#tag", "tag": "w" * 64})),
    Put("a long tag", _faceted({"$type": f"{_FACET}#tag", "tag": "w" * 65}), words="grapheme too big"),
    Put("a mention of nobody", _faceted({"$type": f"{_FACET}#mention", "did": "x"}), words="Invalid DID"),
    _taken("a facet out of range", _faceted({"$type": f"{_FACET}#tag", "tag": "w"}, byteEnd=900)),
    Put(
        "a facet before the text",
        _faceted({"$type": f"{_FACET}#tag", "tag": "w"}, byteStart=-1),
        words="too small",
    ),
    Put("a facet without an end", _faceted({"$type": f"{_FACET}#tag", "tag": "w"}, byteEnd=...), words="byteEnd"),
    _taken(
        "a reply to what is not there",
        _post(reply={"root": {"uri": _URI, "cid": _CID}, "parent": {"uri": _URI, "cid": _CID}}),
    ),
    Put("a reply without a root", _post(reply={"parent": {"uri": _URI, "cid": _CID}}), words="root"),
    Put(
        "a reply with a bad CID",
        _post(reply={"root": {"uri": _URI, "cid": "x"}, "parent": {"uri": _URI, "cid": "x"}}),
        words="Invalid CID",
    ),
    Put("a list", [], words="Expected object value type"),
    Put("nothing", None, words="$.record"),
]


class Call(NamedTuple):
    """A request, and what the server answers.

    `given` is the body, or the parameters of a query; `token` goes into the header Authorization. In both, "{did}"
    and the like stand for what an account has.
    """

    about: str
    method: str
    given: Any = None
    token: str = ""
    status: int = 400
    error: str = "InvalidRequest"
    words: str = ""

    def ask(self, url: str, account: Mapping[str, str]) -> requests.Response:
        """Send the request to the server with this root URL."""
        verb = "GET" if self.method in _QUERIES else "POST"
        token = self.token.format_map(account)
        part = {"params" if verb == "GET" else "json": _filled(self.given, account)}
        headers = {"Authorization": token} if token else {}
        return requests.request(verb, f"{url}/xrpc/{_NAMES[self.method]}", headers=headers, timeout=30, **part)

    def check(self, url: str, account: Mapping[str, str]) -> None:
        """Hold a server against the row."""
        response = self.ask(url, account)
        assert (self.status, self.error) == (response.status_code, response.json().get("error", ""))
        assert self.words in response.text


_QUERIES = ("getSession", "getRecord", "listRecords", "resolveHandle", "getRepoStatus", "describeServer")
_NAMES = {
    name: f"com.atproto.{family}.{name}"
    for family, names in {
        "server": ("createSession", "refreshSession", "getSession", "describeServer"),
        "repo": ("putRecord", "createRecord", "deleteRecord", "getRecord", "listRecords"),
        "identity": ("resolveHandle",),
        "sync": ("getRepoStatus",),
    }.items()
    for name in names
}


def _filled(given: Any, account: Mapping[str, str]) -> Any:
    if isinstance(given, str):
        return given.format_map(account)
    if isinstance(given, dict):
        return {name: _filled(value, account) for name, value in given.items()}
    return given


def prepared(url: str, account: Mapping[str, str], other: str) -> dict[str, str]:
    """Return what the calls need of an account (handle, did, password), which gets a post and a session.

    `other` is the DID of another account.
    """
    whole = {**account, "capitals": account["handle"].upper(), "other": other, "there": _KEY, "absent": _ABSENT}
    session = SIGN_IN.ask(url, whole).json()
    whole |= {"access": session["accessJwt"], "refresh": session["refreshJwt"]}
    assert PUT.ask(url, whole).status_code == 200
    return whole


_KEY, _ABSENT = "3n3dcsaow5s4v", "3n3dcsaow5s5v"
_ACCESS, _REFRESH = "Bearer {access}", "Bearer {refresh}"
_WHERE = {"repo": "{did}", "collection": "app.bsky.feed.post"}
SIGN_IN = Call("a sign-in", "createSession", {"identifier": "{handle}", "password": "{password}"}, "", 200, "")
PUT = Call("a put", "putRecord", {**_WHERE, "rkey": _KEY, "record": _post()}, _ACCESS, 200, "")


def _but(
    call: Call, about: str, status: int = 400, error: str = "InvalidRequest", words: str = "", **changed: Any
) -> Call:
    """Return a call of which some parts are changed; a part that is `...` is left out. `token` is the token's."""
    token = changed.pop("token", call.token)
    given = {name: value for name, value in {**call.given, **changed}.items() if value is not ...}
    return Call(about, call.method, given, token, status, error, words)


_GET = Call("a record", "getRecord", {**_WHERE, "rkey": "{there}"}, "", 200, "")
_LIST = Call("records", "listRecords", {**_WHERE}, "", 200, "")
_CREATE = Call("a create", "createRecord", {**_WHERE, "record": _post()}, _ACCESS, 200, "")
_DELETE = Call("a delete of what is not there", "deleteRecord", {**_WHERE, "rkey": _ABSENT}, _ACCESS, 200, "")
_REFRESHED = Call("a refresh", "refreshSession", None, _REFRESH, 200, "")
_SESSION = Call("a session", "getSession", {}, _ACCESS, 200, "")
_RESOLVED = Call("a handle", "resolveHandle", {"handle": "{handle}"}, "", 200, "")
_STATUS = Call("a status", "getRepoStatus", {"did": "{did}"}, "", 200, "")
CALLS = [
    SIGN_IN,
    _but(SIGN_IN, "a sign-in by the DID", 200, "", identifier="{did}"),
    _but(SIGN_IN, "a sign-in in capitals", 200, "", identifier="{capitals}"),
    _but(SIGN_IN, "a sign-in with an @", 401, "AuthenticationRequired", identifier="@{handle}"),
    _but(SIGN_IN, "a sign-in with blanks", 401, "AuthenticationRequired", identifier=" {handle} "),
    _but(SIGN_IN, "a sign-in of nobody", 401, "AuthenticationRequired", identifier="nobody.test"),
    _but(SIGN_IN, "a sign-in with no name", 401, "AuthenticationRequired", identifier=""),
    _but(SIGN_IN, "a wrong password", 401, "AuthenticationRequired", password="wrong"),
    _but(SIGN_IN, "an empty password", 401, "AuthenticationRequired", password=""),
    _but(SIGN_IN, "a password that is a number", password=7),
    _but(SIGN_IN, "a password that is null", password=None),
    _but(SIGN_IN, "a sign-in without a password", words="password", password=...),
    _but(SIGN_IN, "a sign-in without an identifier", words="identifier", identifier=...),
    Call("a sign-in that is a list", "createSession", []),
    Call("a sign-in that is nothing", "createSession"),
    _REFRESHED,
    Call(
        "a refresh with a body", "refreshSession", {}, _REFRESH, words="body was provided when none was expected"
    ),
    Call("a refresh with a body and no token", "refreshSession", {}, "", 401, "AuthMissing"),
    Call("a refresh with an access token", "refreshSession", None, _ACCESS, error="InvalidToken"),
    Call("a refresh without a token", "refreshSession", None, "", 401, "AuthMissing"),
    Call("a refresh with a garbled token", "refreshSession", None, "Bearer garbled", error="InvalidToken"),
    Call("a refresh with a cut token", "refreshSession", None, _REFRESH[:-1] + "}.", error="InvalidToken"),
    Call("a refresh with a bare token", "refreshSession", None, "{refresh}", error="InvalidToken"),
    Call("a refresh with an empty token", "refreshSession", None, "Bearer", error="InvalidToken"),
    _SESSION,
    Call("a session by a refresh token", "getSession", {}, _REFRESH, error="InvalidToken"),
    Call("a session without a token", "getSession", {}, "", 401, "AuthMissing"),
    Call("a session with Basic", "getSession", {}, "Basic {access}", error="InvalidToken"),
    Call("a session with a garbled token", "getSession", {}, "Bearer garbled", error="InvalidToken"),
    PUT,
    _but(PUT, "a put with a key that is none", rkey="nope", words="Invalid TID string"),
    _but(PUT, "a put with a key with a slash", rkey="a/b"),
    _but(PUT, "a put with an empty key", rkey=""),
    _but(PUT, "a put with a key that is too high", rkey="z" * 13),
    _but(PUT, "a put without a key", rkey=..., words="rkey"),
    _but(PUT, "a put with a key that is a number", rkey=1, words="rkey"),
    _but(PUT, "a put without a repo", repo=..., words="repo"),
    _but(PUT, "a put without a collection", collection=..., words="collection"),
    _but(PUT, "a put into a collection that is none", collection="!!"),
    _but(PUT, "a put into another collection", collection="app.bsky.feed.like"),
    _but(PUT, "a put of an unknown collection", 200, "", collection="test.flock.wool", record={"a": 1}),
    _but(PUT, "a put without a record", record=..., words="record"),
    _but(PUT, "a put by nobody", 403, "AccountNotFound", repo="nobody.test"),
    _but(PUT, "a put by what is no name", repo="!!"),
    _but(PUT, "a put by handle", 200, "", repo="{handle}"),
    _but(PUT, "a put in capitals", 403, "AccountNotFound", repo="{capitals}"),
    _but(PUT, "a put into the repo of another", 401, "AuthenticationRequired", repo="{other}"),
    _but(PUT, "a put with a swap that is none", swapRecord="junk"),
    _but(PUT, "a put with a swap that is a number", swapRecord=1),
    _but(PUT, "the same put where none may be", 200, "", swapRecord=None),
    _but(
        PUT,
        "another put where none may be",
        400,
        "InvalidSwap",
        "Record was at",
        swapRecord=None,
        record=_post(text="moo"),
    ),
    _but(
        PUT,
        "another put over another one",
        400,
        "InvalidSwap",
        "Record was at",
        swapRecord=_CID,
        record=_post(text="moo"),
    ),
    _but(PUT, "a put without a token", 401, "AuthMissing", token=""),
    _but(PUT, "a put with a refresh token", 400, "InvalidToken", token=_REFRESH),
    _but(PUT, "a put with a garbled token", 400, "InvalidToken", token="Bearer garbled"),
    _but(PUT, "a bad put with a bad token", 400, "InvalidToken", token="Bearer garbled", record=...),
    _but(PUT, "a bad put without a token", 401, "AuthMissing", token="", record=...),
    _CREATE,
    _but(_CREATE, "a create of a key that is taken", 500, "InternalServerError", rkey="{there}"),
    _but(_CREATE, "a create with an empty key", rkey=""),
    _DELETE,
    _but(_DELETE, "a delete in the repo of another", 401, "AuthenticationRequired", repo="{other}"),
    _but(_DELETE, "a delete without a key", rkey=..., words="rkey"),
    _but(_DELETE, "a delete without a token", 401, "AuthMissing", token=""),
    _GET,
    _but(_GET, "a record by handle", 200, "", repo="{handle}"),
    _but(_GET, "a record by handle in capitals", words="Could not locate record", repo="{capitals}"),
    _but(_GET, "a record that is not there", 400, "RecordNotFound", "Could not locate record", rkey="{absent}"),
    _but(_GET, "a record under a key that is none", rkey="a/b"),
    _but(_GET, "a record under a key that is no TID", 400, "RecordNotFound", rkey="nope"),
    _but(_GET, "a record of nobody", repo="nobody.test"),
    _but(_GET, "a record of an unknown DID", repo="did:plc:uh4ezg7gz2drvbfgeis6c42u"),
    _but(_GET, "a record of what is no name", repo="!!"),
    _but(_GET, "a record without a key", words="rkey", rkey=...),
    _but(_GET, "a record with an empty key", words="rkey", rkey=""),
    _but(_GET, "a record without a repo", words="repo", repo=...),
    _but(_GET, "a record without a collection", words="collection", collection=...),
    _but(_GET, "a record of another collection", 400, "RecordNotFound", collection="app.bsky.feed.like"),
    _but(_GET, "a record of a collection that is none", collection="!!"),
    _but(_GET, "a record of another version", 400, "RecordNotFound", cid=_CID),
    _but(_GET, "a record of a version that is none", cid="x"),
    _but(_GET, "a record with a bad token", 200, "", token="Bearer garbled"),
    _LIST,
    _but(_LIST, "records by handle", 200, "", repo="{handle}"),
    _but(_LIST, "one record", 200, "", limit="1"),
    _but(_LIST, "a hundred records", 200, "", limit="100"),
    _but(_LIST, "a hundred and one records", words="integer too big (maximum 100, got 101)", limit="101"),
    _but(_LIST, "no records", words="integer too small (minimum 1, got 0)", limit="0"),
    _but(_LIST, "minus one records", words="integer too small", limit="-1"),
    _but(_LIST, "records up to a word", words="Expected integer value type", limit="ten"),
    _but(_LIST, "records up to half", words="Expected integer value type", limit="1.5"),
    _but(_LIST, "records up to nothing", 200, "", limit=""),
    _but(_LIST, "records of nobody", repo="nobody.test"),
    _but(_LIST, "records of an unknown DID", repo="did:plc:uh4ezg7gz2drvbfgeis6c42u"),
    _but(_LIST, "records of what is no name", repo="!!"),
    _but(_LIST, "records without a repo", words="repo", repo=...),
    _but(_LIST, "records without a collection", words="collection", collection=...),
    _but(_LIST, "records of another collection", 200, "", '"records":[]', collection="app.bsky.feed.like"),
    _but(_LIST, "records of a collection that is none", collection="!!"),
    _but(_LIST, "records behind the last one", 200, "", '"records":[]', cursor="2222222222222"),
    _but(_LIST, "records behind what is no key", 200, "", cursor="!!"),
    _but(_LIST, "records in reverse", 200, "", reverse="true"),
    _but(_LIST, "records in a reverse that is none", words="Expected boolean value type", reverse="maybe"),
    _RESOLVED,
    _but(_RESOLVED, "a handle in capitals", 200, "", handle="{capitals}"),
    _but(_RESOLVED, "a handle of nobody", 400, "HandleNotFound", handle="nobody.test"),
    _but(_RESOLVED, "a handle that is none", handle="!!"),
    _but(_RESOLVED, "no handle", words="handle", handle=...),
    _STATUS,
    _but(_STATUS, "a status of an unknown DID", 400, "RepoNotFound", did="did:plc:uh4ezg7gz2drvbfgeis6c42u"),
    _but(_STATUS, "a status of what is no DID", did="{handle}"),
    _but(_STATUS, "a status of nothing", words="did", did=...),
    Call("what the server says of itself", "describeServer", {}, "", 200, "", "availableUserDomains"),
]

_ALIKE = [  # what an account that is taken down, and one that is deactivated, are answered in the same way
    _but(SIGN_IN, "a wrong password", 401, "AuthenticationRequired", password="wrong"),
    _but(PUT, "a put into the repo of another", 401, "AuthenticationRequired", repo="{other}"),
    _but(_GET, "a record", words="Could not locate record"),
    _but(_GET, "a record that is not there", words="Could not locate record", rkey="{absent}"),
    _but(_LIST, "records", words="Could not find repo"),
    _but(_RESOLVED, "a handle", 400, "HandleNotFound"),
]
TAKEN_DOWN = [
    *_ALIKE,
    _but(SIGN_IN, "a sign-in", 401, "AuthenticationRequired"),
    Call("a refresh", "refreshSession", None, _REFRESH, 401, "AccountTakedown"),
    Call("a session", "getSession", {}, _ACCESS, words="Could not find user info"),
    _but(PUT, "a put", 401, "AccountTakedown"),
    _but(PUT, "a put of a bad record", 401, "AccountTakedown", record={}),
    _but(_CREATE, "a create", 401, "AccountTakedown"),
    _but(_DELETE, "a delete", 401, "AccountTakedown"),
    _but(_STATUS, "a status", 200, "", '"active":false,"status":"takendown"'),
]
DEACTIVATED = [
    *_ALIKE,
    _but(SIGN_IN, "a sign-in", 200, "", '"active":false,"status":"deactivated"'),
    Call("a refresh", "refreshSession", None, _REFRESH, 200, "", '"status":"deactivated"'),
    Call("a session", "getSession", {}, _ACCESS, 200, "", '"status":"deactivated"'),
    _but(PUT, "a put", 401, "AccountDeactivated"),
    _but(PUT, "a put of a bad record", 401, "AccountDeactivated", record={}),
    _but(_CREATE, "a create", 401, "AccountDeactivated"),
    _but(_DELETE, "a delete", 401, "AccountDeactivated"),
    _but(_STATUS, "a status", 200, "", '"active":false,"status":"deactivated"'),
]
"""Of an account that was well when it was prepared."""
