"""Makes key files: lets a person authorize an account, and writes what its network gives for it.

`docs/keys.md` describes the flow of each network.
"""

from flock.keymaker.apps import App, read_app
from flock.keymaker.keymaker import Keymaker, Made
from flock.keymaker.questions import NoQuestions, Questions
from flock.keymaker.survey import Report

__all__ = ["App", "Keymaker", "Made", "NoQuestions", "Questions", "Report", "read_app"]
