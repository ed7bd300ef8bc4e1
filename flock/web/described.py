"""A bot, and a line that it has said, as JSON for pages and scripts: see the package's docstring."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import quote

from flock.errors import BadPoem
from flock.keys import Key
from flock.logbook import Entry
from flock.observers.console import iso
from flock.overview import Bot
from flock.pages.texts import all_shown, direction
from flock.poem import About, about_poem
from flock.temperament import Recitation, Temperament, temperament_name
from flock.web.looks import look_of


def path_of(name: str) -> str:
    """Return the path of the bot's page."""
    return f"/bots/{quote(name, safe='@:.-_~')}"


def about_of(key: Key) -> About:
    """Return what the poem's file, or the key, says about the poem."""
    with suppress(BadPoem):
        return about_poem(key.poem_file)
    return About()


def language_of(key: Key, about: About) -> str:
    """Return the language tag of the bot's lines, or an empty text."""
    return str(getattr(key.credentials, "lang", None) or about.language or "")


def bot_json(
    bot: Bot, temperament: Temperament, recitation: Recitation | None, line: int, about: About, *, language: str
) -> dict[str, Any]:
    """Return the bot as pages and scripts read it."""
    utterances = recitation.utterances if recitation else ()
    said = bot.said
    found = {
        "name": bot.name,
        "path": path_of(bot.name),
        "network": bot.network,
        "practises": bot.practises,
        "state": bot.state.value,
        "why": bot.why,
        "advice": bot.advice,
        "until": _iso(bot.until),
        "since": _iso(bot.paused),
        "age": round(bot.age, 4),
        "posts": bot.posts,
        "temperament": temperament_name(temperament),
        "entropy": round(recitation.entropy, 4) if recitation else 0.0,
        "memory": round(recitation.memory, 4) if recitation else 1.0,
        "mood": utterances[line].mood if 0 <= line < len(utterances) else "faithful",
        "title": about.title,
        "author": about.author,
        "lang": language,
        "dir": direction(language),
        "line": bot.line,
        "lines": bot.lines,
        "next": bot.text,
        "next_at": _iso(bot.due),
        "timezone": bot.timezone or None,
        "last": said and {"text": said.text, "at": _iso(said.at), "outcome": said.outcome.value, "link": bot.link},
        "today": bot.today,
        "dollars": round(bot.spent, 4),
        "told": [str(each) for each in bot.commands],
    }
    shown: dict[str, Any] = all_shown(found)
    return shown


def entry_json(entry: Entry, bot: dict[str, Any], identity: str) -> dict[str, Any]:
    """Return a line as pages and scripts read it; `bot` is its bot's own JSON."""
    post = entry.post
    found = {
        "bot": entry.bot,
        "tint": look_of(entry.bot).tint,
        "network": entry.network,
        "path": path_of(entry.bot),
        "text": post.text,
        "at": iso(post.at),
        "outcome": post.outcome.value,
        "why": post.why,
        "link": entry.link,
        "n": post.n,
        "lang": bot.get("lang", ""),
        "dir": bot.get("dir", "auto"),
        "id": identity,
    }
    shown: dict[str, Any] = all_shown(found)
    return shown


def _iso(at: float | None) -> str | None:
    return None if at is None else iso(at)
