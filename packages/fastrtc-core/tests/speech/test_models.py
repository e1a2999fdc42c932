import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import EntryPoint, EntryPoints
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_core import MissingPackageError, PluginError, PluginNotFoundError, plugins
from fastrtc_core.speech import (
    Recognizer,
    SpeechChunk,
    Synthesizer,
    Transcript,
    get_stt_model,
    get_tts_model,
    models,
)

Install = Callable[..., None]


class Hears(Recognizer):
    def __init__(self, path: object = None) -> None:
        self.path = path

    def transcribe(self, samples: NDArray[np.float32]) -> Transcript:
        return Transcript("heard")


class Says(Synthesizer[None]):
    @property
    def sample_rate(self) -> int:
        return 16000

    def synthesize(self, text: str, options: None) -> Iterator[SpeechChunk]:
        yield SpeechChunk(16000, np.ones(1, np.float32))


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Pretend that a package offers these, by name, in a group; nothing is made yet."""
    offered = ModuleType("offered_models")
    monkeypatch.setitem(sys.modules, "offered_models", offered)
    monkeypatch.setattr(models, "_models", models.Models())
    entries: dict[str, list[EntryPoint]] = {}
    monkeypatch.setattr(plugins, "entry_points", lambda group: EntryPoints(entries.get(group, [])))

    def pretend(group: str, **makers: object) -> None:
        for name, maker in makers.items():
            setattr(offered, name, maker)
            entries.setdefault(group, []).append(EntryPoint(name, f"offered_models:{name}", group))

    return pretend


def test_a_model_is_made_once_for_a_name_and_settings(install: Install) -> None:
    install(models.STT, mine=Hears, other=Hears)
    model = get_stt_model("mine", path="a")
    assert isinstance(model, Hears)
    assert get_stt_model("mine", path="a") is model
    assert get_stt_model("mine", path="b") is not model
    assert get_stt_model("mine") is not model
    assert get_stt_model("other", path="a") is not model
    assert model.path == "a"


def test_an_object_as_a_setting_is_not_mistaken_for_another(install: Install) -> None:
    install(models.STT, mine=Hears)
    made = {id(get_stt_model("mine", path=object())) for _ in range(50)}
    assert len(made) == 50


def test_threads_that_ask_at_once_get_one(install: Install) -> None:
    threads = 8
    ready = threading.Barrier(threads)
    made = []

    def make() -> Says:
        made.append(Says())
        return made[-1]

    install(models.TTS, mine=make)

    def ask(_: int) -> object:
        ready.wait(10)
        return get_tts_model("mine")

    with ThreadPoolExecutor(threads) as pool:
        got = set(map(id, pool.map(ask, range(threads))))
    assert got == {id(made[0])}
    assert len(made) == 1


def test_a_model_may_be_made_of_another(install: Install) -> None:
    install(models.STT, inner=Hears, outer=lambda: Hears(get_stt_model("inner")))
    outer = get_stt_model("outer")
    assert isinstance(outer, Hears)
    assert outer.path is get_stt_model("inner")


def test_a_model_that_failed_is_tried_again(install: Install) -> None:
    outcomes: list[Exception | None] = [OSError("no memory"), None]

    def make() -> Hears:
        if (error := outcomes.pop(0)) is not None:
            raise error
        return Hears()

    install(models.STT, mine=make)
    with pytest.raises(OSError, match="no memory"):
        get_stt_model("mine")
    assert isinstance(get_stt_model("mine"), Hears)


def test_an_unknown_name_lists_what_is_there(install: Install) -> None:
    install(models.STT, beta=Hears, alpha=Hears)
    install(models.TTS, voice=Says)
    with pytest.raises(PluginNotFoundError, match=r"'gamma' in fastrtc\.stt; installed: alpha, b"):
        get_stt_model("gamma")
    with pytest.raises(PluginNotFoundError, match=r"'alpha' in fastrtc\.tts; installed: voice"):
        get_tts_model("alpha")


@pytest.mark.parametrize(("name", "package"), models.OURS[models.STT].items())
def test_recognizers_of_the_project_name_their_package(
    install: Install, name: str, package: str
) -> None:
    with pytest.raises(MissingPackageError) as caught:
        get_stt_model(name)
    assert f'pip install "{package}"' in str(caught.value)
    assert caught.value.package == package


@pytest.mark.parametrize(("name", "package"), models.OURS[models.TTS].items())
def test_synthesizers_of_the_project_name_their_package(
    install: Install, name: str, package: str
) -> None:
    with pytest.raises(MissingPackageError) as caught:
        get_tts_model(name)
    assert f'pip install "{package}"' in str(caught.value)


def test_the_defaults_are_the_documented_ones(install: Install) -> None:
    with pytest.raises(MissingPackageError, match="moonshine/base"):
        get_stt_model()
    with pytest.raises(MissingPackageError, match="kokoro"):
        get_tts_model()


def test_what_is_no_model_is_refused(install: Install) -> None:
    install(models.STT, constant=3, thing=object)
    install(models.TTS, thing=object)
    with pytest.raises(PluginError, match=r"'constant' in fastrtc\.stt is no function.*3"):
        get_stt_model("constant")
    with pytest.raises(PluginError, match=r"'thing' is no speech-to-text model, it has no stt\(\)"):
        get_stt_model("thing")
    with pytest.raises(PluginError, match=r"'thing' is no text-to-speech model, it has no tts\(\)"):
        get_tts_model("thing")
