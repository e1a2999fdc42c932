from pathlib import Path

from fastrtc_webrtc.testing.mutations import (
    FAULTS,
    load_candidates,
    load_offers,
    mutations,
)

DATA = Path(__file__).parents[1] / "data"
TEXT = "v=0\r\na=mid:0\r\na=candidate:1 1 udp 1 1.2.3.4 5 typ host\r\n"


def test_the_same_seed_makes_the_same_texts() -> None:
    one = list(mutations(TEXT, seed=1, count=100))
    assert one == list(mutations(TEXT, seed=1, count=100))
    assert one != list(mutations(TEXT, seed=2, count=100))


def test_texts_differ() -> None:
    texts = set(mutations(TEXT, seed=1, count=1000))
    assert len(texts) > 800


def test_anything_can_be_mutated() -> None:
    for text in ("", "\n", "x", "\ud800"):
        assert len(list(mutations(text, seed=1, count=50 * len(FAULTS)))) == 50 * len(FAULTS)


def test_corpus() -> None:
    offers = load_offers(DATA / "offers")
    assert len(offers) == 20
    assert all(text.startswith("v=0\r\n") and text.endswith("\r\n") for text in offers.values())
    verdicts = {verdict for verdict, _ in load_candidates(DATA / "candidates.txt")}
    assert verdicts == {"yes", "no", "bad"}
