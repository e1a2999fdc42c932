from fastrtc_webrtc.doctor.machine import check_addresses, check_udp


async def test_udp_works_here() -> None:
    finding = await check_udp()
    assert finding.level == "ok"
    assert finding.text == "UDP works on this machine: a packet to 127.0.0.1 arrives."


async def test_an_address_that_is_not_ours() -> None:
    finding = await check_udp("192.0.2.77")
    assert finding.level == "fault"
    assert finding.text.startswith("No UDP socket can be opened on 192.0.2.77: ")
    assert finding.advice == "WebRTC needs UDP: allow it to this program."


async def test_a_packet_that_does_not_arrive() -> None:
    finding = await check_udp(patience=0)
    assert finding.level == "fault"
    assert finding.text == (
        "A UDP packet from this machine to its own address 127.0.0.1 does not arrive."
    )


def test_public_private_and_no_addresses() -> None:
    public = check_addresses(["10.0.0.5", "2001:4860:4860::8888"])
    assert public.level == "ok"
    assert public.text.endswith("a public address: 10.0.0.5, 2001:4860:4860::8888.")
    private = check_addresses(["10.0.0.5", "fd00::2"])
    assert private.level == "note"
    assert private.text.endswith("private addresses only: 10.0.0.5, fd00::2.")
    assert "announced_addresses" in private.advice
    none = check_addresses([])
    assert none.level == "note"
    assert "no address but the loopback ones" in none.text


def test_the_addresses_of_this_machine_are_looked_at() -> None:
    assert check_addresses().level in ("ok", "note")
