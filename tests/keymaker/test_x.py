"""Keys for X: the PIN flow against the practice server."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from pydantic import SecretStr

from flock.errors import BadKeys, BadPoem, KeyNotMade
from flock.keymaker import App, Keymaker
from flock.keys import APP_FILE
from flock.networks.registry import Networks
from flock.options import settle_options
from flock.pasture import Pasture
from tests.keymaker.person import APP, Person, code_on, press

Make = Callable[..., Keymaker]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_pin_becomes_a_key_with_which_a_bot_posts(make: Make, poem: Path, pasture: Pasture) -> None:
    """The folder and the file are private, and the key practises, since the server is one of this machine."""
    person = Person()
    made = make(person).new("x", poem)

    assert ("dolly", "pasture", poem) == (made.key.screen_name, made.key.network, made.key.poem_file)
    assert "" == made.doubt
    assert (0o700, 0o600) == (mode(made.key.file.parent), mode(made.key.file))
    options = settle_options({"base_url": pasture.url}, environment={})
    networks = Networks(options)
    networks.connect(made.key).post("baa")
    networks.close()
    assert ["baa"] == [post.text for post in pasture.store.newest(5)]


def test_no_secret_is_shown(make: Make, poem: Path) -> None:
    """Neither in a question or a line, nor in the repr of what is returned."""
    person = Person([*APP])
    made = make(person, app=None).new("x", poem)
    own = made.key.params

    secrets = [own[name] for name in own if "token" in name]
    assert 4 == len(secrets)
    for secret in secrets:
        assert secret not in person.log
        assert secret not in repr(made)


def test_the_apps_keys_are_asked_for_once(make: Make, poem: Path, keys: Path) -> None:
    """They are kept in a private file that is no key file, once the network has taken them."""
    make(Person([*APP]), app=None).new("x", poem)
    second = Person(accounts=["ewe"])
    made = make(second, app=None).new("x", poem)

    assert 0o600 == mode(keys / APP_FILE)
    assert [] == [question for question in second.asked if "consumer" in question]
    assert {"dolly.json", "ewe.json"} == {each.file.name for each in make().list()}
    assert APP[0] == made.key.params["consumer_token"]


def test_the_apps_keys_that_are_refused_are_not_kept(make: Make, poem: Path, keys: Path) -> None:
    """The line says what to do, and quotes neither."""
    with pytest.raises(KeyNotMade, match=r"refuses the app's keys.*copy both again") as caught:
        make(Person(["wrong-key", "wrong-secret"]), app=None).new("x", poem)

    assert [] == [*keys.iterdir()]
    assert "wrong-" not in str(caught.value)


def test_kept_keys_of_an_app_that_are_refused_name_their_file(make: Make, poem: Path, keys: Path) -> None:
    """So that a person finds them."""
    keys.mkdir()
    (keys / APP_FILE).write_text('{"api_key": "wrong-key", "api_secret": "wrong-secret"}')

    with pytest.raises(KeyNotMade, match=rf"correct them in {keys / APP_FILE}, or remove"):
        make(Person(), app=None).new("x", poem)


def test_an_app_file_that_cannot_be_used_names_its_fields(make: Make, poem: Path, keys: Path) -> None:
    """As key files do."""
    keys.mkdir()
    (keys / APP_FILE).write_text('{"consumer_token": "two words"}')

    with pytest.raises(BadKeys, match=r"\.app\.json: consumer_token: .*; consumer_token_secret: missing"):
        make(Person(), app=None).new("x", poem)


def test_a_wrong_pin_is_asked_for_again(make: Make, poem: Path) -> None:
    """With the same address."""
    person = Person(["0000000", None])
    make(person).new("x", poem)

    assert 1 == len(person.visited)
    assert [line for line in person.told if "does not take this PIN" in line]


def test_nothing_in_place_of_a_pin_gives_a_new_address(make: Make, poem: Path) -> None:
    """The first page may have been closed."""
    person = Person(["", None], accounts=["dolly", "dolly"])
    make(person).new("x", poem)

    assert 2 == len(set(person.visited))


def test_pins_that_are_all_wrong_end_the_flow(make: Make, poem: Path, keys: Path) -> None:
    """Nothing is written."""
    with pytest.raises(KeyNotMade, match="took none of the PINs"):
        make(Person(["1"] * 9, accounts=["dolly"] * 3)).new("x", poem)
    assert [] == [*keys.iterdir()]


def test_no_new_address_is_announced_that_does_not_come(make: Make, poem: Path) -> None:
    """After the last PIN, too."""
    person = Person(["1"] * 9, accounts=["dolly"] * 3)
    with pytest.raises(KeyNotMade):
        make(person).new("x", poem)
    assert (3, 2) == (len(person.visited), person.told.count("Here is a new address."))


@pytest.mark.parametrize("key", ["not-a-real-consumer-token", "YOUR_API_KEY"])
def test_placeholders_of_an_app_do_not_get_as_far_as_x(key: str, keys: Path, poem: Path) -> None:
    """The line says which field, and in which file."""
    app = App(SecretStr(key), SecretStr("0123456789abcdefghij"), "app.json")
    with (
        Keymaker(keys, Person(), app=app) as keymaker,
        pytest.raises(KeyNotMade, match=r"app\.json: consumer_token: found a placeholder; copy the value"),
    ):
        keymaker.new("x", poem)


def test_another_account_than_the_one_that_was_meant_is_not_taken(make: Make, poem: Path, keys: Path) -> None:
    """A person may sign in anew, and go on."""
    person = Person(accounts=["wolf", "Dolly"], yes=[True])
    made = make(person).new("x", poem, screen_name="@dolly")

    assert [question for question in person.asked if "expected the account dolly, found wolf" in question]
    assert "Dolly" == made.key.screen_name
    assert ["Dolly.json"] == [each.name for each in keys.iterdir()]
    with pytest.raises(KeyNotMade, match="expected the account ewe, found wolf: sign out in the browser"):
        make(Person(accounts=["wolf"])).new("x", poem, screen_name="ewe")


def test_a_key_is_never_written_over_another(make: Make, poem: Path, keys: Path) -> None:
    """With the account's name the person is not even asked to sign in."""
    made = make(Person()).new("x", poem)
    before = made.key.file.read_bytes()

    person = Person()
    with pytest.raises(KeyNotMade, match=r"dolly\.json: has a key of dolly already; --force"):
        make(person).new("x", poem, screen_name="dolly")
    assert [] == person.visited
    with pytest.raises(KeyNotMade, match="has a key of dolly already"):
        make(Person()).new("x", poem)
    assert before == made.key.file.read_bytes()
    assert ["dolly.json"] == [each.name for each in keys.iterdir()]


def test_a_file_that_is_no_key_is_not_written_over_either(make: Make, poem: Path, keys: Path) -> None:
    """Whatever it is, it may be a person's only copy."""
    keys.mkdir()
    (keys / "dolly.json").write_text("half a key")

    with pytest.raises(KeyNotMade, match=r"dolly\.json: exists already"):
        make(Person()).new("x", poem)
    assert "half a key" == (keys / "dolly.json").read_text()


def test_force_replaces_the_tokens_and_keeps_the_rest(make: Make, poem: Path, pasture: Pasture) -> None:
    """Also in a file of another name; two accounts of one name never have two files."""
    first = make(Person()).new("x", poem).key
    fields = json.loads(first.file.read_text()) | {"line_interval": "10m", "oauth_token_secret": "an-old-one"}
    own = first.file.rename(first.file.with_name("my_bot.json"))
    own.write_text(json.dumps(fields))
    other = poem.with_name("other.txt")
    other.write_text("moo\n")

    made = make(Person()).new("x", other, force=True)

    assert (own, 600.0, other) == (made.key.file, made.key.line_interval, made.key.poem_file)
    assert first.params["oauth_token_secret"] == made.key.params["oauth_token_secret"]
    assert 0o600 == mode(own)
    assert ["my_bot.json"] == [each.name for each in own.parent.iterdir()]


def test_force_keeps_fields_under_other_names_and_those_of_an_own_sheep(make: Make, poem: Path) -> None:
    """A cap that is lost costs money. No token of before stays, whatever it was called and wherever it stood."""
    file = make(Person()).new("x", poem).key.file
    fields = json.loads(file.read_text())
    boxed = {"key": fields.pop("consumer_token"), "secret": fields.pop("consumer_token_secret")}
    fields |= {"twitter": {"consumer": boxed, "tweets_per_day": 48}, "username": fields.pop("screen_name")}
    fields |= {"API Version": "1.1", "access_token_secret": "an-old-one", "humour": {"dry": True}}
    del fields["oauth_token_secret"]
    file.write_text(json.dumps(fields))

    key = make(Person()).new("x", poem, force=True).key

    assert (48, "1.1") == (key.posts_per_day, getattr(key.credentials, "api", None))
    assert {"dry": True} == key.params["humour"]
    assert not {"twitter", "username", "access_token_secret"} & {*key.params}
    assert "an-old-one" not in file.read_text()


def test_a_poem_that_cannot_be_read_is_told_before_anything_else(make: Make, keys: Path) -> None:
    """Not even the folder is made."""
    for path, line in (
        ("no-such-poem.txt", "no such file: no-such-poem.txt; give the path of a text file"),
        (".", ".: is a folder; give the path of one text file, or --poems for a key for each poem in it"),
    ):
        with pytest.raises(BadPoem) as caught:
            make(Person()).new("x", path)
        assert line == str(caught.value)
    assert not keys.exists()


def test_a_relative_poem_is_found_from_the_folder_of_keys(
    make: Make, poem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flock may run in another working directory."""
    monkeypatch.chdir(poem.parent)
    made = make(Person(), keys="keys").new("x", "poem.txt")

    assert "../poem.txt" == made.key.params["poem_file"]


class Weather:
    """Drops each request whose path is in `down`, without an answer."""

    def __init__(self) -> None:
        self.down: set[str] = set()

    def around(self, app: WSGIApplication) -> WSGIApplication:
        def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            if environ["PATH_INFO"] in self.down:
                raise ConnectionError
            return app(environ, start_response)

        return answer


@pytest.mark.parametrize("path", ["/oauth/request_token", "/oauth/access_token"])
def test_a_network_that_is_away_is_asked_again_if_the_person_says_so(
    path: str, keys: Path, poem: Path, app: App
) -> None:
    """At either step; otherwise one line says it, and nothing is written."""
    weather = Weather()
    weather.down = {path}

    class Patient(Person):
        def confirm(self, question: str) -> bool:
            weather.down = set()
            return super().confirm(question)

    with Pasture((), wrap=weather.around) as pasture:
        pasture.admit_app(APP[0], SecretStr(APP[1]))
        with (
            Keymaker(keys, Person(), app=app, base_url=pasture.url) as keymaker,
            pytest.raises(KeyNotMade, match=r"the connection to 127\.0\.0\.1 broke"),
        ):
            keymaker.new("x", poem)
        assert [] == [*keys.iterdir()]
        person = Patient(accounts=["dolly", "dolly"], yes=[True])
        with Keymaker(keys, person, app=app, base_url=pasture.url) as keymaker:
            assert "dolly" == keymaker.new("x", poem).key.screen_name
    assert "Try again?" in person.log


def test_a_key_that_the_network_does_not_confirm_is_kept_in_doubt(keys: Path, poem: Path, app: App) -> None:
    """The tokens are there; a network that is out of order, or an app without credits, must not cost them."""
    weather = Weather()
    weather.down = {"/2/users/me"}
    with Pasture((), wrap=weather.around) as pasture:
        pasture.admit_app(APP[0], SecretStr(APP[1]))
        with Keymaker(keys, Person(), app=app, base_url=pasture.url) as keymaker:
            made = keymaker.new("x", poem)

    assert "the connection to 127.0.0.1 broke" in made.doubt
    assert made.key.file.exists()


def test_an_app_that_may_only_read_is_told(keys: Path, poem: Path, app: App) -> None:
    """X names the permission of a token in each answer: a token keeps it, so the key must be made again."""

    def reading(inner: WSGIApplication) -> WSGIApplication:
        def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            return inner(
                environ,
                lambda status, headers, *rest: start_response(
                    status, [*headers, ("x-access-level", "read")], *rest
                ),
            )

        return answer

    with Pasture((), wrap=reading) as pasture:
        pasture.admit_app(APP[0], SecretStr(APP[1]))
        with Keymaker(keys, Person(), app=app, base_url=pasture.url) as keymaker:
            made = keymaker.new("x", poem)
            (report,) = keymaker.verify(online=True)

    assert "set it to Read and write" in made.doubt
    assert not report.is_usable


def test_a_poem_each_gets_a_key_and_those_that_have_one_are_passed_over(
    make: Make, tmp_path: Path, keys: Path
) -> None:
    """An interrupted run goes on where it ended: what is made stays."""
    poems = tmp_path / "poems"
    poems.mkdir()
    for name in ("a", "b", "c"):
        (poems / f"{name}.txt").write_text(f"the line of {name}\n")

    class Interrupted(Person):
        def visit(self, url: str) -> None:
            if not self.accounts:
                raise KeyboardInterrupt
            super().visit(url)

    first = make(Interrupted(accounts=["dolly"])).new_for_each("x", poems)
    assert "dolly" == next(first).key.screen_name
    with pytest.raises(KeyboardInterrupt):
        next(first)
    assert ["dolly.json"] == [each.name for each in keys.iterdir()]
    person = Person(accounts=["ewe", "ram"])
    rest = [each.key for each in make(person).new_for_each("x", poems)]

    assert [("ewe", "b.txt"), ("ram", "c.txt")] == [(key.screen_name, key.poem_file.name) for key in rest]
    assert [f"{poems / 'a.txt'}: passed over, since {keys / 'dolly.json'} has it"] == person.told[:1]
    assert [] == [*make(Person()).new_for_each("x", poems)]


def test_a_poem_is_passed_over_on_its_own_network_alone(make: Make, tmp_path: Path) -> None:
    """A key on another network, or one of a rehearsal on the practice server, is no key for this one."""
    poems = tmp_path / "poems"
    poems.mkdir()
    (poems / "a.txt").write_text("the line of a\n")
    assert ["dolly"] == [each.key.screen_name for each in make(Person()).new_for_each("x", poems)]
    person = Person(accounts=["ram"])
    assert ["ram"] == [each.key.screen_name for each in make(person).new_for_each("mastodon", poems)]
    assert [] == [*make(Person()).new_for_each("mastodon", poems)]

    for_real = Keymaker(tmp_path / "keys", server="https://127.0.0.1:9")
    with for_real, pytest.raises(KeyNotMade, match="takes no connection"):
        next(for_real.new_for_each("mastodon", poems))


def test_one_account_for_two_poems_is_not_taken(make: Make, tmp_path: Path) -> None:
    """The browser may still be signed in as the first; the person is asked whether to try again."""
    poems = tmp_path / "poems"
    poems.mkdir()
    for name in ("a", "b"):
        (poems / f"{name}.txt").write_text(f"the line of {name}\n")
    person = Person(accounts=["dolly", "dolly", "ewe"], yes=[True])

    made = [each.key.screen_name for each in make(person).new_for_each("x", poems)]

    assert ["dolly", "ewe"] == made
    assert "has a key of dolly already" in person.log


def test_all_poems_that_cannot_be_read_are_told_at_once(make: Make, tmp_path: Path) -> None:
    """Before the first question."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text("\n")
    person = Person()

    with pytest.raises(BadPoem) as caught:
        next(make(person).new_for_each("x", tmp_path))
    assert 2 == len(str(caught.value).splitlines())
    assert "" == person.log


def test_an_access_that_was_denied_makes_no_key(make: Make, poem: Path, pasture: Pasture) -> None:
    """The person presses the other button; there is no PIN."""

    class Denying(Person):
        def visit(self, url: str) -> None:
            assert 200 == press(url, "dolly", "cancel").status_code
            self.visited.append(url)

    with pytest.raises(KeyNotMade, match="took none of the PINs"):
        make(Denying()).new("x", poem)
    with pytest.raises(ValueError, match="not enough values"):
        code_on(press(f"{pasture.url}/settings/app-passwords", "not a handle"))
