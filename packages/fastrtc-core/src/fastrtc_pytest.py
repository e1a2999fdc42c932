"""What pytest loads of fastrtc-core: the fixture ``conforms``, and its section of the summary.

It stands beside the package, and imports it only for tests that use the fixture: every run of
pytest where fastrtc-core is installed loads this module, whatever is tested.
"""

from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from fastrtc_core.testing.pytest_plugin import Conforms

PROPERTY: Final = "fastrtc_conformance"
"""Under this name a report is in the properties of its test, and so in JUnit's XML, too."""


@pytest.fixture
def conforms(request: pytest.FixtureRequest) -> "Conforms":
    """Return the conformance kits: ``conforms.stt(MyModel)`` fails the test with a report."""
    from fastrtc_core.testing.pytest_plugin import Conforms

    return Conforms(lambda report: request.node.user_properties.append((PROPERTY, str(report))))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Write what was found: a line for each candidate; with ``-v`` one for each rule."""
    reports = [
        value
        for tests in terminalreporter.stats.values()
        for test in tests
        if getattr(test, "when", None) == "call"
        for name, value in test.user_properties
        if name == PROPERTY
    ]
    if not reports:
        return
    terminalreporter.section("FastRTC conformance")
    for report in sorted(reports):
        whole = terminalreporter.config.get_verbosity() > 0
        terminalreporter.write_line(report if whole else report.partition("\n")[0])
