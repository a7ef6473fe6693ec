"""An installation for all that is killed."""

from collections.abc import Iterator

import pytest

from tests.crashes.installation import Installation, installed


@pytest.fixture(scope="package")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """In a folder of its own."""
    with installed(tmp_path_factory.mktemp("installed")) as made:
        yield made
