"""Measured: how many posts a day a bot makes in the long run, by the whole recitations of a rehearsal."""

from __future__ import annotations

from dataclasses import dataclass

from flock.rates import posts_a_day


@dataclass(slots=True)
class Measured:
    """Counts the posts of one bot's whole recitations, and the time that these take, each with the rest after it.

    A part of a recitation would mislead: within a poem a bot posts every half minute, and then rests for hours.
    `began` is when the first of them began (seconds), or None while a recitation is said that began earlier. `cap`
    is the most posts that the bot may make in a day, or None.
    """

    began: float | None
    cap: float | None = None
    _posts: int = 0  # since `began`
    _dollars: float = 0.0
    _whole: tuple[int, float, float] | None = None  # posts, US dollars, and seconds of whole recitations

    def hear(self, dollars: float) -> None:
        """Count a post that costs `dollars`."""
        if self.began is not None:
            self._posts += 1
            self._dollars += dollars

    def end_recitation(self, due: float) -> None:
        """Note that a recitation has ended; the next one is due at `due` (seconds)."""
        if self.began is None:
            self.began = due
        else:
            self._whole = self._posts, self._dollars, due - self.began

    @property
    def a_day(self) -> tuple[float, float] | None:
        """The posts and the US dollars of a day, or None without a whole recitation, or with one that takes no
        time."""
        if self._whole is None or not self._whole[2]:
            return None
        posts, dollars, seconds = self._whole
        rate = posts_a_day(posts, seconds, self.cap)
        return rate, dollars / posts * rate if posts else 0.0
