from fastrtc_webrtc.doctor.findings import fault, note, ok


def test_a_finding_reads_as_sentences() -> None:
    assert str(fault("It is down.", "Start it.")) == "It is down. Start it."
    assert str(ok("It works.")) == "It works."
    assert [finding.level for finding in (ok("a"), note("b"), fault("c", "d"))] == [
        "ok",
        "note",
        "fault",
    ]
