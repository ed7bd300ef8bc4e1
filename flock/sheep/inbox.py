"""What the shepherd hands over to a sheep that is out: commands of the operator, and a key that has changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from flock.journal import Command
from flock.sheep.renewal import Renewal


class Inbox:
    """Filled by the shepherd's thread, and emptied by the sheep's.

    `commands` are those that were not obeyed yet. The shepherd hands them over once a second, so that none is lost
    when the sheep drops them. `delay` is for how many seconds a bot waits that is told to go on.
    """

    __slots__ = ("_told", "commands", "delay", "renewal")

    def __init__(self) -> None:
        self.commands: tuple[Command, ...] = ()
        self.delay = 0.0
        self.renewal: Renewal | None = None
        self._told: frozenset[Command] = frozenset()

    def hear(
        self, commands: Sequence[Command], delay: float, can_obey: Callable[[Command], bool]
    ) -> Iterator[Command]:
        """Take these commands in place of those of before. Yield each that still cannot be obeyed, once."""
        before, self.commands, self.delay = self.commands, tuple(commands), delay
        late = {command for command in commands if command in before and not can_obey(command)}
        yield from sorted(late - self._told)
        self._told = self._told.intersection(commands) | late

    def is_new(self, command: Command) -> bool:
        """Note that `command` cannot be obeyed; return whether that was not told before."""
        was_told = command in self._told
        self._told |= {command}
        return not was_told
