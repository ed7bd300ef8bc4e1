"""The accounts of the pasture, and the standing of each: good, revoked, suspended or locked."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from pydantic import SecretStr

from flock.errors import BadOption
from flock.keys import Key, XCredentials

_MADE_UP_IDS = 10**18  # far above X's own user ids


@dataclass(frozen=True)
class Account:
    """An account, with the keys of the app that posts for it. Several accounts may share one app.

    `user_id` is decimal digits, as on X. The repr shows neither keys nor tokens.
    """

    screen_name: str
    user_id: str
    consumer_key: str = field(repr=False)
    consumer_secret: SecretStr = field(repr=False)
    token: str = field(repr=False)
    token_secret: SecretStr = field(repr=False)

    @classmethod
    def of(cls, key: Key, screen_name: str) -> Account:
        """Return the account for a bot's key, with the name `screen_name`.

        If neither the key nor its token holds the account's number, the number is computed from the token's text.
        """
        own = key.credentials
        assert isinstance(own, XCredentials)  # noqa: S101 - all that the pasture admits so far
        token = own.oauth_token.get_secret_value()
        return cls(
            screen_name=screen_name,
            user_id=own.account_id or _made_up_id(token),
            consumer_key=own.consumer_token.get_secret_value(),
            consumer_secret=own.consumer_token_secret,
            token=token,
            token_secret=own.oauth_token_secret,
        )

    def __post_init__(self) -> None:
        if not (self.user_id.isascii() and self.user_id.isdecimal()):
            raise BadOption(f"user id {self.user_id!r} of {self.screen_name}: X's user ids are decimal digits")


class Standing(Enum):
    """Whether an account may use the API, and if not, why."""

    GOOD = auto()
    REVOKED = auto()
    SUSPENDED = auto()
    LOCKED = auto()


class Accounts:
    """The accounts of a pasture. Screen names are looked up case-insensitively, as on X.

    Raises BadOption if two accounts share a screen name, a user id or a token.
    """

    def __init__(self, accounts: Iterable[Account]) -> None:
        all_accounts = tuple(accounts)
        _refuse_doubles("screen name", (account.screen_name.lower() for account in all_accounts))
        _refuse_doubles("user id", (account.user_id for account in all_accounts))
        if len({account.token for account in all_accounts}) < len(all_accounts):
            raise BadOption("two accounts of the pasture share a token: give each its own")
        self._by_token = {account.token: account for account in all_accounts}
        self._by_name = {account.screen_name.lower(): account for account in all_accounts}
        self._by_id = {account.user_id: account for account in all_accounts}
        self._apps = {account.consumer_key: account.consumer_secret for account in all_accounts}
        self._standings: dict[str, Standing] = {}  # by user id, of those that are not in good standing

    def admit(self, account: Account) -> Account:
        """Add an account in good standing. Return it as it was added: if its number is taken, it has another one.

        An account with the same screen name is replaced, as that of the same bot with new tokens. The caller must
        rename bots of two networks that share a name (`PracticeNames`). Raises BadOption if another account has
        the same token.
        """
        before = self.named(account.screen_name)
        number = int(_made_up_id(account.token))
        while self.with_id(account.user_id) not in (None, before):
            account = replace(account, user_id=str(number))
            number += 1
        owner = self.with_token(account.token)
        if owner is not None and (before is None or owner.user_id != before.user_id):
            raise BadOption(f"another account of the pasture has {account.screen_name}'s token: give each its own")
        if before is not None:
            del self._by_token[before.token], self._by_id[before.user_id]
        self._standings.pop(account.user_id, None)
        self._apps[account.consumer_key] = account.consumer_secret
        self._by_name[account.screen_name.lower()] = account
        self._by_id[account.user_id] = account
        self._by_token[account.token] = account
        return account

    def admit_app(self, consumer_key: str, consumer_secret: SecretStr) -> None:
        """Add an app that has no account yet."""
        self._apps[consumer_key] = consumer_secret

    def apps(self) -> dict[str, SecretStr]:
        """Return the secret of each app, by its key."""
        return dict(self._apps)

    def add_token(self, account: Account) -> None:
        """Add another token of an account, or a new account with its first one. Nothing is replaced."""
        self._by_token.setdefault(account.token, account)
        self._by_name.setdefault(account.screen_name.lower(), account)
        self._by_id.setdefault(account.user_id, account)

    def names(self) -> list[str]:
        """Return the screen names of all accounts, in the order in which they came."""
        return [account.screen_name for account in list(self._by_name.values())]

    def ids(self, screen_name: str | None = None) -> list[str]:
        """Return the user ids of all accounts, or that of the account with this screen name."""
        if screen_name is None:
            return list(self._by_id)
        account = self.named(screen_name)
        return [account.user_id] if account else []

    def free_id(self, screen_name: str) -> str:
        """Return a number that no account has: the same for the same name, if it is free."""
        number = int(_made_up_id(screen_name.lower()))
        while str(number) in self._by_id:
            number += 1
        return str(number)

    def with_token(self, token: str) -> Account | None:
        """Return the account with this access token, or None."""
        return self._by_token.get(token)

    def named(self, screen_name: str) -> Account | None:
        """Return the account with this screen name, or None."""
        return self._by_name.get(screen_name.lower())

    def not_revoked(self, token: str) -> Account | None:
        """Return the account with this access token, or None if there is none, or if its token was revoked."""
        account = self.with_token(token)
        return None if account is None or self.standing(account) is Standing.REVOKED else account

    def with_id(self, user_id: str) -> Account | None:
        """Return the account with this user id, or None."""
        return self._by_id.get(user_id)

    def standing(self, account: Account) -> Standing:
        """Return the standing of this account."""
        return self._standings.get(account.user_id, Standing.GOOD)

    def judge(self, screen_name: str, standing: Standing) -> None:
        """Change the standing of an account, from its next request on. Raises BadOption for an unknown name."""
        account = self.named(screen_name)
        if account is None:
            raise BadOption(f"the pasture knows no account {screen_name!r}")
        self._standings[account.user_id] = standing


def _made_up_id(token: str) -> str:
    return str(_MADE_UP_IDS + zlib.crc32(token.encode()))


def _refuse_doubles(what: str, values: Iterable[str]) -> None:
    doubles = sorted(value for value, count in Counter(values).items() if count > 1)
    if doubles:
        raise BadOption(f"two accounts of the pasture share the {what} {doubles[0]!r}: give each its own")
