"""How long a sheep waits after which trouble, and when it gives up."""

from __future__ import annotations

from dataclasses import dataclass

from tenacity import RetryCallState, wait_exponential_jitter

from flock.errors import Locked, NetworkError, Pen, RateLimited, Suspended, Wait

LONGEST_BACK_OFF = 900.0  # seconds, as all of these; each is scaled by the flock's `retry_base`
RATE_LIMIT_WAIT = 900.0  # the length of X's windows
LONG_WAIT = 3 * 3600.0  # for daily limits, empty purses and suspicions
STRIKES = 3  # refusals that it takes to believe one


@dataclass(slots=True)
class Patience:
    """One sheep's count of what went wrong since something last went well. `base` scales every wait."""

    base: float = 1.0
    failures: int = 0
    strikes: int = 0

    def all_is_well(self) -> None:
        """Forget the past."""
        self.failures = self.strikes = 0

    def is_over(self, error: NetworkError) -> bool:
        """Count `error`; return whether the sheep should be penned for it.

        A suspended or locked account is believed at once. Networks are known to refuse good tokens now and then,
        so tokens are tried `STRIKES` times.
        """
        if isinstance(error, Pen):
            self.strikes += STRIKES if isinstance(error, Suspended | Locked) else 1
        return self.strikes >= STRIKES

    def wait_for(self, error: Wait, wall: float) -> float:
        """Return for how many seconds to wait on purpose: until the network's reset, or long enough."""
        if error.until is not None:
            return max(0.0, error.until - wall) + self.base
        return self.base * (RATE_LIMIT_WAIT if isinstance(error, RateLimited) else LONG_WAIT)

    def back_off(self) -> float:
        """Count a failure, and return for how many seconds to back off.

        Exponential with jitter: about 1, 2, 4, ... up to a quarter of an hour.
        """
        self.failures += 1
        state = RetryCallState(None, None, (), {})  # type: ignore[arg-type]
        state.attempt_number = self.failures  # all that the strategy reads
        return self.base * float(wait_exponential_jitter(max=LONGEST_BACK_OFF)(state))
