"""For your own tests: `Stage` and `Practice` for a sheep of your own, `network_contract` for a network."""

from flock.testing.contract import BrokenContract, network_contract
from flock.testing.stage import Practice, Stage

__all__ = ["BrokenContract", "Practice", "Stage", "network_contract"]
