"""What a flock would do and cost, and what is wrong with it, before its first post."""

from flock.checks.check import Report, check, foresee
from flock.checks.findings import Finding
from flock.checks.forecast import Forecast, forecast

__all__ = ["Finding", "Forecast", "Report", "check", "forecast", "foresee"]
