"""The fixture ``conforms``: conformance kits in tests of pytest, without an event loop in sight.

::

    def test_it_keeps_the_rules(conforms):
        conforms.stt(MyModel)
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence

from fastrtc_core.speech import Audio
from fastrtc_core.testing.clock import run
from fastrtc_core.testing.conformance import (
    ConformanceError,
    Report,
    Serve,
    check_import,
    check_pause_detection_model,
    check_stt_model,
    check_transport,
    check_tts_model,
)


class Conforms:
    """Checks candidates; each method returns the report, or fails the test with it.

    Args:
        note: Takes each report, for the summary of the run.

    """

    def __init__(self, note: Callable[[Report], None]) -> None:
        self._note = note

    def vad(self, make_model: Callable[[], object]) -> Report:
        """Check a model that hears speech, see `check_pause_detection_model`."""
        return self._checked(asyncio.run, check_pause_detection_model(make_model))

    def stt(self, make_model: Callable[[], object], *, speech: Audio | None = None) -> Report:
        """Check a speech-to-text model, see `check_stt_model`."""
        return self._checked(asyncio.run, check_stt_model(make_model, speech=speech))

    def tts(self, make_model: Callable[[], object]) -> Report:
        """Check a text-to-speech model, see `check_tts_model`."""
        return self._checked(asyncio.run, check_tts_model(make_model))

    def transport(
        self,
        serve: Serve,
        *,
        name: str = "transport",
        messages: bool = True,
        virtual_time: bool = False,
    ) -> Report:
        """Check a transport, see `check_transport`.

        Args:
            serve: The adapter.
            name: How the report calls it.
            messages: Whether clients are sent control messages.
            virtual_time: Whether to do it in virtual time, for one without sockets.

        """
        checking = check_transport(serve, name=name, messages=messages)
        return self._checked(run if virtual_time else asyncio.run, checking)

    def imports(
        self, module: str, *, seconds: float = 0.5, forbidden: Sequence[str] = ()
    ) -> Report:
        """Check what an import costs, see `check_import`."""
        checking = check_import(module, seconds=seconds, forbidden=forbidden)
        return self._checked(asyncio.run, checking)

    def _checked(
        self,
        runner: Callable[[Coroutine[object, object, Report]], Report],
        checking: Coroutine[object, object, Report],
    ) -> Report:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            report = runner(checking)
        else:
            checking.close()
            raise RuntimeError("the fixture `conforms` is for tests without async: use `def`")
        self._note(report)
        if not report.passed:
            __tracebackhide__ = True  # the report says all
            raise ConformanceError(report)
        return report
