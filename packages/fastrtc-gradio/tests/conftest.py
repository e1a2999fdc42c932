"""What Gradio needs around it."""

import pytest


@pytest.fixture(autouse=True)
def _gradio(close_event_loops: None) -> None: ...
