from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrtc_webrtc.addresses import client_address, kind_of, normalised, parse_address

PROXIES = ["10.0.0.0/8", "::1", "2001:db8::/32"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1.2.3.4", "public"),
        ("2a00:1450::1", "public"),
        ("9.255.255.255", "public"),
        ("11.0.0.0", "public"),
        ("172.15.255.255", "public"),
        ("172.16.0.0", "private"),
        ("172.31.255.255", "private"),
        ("172.32.0.0", "public"),
        ("10.1.2.3", "private"),
        ("192.168.1.1", "private"),
        ("100.63.255.255", "public"),
        ("100.64.0.0", "private"),
        ("100.127.255.255", "private"),
        ("100.128.0.0", "public"),
        ("169.254.1.1", "private"),
        ("fd12:3456::1", "private"),
        ("fe80::1", "private"),
        ("127.0.0.1", "loopback"),
        ("127.9.9.9", "loopback"),
        ("::1", "loopback"),
        ("169.254.169.254", "metadata"),
        ("169.254.170.2", "metadata"),
        ("100.100.100.200", "metadata"),
        ("168.63.129.16", "metadata"),
        ("fd00:ec2::254", "metadata"),
        ("fd20:ce::254", "metadata"),
        ("192.0.2.1", "special"),
        ("198.51.100.1", "special"),
        ("203.0.113.1", "special"),
        ("198.19.255.255", "special"),
        ("192.0.0.8", "special"),
        ("192.88.99.1", "special"),
        ("2001:db8::1", "special"),
        ("2001:0:1::1", "special"),
        ("3fff::1", "special"),
        ("4000::1", "special"),
        ("::1.2.3.4", "special"),
        ("0.0.0.0", "not unicast"),
        ("0.1.2.3", "not unicast"),
        ("224.0.0.1", "not unicast"),
        ("239.255.255.255", "not unicast"),
        ("240.0.0.1", "not unicast"),
        ("255.255.255.255", "not unicast"),
        ("::", "not unicast"),
        ("ff02::1", "not unicast"),
        ("::ffff:10.0.0.1", "private"),
        ("::ffff:127.0.0.1", "loopback"),
        ("64:ff9b::1.2.3.4", "public"),
        ("64:ff9b::10.0.0.1", "private"),
        ("64:ff9b::169.254.169.254", "metadata"),
        ("2002:102:304::1", "public"),
        ("2002:7f00:1::", "loopback"),
        ("2002:a9fe:a9fe::", "metadata"),
    ],
)
def test_what_an_address_is(text: str, kind: str) -> None:
    address = parse_address(text)
    assert address is not None
    assert kind_of(address) == kind


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:0DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("fe80::1%eth0", None),
        ("localhost", None),
        ("", None),
        ("1.2.3", None),
        ("01.2.3.4", None),
        ("\u0661.2.3.4", None),
    ],
)
def test_normal_form(text: str, form: str | None) -> None:
    assert normalised(text) == form


@given(st.integers(0, 2**32 - 1))
def test_the_kind_of_a_mapped_address_is_that_of_the_address(number: int) -> None:
    plain = parse_address(str(ip_address(number)))
    mapped = parse_address(f"::ffff:{ip_address(number)}")
    assert plain == mapped


@given(st.integers(0, 2**128 - 1))
def test_every_address_has_a_kind(number: int) -> None:
    address = parse_address(str(ip_address(number)))
    assert address is not None
    kind_of(address)


@pytest.mark.parametrize(
    ("peer", "field", "client"),
    [
        ("1.2.3.4", None, "1.2.3.4"),
        ("1.2.3.4", "5.6.7.8", "1.2.3.4"),  # anybody can send the field
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "5.6.7.8", "5.6.7.8"),
        ("::ffff:10.0.0.1", "::ffff:5.6.7.8", "5.6.7.8"),
        ("10.0.0.1", "9.9.9.9, 5.6.7.8", "5.6.7.8"),
        ("10.0.0.1", "9.9.9.9, 5.6.7.8,10.0.0.2 ", "5.6.7.8"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),  # proxies all the way
        ("::1", "5.6.7.8:1234", "5.6.7.8"),
        ("::1", "[2a00::7]:1234", "2a00::7"),
        ("::1", "2a00::7", "2a00::7"),
        ("::1", "[2a00::7]", "2a00::7"),
        ("10.0.0.1", "5.6.7.8, unknown", "10.0.0.1"),
        ("10.0.0.1", "5.6.7.8, , 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "5.6.7.8, fe80::1%eth0", "10.0.0.1"),
        ("fe80::7%eth0", None, "fe80::7"),
        ("testclient", "5.6.7.8", None),
        (None, "5.6.7.8", None),
    ],
)
def test_client_address(peer: str | None, field: str | None, client: str | None) -> None:
    assert client_address(peer, field, PROXIES) == client


def test_without_trusted_proxies_the_peer_is_the_client() -> None:
    assert client_address("10.0.0.1", "5.6.7.8", []) == "10.0.0.1"


def test_the_walk_is_bounded() -> None:
    field = ", ".join(["5.6.7.8", *["10.0.0.2"] * 100_000])
    assert client_address("10.0.0.1", field, PROXIES) == "10.0.0.2"


@given(st.one_of(st.none(), st.text()), st.one_of(st.none(), st.text()))
def test_any_text_will_do(peer: str | None, field: str | None) -> None:
    client = client_address(peer, field, PROXIES)
    assert client is None or parse_address(client) is not None
