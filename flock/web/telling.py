"""The buttons of a bot's page: they tell the bot what to do, as `flock tell` does."""

from __future__ import annotations

import os
import secrets
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

from werkzeug.exceptions import BadRequest, Forbidden
from werkzeug.wrappers import Request

from flock.errors import FlockError
from flock.journal import Verb
from flock.overview import State
from flock.pasture.forms import Forms
from flock.steering import line_number
from flock.web.lookout import Lookout, Seen

NOTE = "note"  # the parameter of the page's address that names what it is to say
_MOST_FORM = 4096  # bytes
_MOST_NOTES = 200
_FOREIGN = (
    "This form was not sent by the bot's page, or the page was started anew meanwhile. Nothing was told. "
    "Open the page of the bot, and try again."
)
_BUTTONS = {
    Verb.PAUSE: "Pause",
    Verb.RESUME: "Resume",
    Verb.NOW: "Say the next line now",
    Verb.SKIP: "Skip the next line",
    Verb.AGAIN: "Say the last line again",
    Verb.TOP: "From the top",
}


class Note(NamedTuple):
    """What a page says once: the page's path, a text, and whether it is trouble."""

    path: str
    text: str
    is_trouble: bool


class Telling:
    """Tells bots what forms of their pages ask for. What came of it is a note, which the page shows once."""

    def __init__(self, lookout: Lookout) -> None:
        self._lookout = lookout
        self._forms = Forms()
        self._notes: OrderedDict[str, Note] = OrderedDict()
        self._lock = threading.Lock()

    def values(self, seen: Seen, request: Request) -> dict[str, Any]:
        """Return what the page of the bot needs for its buttons, and the note that its address names."""
        is_paused = seen.bot.paused is not None
        hidden = Verb.PAUSE if is_paused else Verb.RESUME
        return {
            "buttons": [(verb.value, text) for verb, text in _BUTTONS.items() if verb is not hidden],
            "seal": self._forms.seal(seen.json["path"]),
            "note": self._taken(request.args.get(NOTE, ""), seen.json["path"]),
            "hindrance": self._hindrance(),
            "obeys": _obeys(seen),
        }

    def obey(self, request: Request, seen: Seen) -> str:
        """Tell the bot what the form asks for; return the address of the page that says what came of it.

        Raises Forbidden for a form of another page, and BadRequest for one that no page has.
        """
        request.max_content_length = _MOST_FORM
        path: str = seen.json["path"]
        if not self._forms.is_own(request, path):
            raise Forbidden(_FOREIGN)
        try:
            verb = Verb(request.form.get("what", ""))
        except ValueError:
            raise BadRequest("There is nothing of that name that a bot can be told.") from None
        line = line_number(request.form.get("line", "").strip()) if verb is Verb.FROM else None
        if verb is Verb.FROM and line is None:
            return self._noted(Note(path, "Nothing was told: expected the number of a line, from 1.", True))
        try:
            told = self._lookout.tell(seen, verb, line)
        except FlockError as error:
            return self._noted(Note(path, f"Nothing was told: {error}", True))
        what = f"{told.command} {told.line}: {told.text}" if told.line else told.command
        return self._noted(Note(path, f"Told: {what}; {told.outcome}.", False))

    def _hindrance(self) -> str:
        """Return why nothing can be told, as far as is known."""
        journal = self._lookout.options.journal
        if not self._lookout.has_run:
            return "No flock has run with this journal yet, so nothing can be told."
        if isinstance(journal, Path) and not (os.access(journal, os.W_OK) and os.access(journal.parent, os.W_OK)):
            return "The user of this page may not write the journal, so nothing can be told from here."
        return ""

    def _noted(self, note: Note) -> str:
        name = secrets.token_urlsafe(9)
        with self._lock:
            self._notes[name] = note
            while len(self._notes) > _MOST_NOTES:
                self._notes.popitem(last=False)
        return f"{note.path}?{NOTE}={name}"

    def _taken(self, name: str, path: str) -> Note | None:
        with self._lock:
            note = self._notes.get(name)
            if note is None or note.path != path:
                return None
            return self._notes.pop(name)


def _obeys(seen: Seen) -> str:
    """Return when the bot obeys."""
    if seen.bot.pid is not None:
        return "The flock runs this bot, which obeys within a second."
    if seen.bot.state is State.NEW:
        return "No flock has run this bot yet; it obeys before its first post."
    return "No flock runs this bot now; it obeys when the next one starts."
