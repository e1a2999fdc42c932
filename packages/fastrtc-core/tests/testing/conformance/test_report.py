import asyncio

import pytest

from fastrtc_core.testing import ConformanceError, in_virtual_time
from fastrtc_core.testing.conformance.report import Rule, check, require


async def keeps(subject: int) -> None:
    require(subject > 0, "it is not positive")


async def raises(subject: int) -> None:
    raise KeyError("gone")


async def hangs(subject: int) -> None:
    await asyncio.Event().wait()


RULES = [
    Rule("sign", "it is positive", keeps),
    Rule("life", "it does not raise", raises),
    Rule("time", "it comes to an end", hangs),
]


@in_virtual_time
async def test_every_rule_is_checked_whatever_came_of_the_others() -> None:
    report = await check("minus one", RULES, -1)
    assert [result.failure for result in report.results] == [
        "it is not positive",
        "KeyError: 'gone'",
        "not done in 60 s",
    ]
    assert not report.passed
    with pytest.raises(ConformanceError) as failed:
        report.raise_for_failures()
    assert failed.value.report is report
    assert str(failed.value) == str(report)


@in_virtual_time
async def test_the_report_reads_as_text() -> None:
    report = await check("one", RULES[:2], 1)
    assert str(report) == (
        "one: 1 of 2 rules kept\n"
        "ok   sign: it is positive\n"
        "FAIL life: it does not raise\n"
        "       KeyError: 'gone'"
    )


@in_virtual_time
async def test_nothing_is_raised_when_all_is_well() -> None:
    report = await check("one", RULES[:1], 1)
    assert report.passed
    report.raise_for_failures()
