"""Silero VAD through torch: the network the silero-vad package ships. Needs the extra ``torch``."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fastrtc_core.errors import MissingPackageError
from fastrtc_vad.silero import Answer, SileroNet, SileroVADModel

EXTRA: Final = "fastrtc-vad[torch]"


class SileroTorchModel(SileroVADModel):
    """`SileroVADModel` computed by torch, for programs that have it loaded anyway.

    Like the silero-vad package it limits torch to one thread, in the whole process: with more, they
    wait for each other longer than they compute.

    Raises:
        MissingPackageError: An ImportError; torch or silero-vad is not installed.
    """

    @staticmethod
    def _load_net() -> SileroNet:
        package = find_spec("silero_vad")  # not imported: that takes a second
        try:
            torch = import_module("torch")
        except ImportError as error:
            raise MissingPackageError("SileroTorchModel", EXTRA) from error
        if package is None or package.origin is None:
            raise MissingPackageError("SileroTorchModel", EXTRA)
        path = Path(package.origin).parent / "data" / "silero_vad.jit"
        torch.set_num_threads(1)
        # The module around the network keeps the state of one batch; the network itself keeps none.
        network = torch.jit.load(str(path), map_location="cpu").eval()._model

        def net(sound: NDArray[np.float32], memory: NDArray[np.float32]) -> Answer:
            with torch.inference_mode():
                found, after = network(torch.from_numpy(sound), torch.from_numpy(memory))
            return found.numpy()[:, 0], after.numpy()

        return net
