"""The age of a post is told by the network's own clock, or not at all."""

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.networks.ages import age_of

NOW = 1_800_000_000.0
DATE = formatdate(NOW, usegmt=True)  # Fri, 15 Jan 2027 08:00:00 GMT


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ("2027-01-15T08:00:00.000Z", 0.0),
        ("2027-01-15T07:59:58.750Z", 1.25),
        ("2027-01-15T07:00:00Z", 3600.0),
        ("2027-01-15T07:00:00", 3600.0),
        ("2027-01-15T08:00:00+01:00", 3600.0),
        ("Fri Jan 15 07:00:00 +0000 2027", 3600.0),
        ("2027-01-15T08:00:02Z", -2.0),
        ("2020-01-15T08:00:00Z", 2557 * 86400.0),
    ],
)
def test_a_post_is_as_old_as_its_network_says(made: str, expected: float) -> None:
    """In the form of each API; the seconds are those between the two dates, whatever this machine's clock says."""
    assert expected == age_of(made, DATE)


@pytest.mark.parametrize("made", [None, 7, "", "soon", {}, "2027-13-45T00:00:00Z"])
def test_a_post_without_a_time_has_no_age(made: object) -> None:
    """Then its id alone tells."""
    assert age_of(made, DATE) is None


@pytest.mark.parametrize("date", [None, "", "today", "Fri, 99 Jan 2027 08:00:00 GMT"])
def test_an_answer_without_a_date_tells_no_age(date: str | None) -> None:
    """This machine's clock may be wrong by hours."""
    assert age_of("2027-01-15T08:00:00Z", date) is None


@given(made=st.text(max_size=40), date=st.text(max_size=40))
def test_no_text_does_harm(made: str, date: str) -> None:
    """A server may send anything."""
    assert isinstance(age_of(made, date), float | None)
