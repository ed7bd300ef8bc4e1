"""What the tests of networks share."""

from pathlib import Path

import pytest

from benchmarks.ground import make_certificate


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Make a certificate for localhost; return it with its key, and the CA bundle that trusts it."""
    return make_certificate(tmp_path_factory.mktemp("certificate"))
