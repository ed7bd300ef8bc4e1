"""Credentials: what a bot shows to its network to be let in. Each kind of network has its own class.

A class of credentials is a frozen dataclass whose fields stand in the key file beside the others. pydantic checks
them, by the validators in their types. All classes have in common:

- `account_id`: the number of the bot's account, or None where the key file does not say it;
- `app`: the key of the app that posts for the bot, which several bots may share, or None where there is no app;
- `own_token`, and `OWN_FIELD` for the field it stands in: the secret that belongs to this one account;
- `HOW_TO_GET`: what the operator does about each field that is missing;
- a `repr` without secrets.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import BeforeValidator, ConfigDict, SecretStr

from flock.keys.hints import trimmed, wrong_in_token

DEFAULT_NETWORK = "twitter"
_LONGEST_ID = 20  # digits: 64 bits

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
    def app(self) -> SecretStr | None:
        """The app's key; every bot that posts through the same app has the same one."""
        return self.consumer_token

    @property
    def own_token(self) -> SecretStr:
        """The access token. Two bots with the same one would post to one account."""
        return self.oauth_token


Credentials: TypeAlias = XCredentials  # the union of all classes of credentials; so far there is one

CREDENTIALS: Mapping[str, type[Credentials]] = MappingProxyType(
    {
        "x": XCredentials,
        "twitter": XCredentials,
        "pasture": XCredentials,
    }
)
"""What `network` may be in a key file, and the class of credentials that it takes."""

_SYNONYMS = {"x": "twitter"}  # the journals of all versions so far know the bots on X as twitter:name


def parse_network(value: object) -> str:
    """Return the network's name as the journal has it: "twitter" also for "x".

    Raises ValueError, which lists the known networks, for anything else.
    """
    if isinstance(value, str) and (name := trimmed(value).lower()) in CREDENTIALS:
        return _SYNONYMS.get(name, name)
    *names, last = (f'"{name}"' for name in CREDENTIALS)
    raise ValueError(f"expected {', '.join(names)} or {last}")


def field_names(credentials: type[Credentials]) -> tuple[str, ...]:
    """Return the fields that this class of credentials has in a key file."""
    return tuple(each.name for each in fields(credentials))
