"""Checks for authors of models and transports: when they pass, the work is done.

::

    report = asyncio.run(check_pause_detection_model(MyModel))
    print(report)
    report.raise_for_failures()
"""

from fastrtc_core.testing.conformance.imports import check_import
from fastrtc_core.testing.conformance.models import check_pause_detection_model
from fastrtc_core.testing.conformance.recognition import check_stt_model
from fastrtc_core.testing.conformance.report import ConformanceError, Report, Result
from fastrtc_core.testing.conformance.synthesis import check_tts_model
from fastrtc_core.testing.conformance.transports import (
    Connect,
    Serve,
    TransportClient,
    check_transport,
)

__all__ = [
    "ConformanceError",
    "Connect",
    "Report",
    "Result",
    "Serve",
    "TransportClient",
    "check_import",
    "check_pause_detection_model",
    "check_stt_model",
    "check_transport",
    "check_tts_model",
]
