"""Speech to say to an example, and the example itself, as a program of its own."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_core.audio import Resampler, read_wav

EXAMPLES = Path(__file__).parents[2] / "examples"
RATE = 24000
START_TIMEOUT = 30

Audio = tuple[int, NDArray[np.int16]]


@pytest.fixture(scope="session")
def question(require: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Audio:
    """A spoken sentence between silences, at 24 kHz."""
    path = tmp_path_factory.mktemp("speech") / "question.wav"
    text = "Good morning, can you hear me?"
    subprocess.run([require("espeak-ng"), "-w", str(path), text], check=True)
    rate, spoken = read_wav(path)
    silence = np.zeros((1, rate // 2), np.int16)
    sound = np.concatenate((silence, spoken, silence), axis=1)
    return RATE, Resampler(rate, RATE).process(sound)


@pytest.fixture
def running() -> Callable[..., AbstractContextManager[str]]:
    """Serve ``examples/<name>.py`` on a free port for the length of a block; gives its URL.

    What follows the name are options of uvicorn.
    """

    @contextmanager
    def serve(name: str, *options: str) -> Iterator[str]:
        path = EXAMPLES / name
        command = [
            *(sys.executable, "-m", "uvicorn", f"{path.name}:app", "--app-dir", str(path.parent)),
            *("--host", "127.0.0.1", "--port", "0", "--no-use-colors", *options),
        ]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            try:
                assert process.stderr is not None
                lines = []
                for line in process.stderr:
                    lines.append(line)
                    if "running on " in line:
                        yield line.split("running on ")[1].split()[0]
                        break
                else:
                    pytest.fail(f"{name} did not start:\n{''.join(lines)}")
            finally:
                process.terminate()
                process.wait(START_TIMEOUT)

    return serve
