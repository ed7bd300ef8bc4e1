"""Credentials: what a bot shows to its network to be let in. Each kind of network has its own class.

A class of credentials is a frozen dataclass whose fields stand in the key file beside the others. pydantic checks
them, by the validators in their types. All classes have in common:

- `account_id`: the number of the bot's account, or None where the key file does not say it;
- `app`: the key of the app that posts for the bot, which several bots may share, or None where there is no app;
- `own_token`, and `OWN_FIELD` for the field it stands in: the secret that belongs to this one account;
- `address`: what stands behind the account's name to tell it from those of the same name elsewhere, or nothing;
- `HOW_TO_GET`: what the operator does about each field that is missing;
- a `repr` without secrets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from functools import lru_cache
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import BeforeValidator, ConfigDict, SecretStr

from flock.keys.hints import trimmed, wrong_in_token
from flock.options import is_loopback
from flock.poem.about import parse_language, parse_warning

DEFAULT_NETWORK = "x"
PRACTICE = "pasture"  # as `network`, or as `server`: the bot posts to the practice server, and nowhere else
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HANDLE = re.compile(rf"({_LABEL}\.)+(?![0-9]){_LABEL}")
_LONGEST_HANDLE, _LONGEST_NAME = 253, 64  # letters; a handle is a domain, and names on X have 15
_BLUESKY = "https://bsky.social"
_LONGEST_ID = 20  # digits: 64 bits
_DEFAULT_PORTS = {"https": 443, "http": 80}
_VISIBILITIES = ("public", "unlisted", "private")

_KINDS = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}


def kind_of(value: object) -> str:
    """Return what kind of JSON value this is, in words: "a list". Never the value, which may be a secret."""
    return "nothing" if value is None else _KINDS.get(type(value), "a text")


def _token(value: object) -> str:
    wrong = f"{kind_of(value)} that is not a token"
    if isinstance(value, str):
        token = trimmed(value)
        wrong = wrong_in_token(token) if token else ""
        if token and not wrong:
            return token
    found = "an empty one" if value is None or not wrong else wrong
    raise ValueError(f"expected a text in quotes, found {found}; copy it again from the developer portal")


def _user_id(value: object) -> str:
    if isinstance(value, str | int) and not isinstance(value, bool):
        with suppress(ValueError):  # Python writes no number of more than 4300 digits
            if (digits := trimmed(str(value))).isascii() and digits.isdecimal() and len(digits) <= _LONGEST_ID:
                return digits
    raise ValueError("expected the account's number, such as 1234567890; or leave it out")


def _api(value: object) -> object:
    if value in ("2", "1.1"):
        return value
    raise ValueError('expected "2" or "1.1", in quotes')


def _secret(value: object, what: str, advice: str) -> str:
    """Return a secret of letters that a header or JSON can hold. Raises ValueError."""
    if isinstance(value, str) and (secret := trimmed(value)) and secret.isascii() and secret.isprintable():
        return secret
    found = "an empty one" if value in ("", None) else f"{kind_of(value)} that is not {what}"
    raise ValueError(f"expected a text in quotes, found {found}; {advice}")


def _app_password(value: object) -> str:
    return _secret(value, "an app password", BlueskyCredentials.HOW_TO_GET["app_password"])


def _access_token(value: object) -> str:
    return _secret(value, "a token", "copy it again from your server's settings")


def _server(value: object, *, example: str = "https://botsin.example") -> str:
    """Return the root URL of a server: in lower case, without the scheme's own port and without a slash at the
    end; or the word for the practice server."""
    url = trimmed(value).rstrip("/").lower() if isinstance(value, str) else ""
    expected = f"expected the address of the bot's server, such as {example}"
    if url == PRACTICE:
        return url
    with suppress(ValueError):  # brackets without an address, a port that is none
        parts = urlsplit(url)
        scheme, port = parts.scheme, parts.port
        is_root = url == f"{scheme}://{parts.netloc}" and url.isprintable() and not any(c in url for c in " @?#\\")
        if parts.hostname and is_root and (scheme == "https" or (scheme == "http" and is_loopback(url))):
            return url.removesuffix(f":{port}") if port == _DEFAULT_PORTS[scheme] else url
        if scheme == "http":
            expected = "expected https:// before the server's name; http:// would show the secret to others"
    raise ValueError(expected)


def _bluesky_server(value: object) -> str:
    return _BLUESKY if value is None else _server(value, example=_BLUESKY)


def _language(value: object) -> str:
    return parse_language(trimmed(value) if isinstance(value, str) else value)


def _switch(value: object) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    raise ValueError(f"expected true or false, without quotes, found {kind_of(value)}")


def _visibility(value: object) -> object:
    if value in (None, *_VISIBILITIES):
        return value or "unlisted"
    raise ValueError('expected "public", "unlisted" or "private"')


Server = Annotated[str, BeforeValidator(_server)]
Language = Annotated[str, BeforeValidator(_language)]
Switch = Annotated[bool, BeforeValidator(_switch)]
Token = Annotated[SecretStr, BeforeValidator(_token)]


@dataclass(frozen=True, slots=True, kw_only=True)
class XCredentials:
    """The OAuth 1.0a tokens of an app (consumer) and of one account, for X and for the practice server.

    `user_id` is the account's number in decimal digits, and `api` the version of the API to post to; each is None
    where the key file does not say.
    """

    OWN_FIELD: ClassVar[str] = "oauth_token"
    HOW_TO_GET: ClassVar[Mapping[str, str]] = {
        "consumer_token": "copy it from the developer portal (API Key)",
        "consumer_token_secret": "copy it from the developer portal (API Key Secret)",
        "oauth_token": "copy it from the developer portal (Access Token)",
        "oauth_token_secret": "copy it from the developer portal (Access Token Secret)",
    }
    __pydantic_config__ = ConfigDict(hide_input_in_errors=True)

    consumer_token: Token = field(repr=False)
    consumer_token_secret: Token = field(repr=False)
    oauth_token: Token = field(repr=False)
    oauth_token_secret: Token = field(repr=False)
    user_id: Annotated[str, BeforeValidator(_user_id)] | None = None
    api: Annotated[Literal["2", "1.1"], BeforeValidator(_api)] | None = None

    @property
    def account_id(self) -> str | None:
        """The account's number: `user_id`, or the digits before the "-" of the access token, or None."""
        head, dash, _ = self.oauth_token.get_secret_value().partition("-")
        return self.user_id or (head if dash and head.isdecimal() else None)

    @property
    def address(self) -> str:
        """Nothing: names on X are X's own."""
        return ""

    @property
    def app(self) -> SecretStr | None:
        """The app's key; every bot that posts through the same app has the same one."""
        return self.consumer_token

    @property
    def own_token(self) -> SecretStr:
        """The access token. Two bots with the same one would post to one account."""
        return self.oauth_token


@dataclass(frozen=True, slots=True, kw_only=True)
class MastodonCredentials:
    """The access token of one account on one server that speaks Mastodon's API.

    `server` is its root URL, or "pasture". `lang` is the language of the poem, `content_warning` a text to hide
    each post behind. `visibility` is "public", "unlisted" or "private". Without `mentions`, no @name in a poem
    addresses an account.
    """

    OWN_FIELD: ClassVar[str] = "access_token"
    HOW_TO_GET: ClassVar[Mapping[str, str]] = {
        "server": "add the address of the bot's server, such as https://botsin.example",
        "access_token": "make one on your server: Preferences, Development, New application",
    }
    __pydantic_config__ = ConfigDict(hide_input_in_errors=True)

    server: Server
    access_token: Annotated[SecretStr, BeforeValidator(_access_token)] = field(repr=False)
    lang: Language | None = None
    visibility: Annotated[str, BeforeValidator(_visibility)] = "unlisted"
    content_warning: Annotated[str, BeforeValidator(parse_warning)] | None = None
    mentions: Switch = False

    @property
    def account_id(self) -> str | None:
        """None: the server tells the account's id."""
        return None

    @property
    def address(self) -> str:
        """The server's name: each server has names of its own."""
        return f"@{self.server.rpartition('://')[2]}"

    @property
    def app(self) -> SecretStr | None:
        """None: an access token is all that the server asks for."""
        return None

    @property
    def own_token(self) -> SecretStr:
        """The access token. Two bots with the same one would post to one account."""
        return self.access_token


@dataclass(frozen=True, slots=True, kw_only=True)
class BlueskyCredentials:
    """An app password of one account on Bluesky, or on another server of its kind.

    `server` is the root URL of the server to sign in at, or "pasture". `lang` is the language of the poem, a
    tag such as "en", or None. With `mentions`, a handle after an @ is a mention of that account; without, it is
    plain text.
    """

    OWN_FIELD: ClassVar[str] = "app_password"
    HOW_TO_GET: ClassVar[Mapping[str, str]] = {
        "app_password": "make one at https://bsky.app/settings/app-passwords",
    }
    __pydantic_config__ = ConfigDict(hide_input_in_errors=True)

    app_password: Annotated[SecretStr, BeforeValidator(_app_password)] = field(repr=False)
    server: Annotated[str, BeforeValidator(_bluesky_server)] = _BLUESKY
    lang: Language | None = None
    mentions: Switch = False

    @property
    def account_id(self) -> str | None:
        """None: accounts have no numbers there."""
        return None

    @property
    def address(self) -> str:
        """Nothing: a handle is a domain, which only one account has."""
        return ""

    @property
    def app(self) -> SecretStr | None:
        """None: no app posts for the bot."""
        return None

    @property
    def own_token(self) -> SecretStr:
        """The app password. Two bots with the same one would post to one account."""
        return self.app_password


def _feed_file(value: object) -> str:
    if isinstance(value, str) and value.endswith(".json") and value.isprintable():
        return value
    raise ValueError('expected the path of the feed to write, such as "feeds/dolly.json"')


def _title(value: object) -> str:
    if isinstance(value, str) and value.strip().isprintable() and value.strip():
        return value.strip()
    raise ValueError("expected a text on one line; or leave it out")


def _web_page(value: object) -> str:
    if isinstance(value, str) and value.isprintable() and value.startswith(("http://", "https://")):
        return value
    raise ValueError('expected the address of a web page, such as "https://example.com/dolly"; or leave it out')


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedCredentials:
    """Where a bot writes its feed: a file of this machine. There is nothing secret about it.

    `file` is the JSON feed; the RSS feed is beside it, with the suffix .rss. A relative path starts at the key
    file's folder. `title` and `home` (the address of a web page) stand at the head of the feed.
    """

    OWN_FIELD: ClassVar[str] = "file"
    HOW_TO_GET: ClassVar[Mapping[str, str]] = {
        "file": 'add the path of the feed to write, such as "feeds/dolly.json"',
    }
    __pydantic_config__ = ConfigDict(hide_input_in_errors=True)

    file: Annotated[str, BeforeValidator(_feed_file)]
    title: Annotated[str, BeforeValidator(_title)] | None = None
    home: Annotated[str, BeforeValidator(_web_page)] | None = None

    @property
    def account_id(self) -> str | None:
        """None: a feed has no account."""
        return None

    @property
    def address(self) -> str:
        """Nothing: each feed is a file of its own."""
        return ""

    @property
    def app(self) -> SecretStr | None:
        """None: a feed has no app."""
        return None

    @property
    def own_token(self) -> SecretStr:
        """The feed's path. Two bots with the same one would write one feed."""
        return SecretStr(self.file)


Credentials: TypeAlias = XCredentials | BlueskyCredentials | MastodonCredentials | FeedCredentials

CREDENTIALS: Mapping[str, type[Credentials]] = MappingProxyType(
    {
        "x": XCredentials,
        "twitter": XCredentials,
        "bluesky": BlueskyCredentials,
        "mastodon": MastodonCredentials,
        "feed": FeedCredentials,
        PRACTICE: XCredentials,
    }
)
"""What `network` may be in a key file, and the class of credentials that it takes."""

EXPECTED_NAME = "expected the account's name, such as dolly (letters, digits and _)"
_NAME_OF_OTHERS = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_SYNONYMS = {"twitter": "x"}  # in key files; the journal of an older flock is migrated


_TITLES = {"x": "X", "pasture": "the pasture", "feed": "feeds"}


def title_of(network: str) -> str:
    """Return what people call the network, such as "Bluesky"."""
    return _TITLES.get(network, network.capitalize())


@lru_cache
def other_network(name: str) -> Any:
    """Return the network that another package brings under this name, by an entry point in "flock.networks".

    It is a class that is called with a key and `service=`; its `CREDENTIALS` is the class of its bots'
    credentials. Returns None if there is none. Raises ValueError if it cannot be loaded.
    """
    for found in entry_points(group="flock.networks", name=name):
        try:
            return found.load()
        except Exception as error:
            text = f"the package that brings {name!r} cannot be loaded: {type(error).__name__}; install it again"
            raise ValueError(text) from error
    return None


def is_practice(network: str, server: object) -> bool:
    """Return whether a bot with these fields in its key file posts to the practice server, and nowhere else."""
    return network == PRACTICE or (isinstance(server, str) and trimmed(server).rstrip("/").lower() == PRACTICE)


def credentials_of(network: str) -> type[Credentials]:
    """Return the class of credentials of a network that `parse_network` knows."""
    found: type[Credentials] = CREDENTIALS.get(network) or other_network(network).CREDENTIALS
    return found


def parse_network(value: object) -> str:
    """Return the network's name as the journal has it: "x" also for its old name, "twitter".

    Raises ValueError, which lists the known networks, for anything else.
    """
    name = trimmed(value).lower() if isinstance(value, str) else ""
    if name in CREDENTIALS or (_NAME_OF_OTHERS.fullmatch(name) and other_network(name)):
        return _SYNONYMS.get(name, name)
    *names, last = (f'"{name}"' for name in CREDENTIALS)
    raise ValueError(f"expected {', '.join(names)} or {last}")


def wrong_with_name(network: str, name: str) -> str:
    """Return what is wrong with the name of an account on that network, or an empty text."""
    if network == "bluesky":
        is_handle = _HANDLE.fullmatch(name) and len(name) <= _LONGEST_HANDLE
        return "" if is_handle else "expected the whole handle of the account, such as dolly.bsky.social"
    if len(name) > _LONGEST_NAME:
        return EXPECTED_NAME
    return ""


def field_names(credentials: type[Credentials]) -> tuple[str, ...]:
    """Return the fields that this class of credentials has in a key file."""
    return tuple(each.name for each in fields(credentials))


def secret_names(credentials: type[Credentials]) -> tuple[str, ...]:
    """Return those of its fields that are secrets: no `repr` shows them."""
    return tuple(each.name for each in fields(credentials) if not each.repr)
