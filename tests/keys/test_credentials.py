"""Credentials: one class a kind of network, chosen by the field `network`."""

import pytest

from flock.keys import read_key
from tests.keys.conftest import WriteKey


@pytest.mark.parametrize(
    ("user_id", "token", "expected"),
    [
        (..., "1001-token", "1001"),
        ("77", "1001-token", "77"),
        (77, "token", "77"),
        (..., "token", None),
        (..., "to-ken", None),
        (..., "1001", None),
    ],
)
def test_the_accounts_number_is_given_or_read_off_the_token(
    write_key: WriteKey, user_id: object, token: str, expected: str | None
) -> None:
    """The digits before the dash of an OAuth 1.0a access token are the user's id."""
    assert expected == read_key(write_key(user_id=user_id, oauth_token=token)).credentials.account_id
