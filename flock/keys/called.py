"""A bot as people call it -> its key: a name as in the key file, with or without @, in any case."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from flock.errors import BadOption, printable
from flock.keys.key import Key, nearest


def keys_called(names: Iterable[str], keys: Sequence[Key]) -> list[Key]:
    """Return the keys of the bots with these names, each once, in the order of the names.

    A name may have its network before it, as in "bluesky:dolly.test". Raises BadOption for names that no bot has,
    or several bots have: all of them in one go.
    """
    found: dict[Path, Key] = {}
    wrong: list[str] = []
    for name in names:
        meant = [key for key in keys if _is_called(key, name)]
        if len(meant) == 1:
            found[meant[0].file] = meant[0]
        elif meant:
            choices = " or ".join(_full_name(key) for key in meant)
            wrong.append(f"{printable(name)}: {len(meant)} bots have that name; write {choices}")
        else:
            wrong.append(f"{printable(name)}: no bot has that name; {_hint(name, keys)}")
    if wrong:
        raise BadOption("\n".join(wrong))
    return list(found.values())


def _is_called(key: Key, name: str) -> bool:
    network, colon, own = name.rpartition(":")
    if colon and network.casefold() != key.network:
        return False
    return own.removeprefix("@").casefold() in {each.casefold() for each in (key.screen_name, key.account_name)}


def _full_name(key: Key) -> str:
    return printable(f"{key.network}:{key.account_name}")


def _hint(name: str, keys: Sequence[Key]) -> str:
    if ":" in name and (others := [key for key in keys if _is_called(key, name.rpartition(":")[2])]):
        return f"did you mean {_full_name(others[0])}?"
    names = [key.screen_name for key in keys]
    known = {each.casefold(): each for each in names}
    if near := nearest(name.rpartition(":")[2].removeprefix("@").casefold(), known):
        return f"did you mean {printable(known[near])}?"
    if not names:
        return "no key file can be used"
    return f"the bots are {printable(', '.join(names[:10]))}{', …' if len(names) > 10 else ''}"
