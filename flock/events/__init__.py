"""Events: plain data about what happened, and `Events`, which passes each one to the observers.

Sheep and shepherd send events; observers (the console, systemd, tests) receive each of them. The sentences for
people are made of this data in observers/wording.py.
"""

from flock.events.alert import Trouble, TroubleKind
from flock.events.base import Event
from flock.events.failures import (
    BackingOff,
    Died,
    Failed,
    GoneQuiet,
    NobodyQuiet,
    Paced,
    Penned,
    Released,
    Stumbled,
    Waiting,
)
from flock.events.herd import (
    Called,
    Dropped,
    NewJournal,
    Out,
    Reloaded,
    Rounds,
    Silenced,
    SpeaksAgain,
    Stopped,
    Stopping,
)
from flock.events.posts import Birthday, Said, Skipped, Unsure
from flock.events.steering import Declined, Obeyed, PickedUp, PoemChanged, Renewed, TemperamentChanged, Told
from flock.events.telling import Events, Listener

__all__ = [
    "BackingOff",
    "Birthday",
    "Called",
    "Declined",
    "Died",
    "Dropped",
    "Event",
    "Events",
    "Failed",
    "GoneQuiet",
    "Listener",
    "NewJournal",
    "NobodyQuiet",
    "Obeyed",
    "Out",
    "Paced",
    "Penned",
    "PickedUp",
    "PoemChanged",
    "Released",
    "Reloaded",
    "Renewed",
    "Rounds",
    "Said",
    "Silenced",
    "Skipped",
    "SpeaksAgain",
    "Stopped",
    "Stopping",
    "Stumbled",
    "TemperamentChanged",
    "Told",
    "Trouble",
    "TroubleKind",
    "Unsure",
    "Waiting",
]
