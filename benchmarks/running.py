"""One measurement of a run: whatever goes wrong stands in its rows."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from benchmarks.findings import Findings


def measured(
    run: Callable[[], Awaitable[Findings]], seconds: float, rows: Iterable[str]
) -> Findings:
    """What the measurement finds; its failure in each of the rows if it fails or takes longer."""

    async def within_time() -> Findings:
        async with asyncio.timeout(seconds):
            return await run()

    try:
        return asyncio.run(within_time())
    except TimeoutError:
        failure = f"not done in {seconds:g} s"
    except Exception as error:  # noqa: BLE001  the run goes on; the table tells
        failure = _told(error)
    return Findings(dict.fromkeys(rows, failure))


def _told(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:80]
