"""The network that posts nothing."""

import pytest

from flock.errors import Duplicate
from flock.networks.dry_run import DryRun
from flock.networks.service import Service


def test_it_refuses_the_same_text_twice_in_a_row() -> None:
    """As X documents it: white space around it is no difference, a text between is one."""
    network = DryRun(Service("nowhere"))

    network.post("baa")
    with pytest.raises(Duplicate):
        network.post("baa ")
    network.post("boo")

    assert not network.post("baa")
    assert network.refuses_duplicates
