"""flock keys: makes key files, lists them, and checks them."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flock.cli import options
from flock.cli.exits import NO_KEY, NamedExits, leave
from flock.cli.run import keep_secrets_in
from flock.cli.tables import print_json, print_table
from flock.cli.terminal import Terminal, end_by_exceptions, say

if TYPE_CHECKING:
    from flock.keymaker import App, Made, Report

NETWORKS = ("x", "bluesky", "mastodon")
APP_VARIABLES = ("FLOCK_CONSUMER_TOKEN", "FLOCK_CONSUMER_TOKEN_SECRET")

_COLUMNS = ("file", "bot", "network", "server", "poem", "remarks")

_PATH = click.Path(path_type=Path, readable=False)  # one that cannot be read is told in one line
_keys_folder = click.argument("keys", type=_PATH)


@click.group()
def keys() -> None:
    """Make key files, list them, and check them: `flock keys new`, `list`, `verify`."""


@keys.command()
@_keys_folder
@click.option("--network", type=click.Choice(NETWORKS), help="Network of the account.")
@click.option("--screen-name", metavar="NAME", help="Name of the account; no key is made for another one.")
@click.option("--server", metavar="URL", help="Server of the account, on Bluesky or Mastodon.")
@click.option("--poem", type=_PATH, metavar="FILE", help="The poem of the bot.")
@click.option(
    "--poems",
    type=_PATH,
    metavar="DIR",
    help="Make one key for each poem (*.txt) in DIR that has none yet.",
)
@click.option(
    "--app",
    type=_PATH,
    metavar="FILE",
    envvar="FLOCK_APP",
    show_envvar=True,
    help="JSON file with the consumer key and secret of your app on X.  [default: KEYS/.app.json]",
)
@click.option("--force", is_flag=True, help="Write over the key file that the account has.")
@options.base_url
@options.pasture
def new(
    keys: Path,
    *,
    network: str | None,
    screen_name: str | None,
    server: str | None,
    poem: Path | None,
    poems: Path | None,
    app: Path | None,
    force: bool,
    base_url: str | None,
    pasture: bool | None,
) -> None:
    """Make a key file in the folder KEYS, for an account that you authorize.

    On X you open an address, let your app in and type the PIN that X shows; on Mastodon a code; on Bluesky you
    type an app password. What is missing on the command line is asked for, secrets without an echo.

    The consumer key of your app on X comes from --app, from FLOCK_CONSUMER_TOKEN and FLOCK_CONSUMER_TOKEN_SECRET,
    from KEYS/.app.json, or it is asked for once and kept there. Ctrl-C ends the command; the keys that are made
    stay, and with --poems the same command goes on. With --pasture, the practice server stands for each network,
    and for the app on X.
    """
    _check_together(click.get_current_context().params)
    end_by_exceptions()
    with NamedExits(), ExitStack() as stack:
        from flock.keymaker import Keymaker, read_app  # noqa: PLC0415 - the network stack

        keep_secrets_in()
        given = read_app(app) if app else _app_of(os.environ)
        terminal = Terminal()
        with _telling_what_stays(lambda: 0):
            network = network or _ask_network(terminal)
            poem = poem or (None if poems else Path(terminal.ask("The poem, a text file")))
        url = base_url
        if pasture:
            url, given = stack.enter_context(_practice_server())
        keymaker = stack.enter_context(Keymaker(keys, terminal, app=given, server=server, base_url=url))
        made = (
            (keymaker.new(network, file, screen_name=screen_name, force=force) for file in (poem,))
            if poem
            else keymaker.new_for_each(network, poems or "")
        )
        place = " --pasture" if pasture else f" --base-url {base_url}" if base_url else ""
        doubts = _tell_of(made, keys, place)
    if doubts:
        leave(NO_KEY, at_once=False)


@keys.command("list")
@_keys_folder
@options.as_json
def list_(keys: Path, *, as_json: bool) -> None:
    """List the key files of the folder KEYS: bot, network, server, poem, problems. No secret, no network."""
    with NamedExits():
        from flock.keymaker import Keymaker  # noqa: PLC0415

        keep_secrets_in()
        with Keymaker(keys) as keymaker:
            reports = keymaker.list()
            _warn(keymaker.about_other_files())
        if as_json:
            print_json([_as_json(each) for each in reports])
            return
        rows = [_row(each) for each in reports]
        shown = [
            number for number, name in enumerate(_COLUMNS) if name != "remarks" or any(row[number] for row in rows)
        ]
        print_table([_COLUMNS[number] for number in shown], [[row[number] for number in shown] for row in rows])
        for each in reports:
            if each.key is None:
                say(_verdict(each))


@keys.command()
@_keys_folder
@click.option("--online", is_flag=True, help="Ask each network who the account is. X bills that as one read.")
@options.as_json
@options.base_url
@options.practice
def verify(keys: Path, *, online: bool, as_json: bool, base_url: str | None, pasture: bool | None) -> None:
    """Check each key file of the folder KEYS and the poem that it names; exit with 3 if one cannot be used.

    With --online, the exit code is 3 also if a network refuses a key or cannot be asked. With --pasture all bots
    practise, and no network is asked.
    """
    if pasture and base_url:
        raise click.UsageError("--pasture and --base-url exclude each other; give one")
    with NamedExits():
        from flock.keymaker import Keymaker  # noqa: PLC0415

        keep_secrets_in()
        with Keymaker(keys, base_url=base_url) as keymaker:
            reports = keymaker.verify(online=online, pasture=bool(pasture))
            _warn(keymaker.about_other_files())
        if as_json:
            print_json([_as_json(each) for each in reports])
        else:
            for each in reports:
                say(_verdict(each))
    if not all(each.is_usable and not each.is_unknown for each in reports):
        leave(NO_KEY, at_once=False)


def _ask_network(terminal: Terminal) -> str:
    while (network := terminal.ask(f"The network ({', '.join(NETWORKS)})").lower()) not in NETWORKS:
        pass
    return network


def _app_of(environment: Mapping[str, str]) -> App | None:
    from flock.keymaker.apps import app_of  # noqa: PLC0415

    variables = {name: environment.get(name, "") for name in APP_VARIABLES}
    return app_of(variables) if any(variables.values()) else None


def _check_together(given: Mapping[str, Any]) -> None:
    """Raise UsageError for options that exclude each other."""
    wrong = (
        (("poem", "poems"), "--poem and --poems exclude each other; give one"),
        (("poems", "screen_name"), "--poems makes keys of many accounts; leave out --screen-name"),
        (("poems", "force"), "--poems makes keys of poems that have none; leave out --force"),
        (("pasture", "base_url"), "--pasture and --base-url exclude each other; give one"),
        (("pasture", "server"), "--pasture and --server exclude each other; give one"),
        (("server", "base_url"), "--server and --base-url exclude each other; give one"),
    )
    for names, text in wrong:
        if all(given[name] for name in names):
            raise click.UsageError(text)
    if given["server"] and given["network"] == "x":
        raise click.UsageError(
            "--server is for Bluesky and Mastodon; for another server of X's kind, give --base-url"
        )


@contextmanager
def _practice_server() -> Iterator[tuple[str, App]]:
    """Run a practice server; yield its address, and an app of X's kind that it knows."""
    from pydantic import SecretStr  # noqa: PLC0415

    from flock.keymaker import App  # noqa: PLC0415
    from flock.pasture import Pasture  # noqa: PLC0415

    app = App(SecretStr("practice-app"), SecretStr("practice-secret-of-the-app"), "the practice server")
    with Pasture(()) as server:
        server.admit_app(app.consumer_token.get_secret_value(), app.consumer_token_secret)
        yield server.url, app


def _tell_of(made: Iterator[Made], folder: Path, place: str) -> int:
    """Tell of each key that is made, and at the end what to do next. Return how many are in doubt.

    `place` are the options by which `flock run` posts where the keys were made.
    """
    count = doubts = 0
    with _telling_what_stays(lambda: count):
        for each in made:
            count += 1
            doubts += bool(each.doubt)
            key = each.key
            say(f"{key.file}: made; {key.screen_name} recites {_near(key.poem_file)}")
            for line in each.remarks:
                say(f"  {line}")
            if each.doubt:
                say(f"  not confirmed: {each.doubt}", err=True)
    if count:
        program = click.get_current_context().find_root().info_name
        say(f"See what it would post, without posting: {program} run {_quoted(folder)} --dry-run")
        say(f"Let it out: {program} run {_quoted(folder)}{place}")
    else:
        say("every poem has a key already")
    return doubts


@contextmanager
def _telling_what_stays(count: Callable[[], int]) -> Iterator[None]:
    """Tell how many keys were made before an exception ends the command."""
    try:
        yield
    except BaseException as error:
        is_cancelled = isinstance(error, click.Abort | KeyboardInterrupt | SystemExit)
        if is_cancelled:
            say("", err=True)  # the cursor stands behind a question
        if made := count():
            say(f"{'1 key is' if made == 1 else f'{made} keys are'} made; the same command goes on", err=True)
        elif is_cancelled:
            say("no key is made", err=True)
        raise


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def _near(path: Path) -> str:
    """Return the path from the working directory, where that is shorter."""
    try:
        return min(str(path), os.path.relpath(path), key=len)
    except OSError:  # the working directory was removed
        return str(path)


def _warn(lines: Iterable[str]) -> None:
    for line in lines:
        say(f"flock: warning: {line}", err=True)


def _verdict(report: Report) -> str:
    if report.key is None:
        return f"{report.file}: cannot be used: {'; '.join(report.problems)}"
    key = report.key
    where = f"the pasture ({report.title})" if key.practises and report.server else report.title
    says = report.says or f"can be used: {key.screen_name} on {where}, {_near(key.poem_file)}"
    others = f"; others can read its secrets: chmod 600 {_quoted(report.file)}" if report.is_open else ""
    return f"{report.file}: {says}{others}"


def _row(report: Report) -> Sequence[str]:
    key = report.key
    if key is None:
        return (report.file.name, "", "", "", "", "cannot be used")
    is_practice = key.practises and report.server is None
    network = "practice" if is_practice else report.title
    return (
        report.file.name,
        key.screen_name,
        network,
        report.server or "",
        _near(key.poem_file),
        "others can read it" if report.is_open else "",
    )


def _as_json(report: Report) -> dict[str, Any]:
    key = report.key
    return {
        "file": str(report.file),
        "bot": key.screen_name if key else None,
        "network": key.network if key else None,
        "server": report.server,
        "poem": str(key.poem_file) if key else None,
        "practises": key.practises if key else None,
        "mode": f"{report.mode:04o}" if report.mode is not None else None,
        "open": report.is_open,
        "usable": report.is_usable,
        "problems": list(report.problems),
        "says": report.says or None,
        "asked": bool(report.says) and not report.is_unknown,
    }
