"""Rules, and what came of checking them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from fastrtc_core.errors import FastRTCError

T = TypeVar("T")

CHECK_TIMEOUT: Final = 60.0
"""Seconds one check may take."""


class RuleBrokenError(Exception):
    """What a check found wrong, in words."""


class ConformanceError(FastRTCError):
    """Not all rules are kept.

    Attributes:
        report: Which.

    """

    def __init__(self, report: "Report") -> None:
        super().__init__(report)
        self.report = report

    def __str__(self) -> str:
        return str(self.report)


@dataclass(frozen=True, slots=True)
class Rule(Generic[T]):
    """A rule and its check."""

    name: str
    text: str
    check: Callable[[T], Awaitable[None]]
    """Takes what is checked; raises if it breaks the rule."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one check."""

    name: str
    rule: str
    failure: str | None
    """How the rule was broken, None if it was kept."""

    @property
    def passed(self) -> bool:
        """Whether the rule was kept."""
        return self.failure is None

    def __str__(self) -> str:
        mark = "ok  " if self.passed else "FAIL"
        lines = [f"{mark} {self.name}: {self.rule}"]
        if self.failure is not None:
            lines.append(f"       {self.failure}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Report:
    """What came of all checks; as text, a line for each rule."""

    subject: str
    results: tuple[Result, ...]

    @property
    def failures(self) -> tuple[Result, ...]:
        """The rules that were broken."""
        return tuple(result for result in self.results if not result.passed)

    @property
    def passed(self) -> bool:
        """Whether all rules were kept."""
        return not self.failures

    def raise_for_failures(self) -> None:
        """Do nothing if all rules were kept.

        Raises:
            ConformanceError: Some were not.

        """
        if not self.passed:
            raise ConformanceError(self)

    def __str__(self) -> str:
        kept = len(self.results) - len(self.failures)
        title = f"{self.subject}: {kept} of {len(self.results)} rules kept"
        return "\n".join([title, *map(str, self.results)])


def require(condition: bool, otherwise: str) -> None:
    """Check part of a rule.

    Raises:
        RuleBrokenError: The condition does not hold.

    """
    if not condition:
        raise RuleBrokenError(otherwise)


async def check(subject: str, rules: Iterable[Rule[T]], candidate: T) -> Report:
    """Check all rules, each whatever came of the others."""
    results = [Result(rule.name, rule.text, await _failure(rule, candidate)) for rule in rules]
    return Report(subject, tuple(results))


async def _failure(rule: Rule[T], candidate: T) -> str | None:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT):
            await rule.check(candidate)
    except RuleBrokenError as broken:
        return str(broken)
    except TimeoutError:
        return f"not done in {CHECK_TIMEOUT:g} s"
    except Exception as error:  # noqa: BLE001 - whatever a candidate raises is its failure
        return f"{type(error).__name__}: {error}"
    return None
