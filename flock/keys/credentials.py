"""Credentials: what a bot shows to its network to be let in. Each kind of network has its own class.

A class of credentials is a frozen dataclass whose fields stand in the key file beside the others. pydantic checks
them, by the validators in their types. All classes have in common:

- `account_id`: the number of the bot's account, or None where the key file does not say it;
- `app`: the key of the app that posts for the bot, which several bots may share, or None where there is no app;
- `own_token`, and `OWN_FIELD` for the field it stands in: the secret that belongs to this one account;
- `HOW_TO_GET`: what the operator does about a field that is missing;
- a `repr` without secrets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import BeforeValidator, ConfigDict, SecretStr

from flock.options import is_loopback, parse_url

DEFAULT_NETWORK = "twitter"
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HANDLE = re.compile(rf"({_LABEL}\.)+(?![0-9]){_LABEL}")
_BLUESKY = "https://bsky.social"
_LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?")  # with a script, a region
_LONGEST_ID = 20  # digits: 64 bits

_KINDS = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}


def kind_of(value: object) -> str:
    """Return what kind of JSON value this is, in words: "a list". Never the value, which may be a secret."""
    return "nothing" if value is None else _KINDS.get(type(value), "a text")


def _token(value: object) -> str:
    if isinstance(value, str) and (token := value.strip()) and token.isascii() and token.isprintable():
        return token
    found = "an empty one" if value in ("", None) else f"{kind_of(value)} that is not a token"
    raise ValueError(f"expected a text in quotes, found {found}; copy it again from the developer portal")


def _user_id(value: object) -> str:
    if isinstance(value, str | int) and not isinstance(value, bool):
        with suppress(ValueError):  # Python writes no number of more than 4300 digits
            if (digits := str(value)).isascii() and digits.isdecimal() and len(digits) <= _LONGEST_ID:
                return digits
    raise ValueError("expected the account's number, such as 1234567890; or leave it out")


def _api(value: object) -> object:
    if value in ("2", "1.1"):
        return value
    raise ValueError('expected "2" or "1.1", in quotes')


def _app_password(value: object) -> str:
    if isinstance(value, str) and (secret := value.strip()) and secret.isascii() and secret.isprintable():
        return secret
    found = "an empty one" if value in ("", None) else f"{kind_of(value)} that is no app password"
    raise ValueError(f"expected a text in quotes, found {found}; {BlueskyCredentials.HOW_TO_GET}")


def _bluesky_server(value: object) -> str:
    if value is None:
        return _BLUESKY
    try:
        root = parse_url(value.strip() if isinstance(value, str) else "")
    except ValueError as error:
        raise ValueError(str(error).replace("https://api.x.com", _BLUESKY)) from None
    if not (root.startswith("https://") or is_loopback(root)):
        raise ValueError("expected a URL that begins with https://; without TLS the password could be read")
    if root.count("/") > 2:
        raise ValueError(f"expected the URL of a server alone, such as {_BLUESKY}, found one with a path")
    return root.lower()


def _language_tag(value: object) -> str:
    if isinstance(value, str) and _LANGUAGE_TAG.fullmatch(value.strip()):
        return value.strip()
    raise ValueError('expected the tag of a language, such as "en" or "pt-BR"; or leave it out')


def _truth(value: object) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    raise ValueError(f"expected true or false, without quotes, found {kind_of(value)}")


Token = Annotated[SecretStr, BeforeValidator(_token)]


@dataclass(frozen=True, slots=True, kw_only=True)
class XCredentials:
    """The OAuth 1.0a tokens of an app (consumer) and of one account, for X and for the practice server.

    `user_id` is the account's number in decimal digits, and `api` the version of the API to post to; each is None
    where the key file does not say.
    """

    OWN_FIELD: ClassVar[str] = "oauth_token"
    HOW_TO_GET: ClassVar[str] = "copy it from the developer portal"
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
    def app(self) -> SecretStr | None:
        """The app's key; every bot that posts through the same app has the same one."""
        return self.consumer_token

    @property
    def own_token(self) -> SecretStr:
        """The access token. Two bots with the same one would post to one account."""
        return self.oauth_token


@dataclass(frozen=True, slots=True, kw_only=True)
class BlueskyCredentials:
    """An app password of one account on Bluesky, or on another server of its kind.

    `server` is the root URL of the server to sign in at. `lang` is the language of the poem, a tag such as "en",
    or None. With `mentions`, a handle after an @ is a mention of that account; without, it is plain text.
    """

    OWN_FIELD: ClassVar[str] = "app_password"
    HOW_TO_GET: ClassVar[str] = "make one at https://bsky.app/settings/app-passwords"
    __pydantic_config__ = ConfigDict(hide_input_in_errors=True)

    app_password: Annotated[SecretStr, BeforeValidator(_app_password)] = field(repr=False)
    server: Annotated[str, BeforeValidator(_bluesky_server)] = _BLUESKY
    lang: Annotated[str, BeforeValidator(_language_tag)] | None = None
    mentions: Annotated[bool, BeforeValidator(_truth)] = False

    @property
    def account_id(self) -> str | None:
        """None: accounts have no numbers there."""
        return None

    @property
    def app(self) -> SecretStr | None:
        """None: no app posts for the bot."""
        return None

    @property
    def own_token(self) -> SecretStr:
        """The app password. Two bots with the same one would post to one account."""
        return self.app_password


# The union of all classes of credentials.
Credentials: TypeAlias = XCredentials | BlueskyCredentials

CREDENTIALS: Mapping[str, type[Credentials]] = MappingProxyType(
    {
        "x": XCredentials,
        "twitter": XCredentials,
        "pasture": XCredentials,
        "bluesky": BlueskyCredentials,
    }
)
"""What `network` may be in a key file, and the class of credentials that it takes."""

_SYNONYMS = {"x": "twitter"}  # the journals of all versions so far know the bots on X as twitter:name


def parse_network(value: object) -> str:
    """Return the network's name as the journal has it: "twitter" also for "x".

    Raises ValueError, which lists the known networks, for anything else.
    """
    if isinstance(value, str) and value in CREDENTIALS:
        return _SYNONYMS.get(value, value)
    *names, last = (f'"{name}"' for name in CREDENTIALS)
    raise ValueError(f"expected {', '.join(names)} or {last}")


def wrong_with_name(network: str, name: str) -> str:
    """Return what is wrong with the name of an account on that network, or an empty text."""
    if network == "bluesky" and not _HANDLE.fullmatch(name):
        return "expected the whole handle of the account, such as dolly.bsky.social"
    return ""


def field_names(credentials: type[Credentials]) -> tuple[str, ...]:
    """Return the fields that this class of credentials has in a key file."""
    return tuple(each.name for each in fields(credentials))
