"""What the engines are made of, and what an import costs."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrtc_core.errors import MissingPackageError
from fastrtc_stt import GrammarError, Moonshine, MoonshineOnnx, PocketSphinx
from fastrtc_stt.cutting import cut
from fastrtc_stt.grammars import normalised, of_phrases, reduced, words_of


@given(st.integers(0, 5_000), st.integers(0, 2**32 - 1))
def test_cutting_loses_nothing(samples: int, seed: int) -> None:
    sound = np.random.default_rng(seed).normal(size=samples).astype(np.float32)
    pieces = cut(sound, 1000, 1.0, 0.5)
    assert np.array_equal(np.concatenate(pieces), sound)
    assert all(len(piece) <= 1000 for piece in pieces)
    assert all(len(piece) >= 500 for piece in pieces[:-1])


def test_a_cut_is_where_it_is_quiet() -> None:
    sound = np.ones(1500, np.float32)
    sound[700:800] = 0
    first, _ = cut(sound, 1000, 1.0, 0.5)
    assert 700 <= len(first) <= 800


def test_a_dictionary_is_cut_down_with_all_ways_to_say_a_word() -> None:
    lines = ["a AH\n", "a(2) EY\n", "\n", "ab AE B\n", "today T AH D EY\n"]
    assert reduced(lines, {"a", "today"}) == "a AH\na(2) EY\ntoday T AH D EY\n"
    with pytest.raises(GrammarError, match="'b'"):
        reduced(lines, {"a", "b"})


def test_words_of_a_grammar() -> None:
    grammar = """#JSGF V1.0 UTF-8 en;
    grammar home.lamp; import <other.*>;
    /* not these words */ // nor these
    public <order> = [please] /10.5/ turn {tag text} (on | off)+ <thing> ;
    <thing> = the kitchen's light ;"""
    assert words_of(grammar) == {"please", "turn", "on", "off", "the", "kitchen's", "light"}
    assert words_of(of_phrases(["public grammar", "yes"])) == {"public", "grammar", "yes"}


def test_phrases_are_spelled_like_the_dictionary() -> None:
    assert normalised(" What\u2019s  the time, please? ") == "what's the time please"
    with pytest.raises(GrammarError, match="no word"):
        normalised("...")


@pytest.mark.parametrize(
    ("module", "model"),
    [
        ("pocketsphinx", PocketSphinx(phrases=["yes"])),
        ("moonshine_onnx", MoonshineOnnx()),
    ],
)
def test_what_to_install_is_told(
    monkeypatch: pytest.MonkeyPatch, module: str, model: PocketSphinx | MoonshineOnnx
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingPackageError, match="pip install"):
        model.warmup()


def test_moonshine_tells_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("files")
    for name in ("encoder_model.onnx", "decoder_model_merged.onnx", "tokenizer.json"):
        (folder / name).touch()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingPackageError, match=r"fastrtc-stt\[moonshine\]"):
        Moonshine(path=folder).warmup()


def test_an_import_and_a_constructor_load_no_engine() -> None:
    code = (
        "import sys, fastrtc_stt as s; s.Moonshine(); s.PocketSphinx(); s.MoonshineVoice();"
        "heavy = {'huggingface_hub', 'moonshine_onnx', 'moonshine_voice', 'onnxruntime',"
        "'pocketsphinx', 'tokenizers'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_adapter_runs_what_is_installed(
    moonshine_folder: "pytest.FixtureRequest", texts: tuple[str, str]
) -> None:
    pytest.importorskip("moonshine_onnx")
    model = MoonshineOnnx("tiny", path=moonshine_folder("tiny"))  # type: ignore[operator]
    sound = np.random.default_rng(1).uniform(-0.3, 0.3, 16_000).astype(np.float32)
    # Its tokenizer is its own: the ids mean other words there, as many as there are.
    assert model.stt((16_000, sound))
    assert model.stt((16_000, np.zeros(0, np.float32))) == ""
