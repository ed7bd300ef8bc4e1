"""scripts/flock.service agrees with the program that it runs. (.ci/systemd tests it with systemd.)"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from flock.cli import exits
from flock.cli.run import run
from flock.options import read_environment
from flock.shepherd import GRACE

ROOT = Path(__file__).parents[2]


def settings(name: str) -> Iterator[str]:
    """Return every value of the setting in the unit file."""
    for line in (ROOT / "scripts" / "flock.service").read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and key == name:
            yield value


def test_the_command_is_ours_by_its_full_path() -> None:
    """It names scripts/flock and not the flock of util-linux, and its arguments are those of `flock run`."""
    (command,) = settings("ExecStart")
    program, *arguments = shlex.split(command)

    assert "/opt/flock/scripts/flock" == program
    assert os.access(program.replace("/opt/flock", str(ROOT)), os.X_OK)
    assert ["run", "/etc/%N/keys"] == arguments
    assert "keys" in run.make_context("run", arguments[1:]).params


def test_what_a_restart_cannot_mend_is_not_restarted() -> None:
    """The exit codes that prevent a restart are the ones in docs/errors.md, and 69, which is scripts/flock's."""
    (codes,) = settings("RestartPreventExitStatus")

    assert {exits.USAGE, exits.NO_KEY, exits.ALL_PENNED, exits.TAKEN, 69} == {int(code) for code in codes.split()}


def test_tweets_under_way_get_their_grace() -> None:
    """systemd waits longer for the end than the flock gives its tweets."""
    (seconds,) = settings("TimeoutStopSec")

    assert int(seconds) > 2 * GRACE


def test_the_variables_are_options_of_flock_run() -> None:
    """A typo in Environment= would have no effect and cause no error."""
    variables = dict(pair.split("=") for line in settings("Environment") for pair in line.split())
    known = {option.envvar for option in run.params}

    assert [] == [name for name in variables if name.startswith("FLOCK_") and name not in known]
    options = read_environment(variables)
    assert (60, 1800) == (options.line_interval, options.poem_interval)
