"""A person at the terminal: questions, secrets without an echo, and an end that leaves the terminal as it was."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from types import FrameType
from typing import NoReturn

import click


class EndOfInput(click.Abort):
    """A standard input that is no terminal has no more lines."""


class Terminal:
    """Puts the Keymaker's questions on the terminal: on standard error, so that the output can be piped."""

    def ask(self, question: str) -> str:
        return _typed(question, hidden=False)

    def ask_secret(self, question: str) -> str:
        return _typed(f"{question} (not shown)", hidden=True)

    def confirm(self, question: str) -> bool:
        """Return whether the person says yes. The end of a standard input that is no terminal is a no."""
        while True:
            try:
                answer = _typed(f"{question} [y/n]", hidden=False).lower()
            except EndOfInput:
                return False
            if answer in ("y", "yes", "n", "no"):
                return answer.startswith("y")

    def visit(self, url: str) -> None:
        say("Open this address, as the account of the bot:", err=True)
        say(f"  {url}", err=True)
        if has_browser(os.environ, sys.platform):
            import webbrowser  # noqa: PLC0415 - --help can do without

            # In a thread, since some browsers end only when they are closed.
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

    def tell(self, line: str) -> None:
        say(line, err=True)


def say(line: str, *, err: bool = False, ends: bool = True) -> None:
    """Print a line without its control characters; unless it `ends`, what comes next stands behind it."""
    from flock.observers.wording import harmless  # noqa: PLC0415 - --help can do without

    click.echo(harmless(line), err=err, nl=ends)


def has_browser(environment: Mapping[str, str], platform: str) -> bool:
    """Return whether a browser that is opened here would be seen: not over SSH, nor without a display."""
    if any(environment.get(name) for name in ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY")):
        return False
    has_display = any(environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    return has_display or platform == "darwin"


def end_by_exceptions() -> None:
    """Let SIGINT and SIGTERM end the command by exceptions: files are tidied, and the terminal echoes again."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _exit)


def _exit(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


def _typed(question: str, *, hidden: bool) -> str:
    """Return what the person types, or the next line of a standard input that is no terminal.

    Raises EndOfInput at its end, and click.Abort where the person ends the command.
    """
    is_person = sys.stdin.isatty()
    try:
        if not is_person:
            say(question, err=True)
            line = sys.stdin.readline()
        else:
            with _without_echo() if hidden else nullcontext():
                say(f"{question}: ", err=True, ends=False)
                _wait_for_a_line()
                line = sys.stdin.readline()
    except KeyboardInterrupt:
        raise click.Abort from None
    if not line:
        raise click.Abort if is_person else EndOfInput
    return line.strip()


@contextmanager
def _without_echo() -> Iterator[None]:
    """Show nothing of what is typed but the end of its line, and drop what was typed before."""
    import termios  # noqa: PLC0415 - --help can do without

    before = termios.tcgetattr(sys.stdin)
    silent = [*before]
    silent[3] &= ~termios.ECHO
    try:
        termios.tcsetattr(sys.stdin, termios.TCSAFLUSH, silent)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
        say("", err=True)


def _wait_for_a_line() -> None:
    """Wait until the terminal has a line, or a signal has come. A read that begins just after the signal would not
    hear of it, and input() and getpass() lose one in some thousands."""
    ear, bell = os.pipe()
    os.set_blocking(bell, False)
    before = signal.set_wakeup_fd(bell, warn_on_full_buffer=False)
    try:
        select.select([sys.stdin, ear], [], [])
    finally:
        signal.set_wakeup_fd(before)
        os.close(ear)
        os.close(bell)
