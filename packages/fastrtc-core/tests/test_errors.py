import pickle

import pytest

import fastrtc_core
from fastrtc_core import errors

EXAMPLES = [
    errors.WebRTCError("out of tokens"),
    errors.UnauthorizedError(),
    errors.UnauthorizedError("wrong key"),
    errors.ConcurrencyLimitError(3),
    errors.ConcurrencyLimitError(3, "websocket"),
    errors.IdInUseError("abc"),
    errors.WorkersExhaustedError(4),
    errors.SessionClosedError("abc", "time_limit"),
    errors.UnknownSessionError("abc"),
    errors.ArgumentsTimeoutError(5.0),
    errors.HandlerError("no handler"),
    errors.PluginError("no plugin"),
    errors.PluginNotFoundError("fastrtc.stt", "whisper", ["moonshine"]),
    errors.MissingPackageError("Stream.ui", "fastrtc-gradio"),
    errors.ProtocolError("bad_json", "no JSON"),
]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_each_says_what_is_wrong(error: Exception) -> None:
    text = str(error)
    assert text
    assert not text.startswith("(")
    assert isinstance(error, errors.FastRTCError) != isinstance(error, errors.MissingPackageError)


@pytest.mark.parametrize(
    "error",
    [e for e in EXAMPLES if not isinstance(e, errors.ProtocolError | errors.MissingPackageError)],
    ids=lambda error: type(error).__name__,
)
def test_each_survives_the_way_to_another_process(error: Exception) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)


@pytest.mark.parametrize(
    ("error", "facts"),
    [
        (errors.ConcurrencyLimitError(3, "websocket"), ["3", "websocket"]),
        (errors.IdInUseError("abc"), ["'abc'"]),
        (errors.WorkersExhaustedError(4), ["4", "max_workers"]),
        (errors.SessionClosedError("abc", "time_limit"), ["abc", "time_limit"]),
        (errors.UnknownSessionError("abc"), ["'abc'"]),
        (errors.ArgumentsTimeoutError(5.0), ["5 s", "set_input"]),
        (errors.PluginNotFoundError("g", "n", []), ["'n'", "none"]),
        (errors.MissingPackageError("Stream.ui", "x"), ["Stream.ui", "pip install x"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_facts_are_in_the_text(error: Exception, facts: list[str]) -> None:
    assert all(fact in str(error) for fact in facts)


def is_ours(kind: type) -> bool:
    return kind.__module__ == errors.__name__  # other packages derive errors of their own


def test_codes_for_peers() -> None:
    kinds = [kind for kind in errors.AdmissionError.__subclasses__() if is_ours(kind)]
    codes = {kind.__name__: kind.code for kind in kinds}
    assert codes == {
        "UnauthorizedError": "unauthorized",
        "ConcurrencyLimitError": "concurrency_limit_reached",
        "IdInUseError": "id_in_use",
        "WorkersExhaustedError": "workers_exhausted",
    }


@pytest.mark.parametrize(
    ("error", "base"),
    [
        (errors.UnknownSessionError, KeyError),
        (errors.ArgumentsTimeoutError, TimeoutError),
        (errors.HandlerError, TypeError),
        (errors.PluginNotFoundError, LookupError),
        (errors.MissingPackageError, ImportError),
    ],
)
def test_they_are_caught_by_the_names_of_python(error: type, base: type) -> None:
    assert issubclass(error, base)


def test_all_are_exported() -> None:
    defined = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, Exception)
    }
    assert defined <= set(fastrtc_core.__all__)
