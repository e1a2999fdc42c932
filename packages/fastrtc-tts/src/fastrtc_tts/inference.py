"""An onnxruntime session whose inference ends when the reply is not wanted any more."""

from typing import Any

from fastrtc_core.speech import current_stop


class StoppedError(Exception):
    """The inference was broken off."""


class StoppableSession:
    """Stands for a session of onnxruntime, and has all that it has.

    Args:
        session: An ``InferenceSession``.

    """

    def __init__(self, session: Any) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run(self, outputs: Any, inputs: Any) -> Any:
        """Run the network.

        Raises:
            StoppedError: The reply was stopped meanwhile, or before.

        """
        stop = current_stop()
        if stop is None:
            return self._session.run(outputs, inputs)
        import onnxruntime as ort

        options = ort.RunOptions()

        def terminate() -> None:
            options.terminate = True

        forget = stop.tell(terminate)
        try:
            return self._session.run(outputs, inputs, options)
        except Exception as error:
            if stop.is_set():  # onnxruntime has no error of its own for this
                raise StoppedError from error
            raise
        finally:
            forget()
