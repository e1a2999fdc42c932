"""What the tests of all packages share."""

import os
import shutil
from collections.abc import Callable

import pytest


@pytest.fixture(scope="session")
def require() -> Callable[[str], str]:
    """Give the path of a program, or end the test if this machine has none.

    A test that lacks its program is skipped, but fails where everything has to be tested: where
    ``FASTRTC_REQUIRE_ALL`` is set.
    """

    def path_of(program: str) -> str:
        path = shutil.which(program)
        if path is not None:
            return path
        if os.environ.get("FASTRTC_REQUIRE_ALL"):
            pytest.fail(f"{program} is not on PATH and FASTRTC_REQUIRE_ALL is set")
        pytest.skip(f"{program} is not on PATH")

    return path_of
