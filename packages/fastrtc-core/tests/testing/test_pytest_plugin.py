"""The fixture as a plugin's author uses it: in a run of pytest of its own."""

import subprocess
import sys
from pathlib import Path

TESTS = """
from fastrtc_core.speech import Recognizer, Transcript

class Good(Recognizer):
    def transcribe(self, samples):
        return Transcript("yes")

class Bad(Good):
    def stt(self, audio):
        return "yes"

def test_good(conforms):
    assert conforms.stt(Good).passed

def test_bad(conforms):
    conforms.stt(Bad)

def test_import(conforms):
    conforms.imports("json", seconds=5.0)
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "pytest", "-W", "error"]
    command += ["-p", "no:asyncio", *arguments]  # it warns where it is not configured
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_reports_are_in_the_failure_and_in_the_summary(tmp_path: Path) -> None:
    (tmp_path / "test_models.py").write_text(TESTS)
    out = run(tmp_path, "-p", "no:cacheprovider").stdout
    assert "1 failed, 2 passed" in out, out
    failure, _, rest = out.partition("FastRTC conformance")
    # Where CI is set, pytest repeats the whole failure below the reports.
    summary, _, _ = rest.partition("short test summary info")
    assert "FAIL stt silence: nothing and zeros give ''" in failure
    assert "Good: 23 of 23 rules kept" in summary
    assert "Bad: " in summary
    assert "ok   stt rates" not in summary
    verbose = run(tmp_path, "-v", "-k", "good").stdout
    assert "ok   stt rates" in verbose.partition("FastRTC conformance")[2]


def test_a_test_that_is_async_is_told_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "test_models.py").write_text(
        "import asyncio\n"
        "def test_it(conforms):\n"
        "    async def main():\n"
        "        conforms.imports('json')\n"
        "    asyncio.run(main())\n"
    )
    assert "is for tests without async" in run(tmp_path).stdout


def test_it_costs_nothing_where_it_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import sys\n"
        "def test_it():\n"
        "    assert 'fastrtc_pytest' in sys.modules\n"
        "    assert 'fastrtc_core' not in sys.modules\n"
        "    assert 'numpy' not in sys.modules\n"
    )
    out = run(tmp_path, "-p", "no:hypothesispytest").stdout
    assert "1 passed" in out, out
    assert "conformance" not in out
