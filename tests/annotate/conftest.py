"""Thresholds of the tests come from fewer shuffles than those of a run: tests are about other things, and many."""

from collections.abc import Iterator

import pytest

from genoplrp.annotate import calibrate


@pytest.fixture(scope="session", autouse=True)
def few_shuffles() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibrate, "SHUFFLES", 200)
        yield
