"""Which account a bot posts to: found out before its first post, where only the network tells."""

from __future__ import annotations

from flock.errors import BotsTaken, JournalError, Wait
from flock.journal import Journal
from flock.keys import Key
from flock.networks.base import Network
from flock.networks.registry import Networks

ACCOUNT_WAIT = 60.0  # seconds between two looks at whether another bot still posts to the account


def find_account(
    bot: str, known: str | None, key: Key, network: Network, *, networks: Networks, journal: Journal, wall: float
) -> tuple[str, str | None]:
    """Return the name under which the journal knows the bot, and the account that `network` lets it in to.

    `bot` is its name so far, and `known` the account that it was let in to before. The account is None where the
    network does not tell. Raises NetworkError, also when the account is another bot's, and JournalError.
    """
    account = networks.find_account(key, network)
    if account and account != known:
        until = wall + ACCOUNT_WAIT
        if known:
            raise Wait("its key file is another account's now; start the flock anew", until=until)
        try:
            bot = journal.recognize(bot, networks.bot(key), account)
        except BotsTaken as error:
            raise Wait(str(error), until=until) from error
    return bot, account


def is_anothers(key: Key, *, own: Key, bot: str, known: str | None, named: str, networks: Networks) -> bool:
    """Return whether `key` is another bot's, as far as that is known before the network has been asked.

    The bot is called `bot`, has the key `own` now, and was let in to the account `known`. `named` is what the
    journal calls the bot of `key`.
    """
    if networks.account(key) is not None:
        return named != bot
    if known and networks.tells_account(key):
        return False  # `find_account` compares
    return networks.bot(key) not in (networks.bot(own), bot)


def is_unknown(key: Key, known: str | None, networks: Networks) -> bool:
    """Return whether the network has to tell first which account the bot of `key` posts to.

    `known` is the account that it was let in to.
    """
    if known is not None or not networks.tells_account(key):
        return False
    try:
        return networks.account(key) is None
    except JournalError:
        return True
