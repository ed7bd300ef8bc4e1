"""The app on X that asks accounts to be let in: its consumer key, from where it is found, or asked for once."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr, TypeAdapter, ValidationError

from flock.errors import BadKeys, KeyNotMade, Problem, printable
from flock.files import unreadable
from flock.keymaker.keyfile import write_private
from flock.keymaker.questions import Questions
from flock.keys import APP_FILE
from flock.keys.core_dumps import forbid_core_dumps
from flock.keys.credentials import Token
from flock.keys.hints import doubts
from flock.keys.json_file import read_object
from flock.keys.names import read_fields

_FIELDS = {
    "consumer_token": "consumer key (X: API Key)",
    "consumer_token_secret": "consumer secret (API Key Secret)",
}
_TOKEN: TypeAdapter[SecretStr] = TypeAdapter(Token)
_PORTAL = "https://console.x.com"


@dataclass(frozen=True, slots=True)
class App:
    """The consumer key and secret of an app on X. `source` says where they come from, for messages."""

    consumer_token: SecretStr
    consumer_token_secret: SecretStr
    source: str = "the app"


def read_app(file: Path) -> App:
    """Read an app's keys from a JSON file, under any of the names that a key file may have for them.

    The key file of another bot of the app will do. Raises BadKeys.
    """
    forbid_core_dumps()
    params, _ = read_object(file)
    return _app(read_fields(params).given, file)


def _app(given: Mapping[str, Any], file: Path) -> App:
    tokens = {name: _checked(given.get(name)) for name in _FIELDS}
    wrong = [Problem(file, name, text) for name, (_, text) in tokens.items() if text]
    key, secret = (token for token, _ in tokens.values())
    if wrong or key is None or secret is None:
        raise BadKeys(wrong)
    return App(key, secret, str(file))


def _checked(value: object) -> tuple[SecretStr | None, str]:
    """Return the token; or None, and what is wrong with it."""
    if value is None:
        return None, f"missing; copy it from the developer portal, {_PORTAL}"
    try:
        return _TOKEN.validate_python(value), ""
    except ValidationError as error:
        return None, error.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")


def _typed(text: str) -> tuple[SecretStr | None, str]:
    """Return the same for a text that stands in no JSON, and so needs no quotes."""
    token, wrong = _checked(text or None)
    return token, wrong.removeprefix("expected a text in quotes, ")


class Apps:
    """Finds the app's keys: those that were given, those kept in the folder of key files, or the person's answer.

    An answer is kept once X has taken it.
    """

    def __init__(self, folder: Path, given: App | None, questions: Questions) -> None:
        self._file = folder / APP_FILE
        self._app = given
        self._questions = questions
        self._is_new = False

    def find(self) -> App:
        """Return the app's keys. Raises KeyNotMade, and BadKeys for a file that cannot be used."""
        if self._app is None and self._file.exists():
            self._app = read_app(self._file)
        if self._app is None:
            self._questions.tell(f"An app on X makes the keys. Its consumer key and secret are at {_PORTAL}.")
            self._app, self._is_new = self._asked(), True
        return self._app

    def refuse_placeholders(self) -> None:
        """Raise KeyNotMade for keys that X has not given out, such as those of keys.example/."""
        if app := self._app:
            secrets = (app.consumer_token, app.consumer_token_secret)
            texts = {name: secret.get_secret_value() for name, secret in zip(_FIELDS, secrets, strict=True)}
            for name, text in doubts(texts, None, oauth_2=False):
                raise KeyNotMade(printable(f"{app.source}: {name}: {text}"))

    def keep(self) -> None:
        """Write the keys into the folder if they were asked for: X has taken them."""
        if self._app is None or not self._is_new:
            return
        secrets = (self._app.consumer_token, self._app.consumer_token_secret)
        fields = {name: secret.get_secret_value() for name, secret in zip(_FIELDS, secrets, strict=True)}
        try:
            write_private(self._file, fields)
        except OSError as error:
            self._questions.tell(f"The app's keys are not kept: {unreadable(error).replace('read', 'written', 1)}")
        else:
            self._questions.tell(printable(f"The app's keys are kept in {self._file}."))
        self._is_new = False

    def refused(self) -> str:
        """Forget the app's keys, which X has refused; return what to do about them."""
        source = self._app.source if self._app else ""
        if self._is_new:
            self._app, self._is_new = None, False
            return f"copy both again from {_PORTAL}"
        advice = f"correct them in {source}" if source else "correct them"
        return printable(f"{advice}, or remove {self._file} to be asked" if source == str(self._file) else advice)

    def _asked(self) -> App:
        key, secret = map(self._ask, _FIELDS.values())
        return App(key, secret)

    def _ask(self, what: str) -> SecretStr:
        for _ in range(3):
            token, wrong = _typed(self._questions.ask_secret(f"The app's {what}"))
            if token is not None:
                return token
            self._questions.tell(wrong)
        raise KeyNotMade(f"the app's {what} is missing; copy it from {_PORTAL}")


def app_of(variables: Mapping[str, str]) -> App:
    """Return an app of two variables, that of the consumer key first. Raises KeyNotMade."""
    tokens = {name: _typed(text) for name, text in variables.items()}
    if wrong := [f"{name}: {text}" for name, (_, text) in tokens.items() if text]:
        raise KeyNotMade("; ".join(wrong))
    with suppress(OSError):
        forbid_core_dumps()
    key, secret = (token for token, _ in tokens.values() if token is not None)
    return App(key, secret, " and ".join(variables))
