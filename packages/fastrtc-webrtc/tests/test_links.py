from typing import Any

import pytest

from fastrtc_webrtc.links import link_headers


def test_servers() -> None:
    servers = [
        {"urls": "stun:stun.example.net"},
        {
            "urls": [
                "turn:a.example?transport=udp",
                "turns:[2001:db8::1]:443?transport=tcp",
            ],
            "username": "1732560000:ada",
            "credential": "s3cret=",
        },
    ]
    login = 'username="1732560000:ada"; credential="s3cret="; credential-type="password"'
    assert link_headers(servers) == [
        '<stun:stun.example.net>; rel="ice-server"',
        f'<turn:a.example?transport=udp>; rel="ice-server"; {login}',
        f'<turns:[2001:db8::1]:443?transport=tcp>; rel="ice-server"; {login}',
    ]


def test_no_servers() -> None:
    assert link_headers([]) == []
    assert link_headers([{"urls": []}]) == []


def test_quotes() -> None:
    servers = [{"urls": "turn:a", "username": 'a"b', "credential": "c\\d"}]
    (link,) = link_headers(servers)
    assert 'username="a\\"b"; credential="c\\\\d"' in link


@pytest.mark.parametrize(
    "server",
    [
        {},
        {"urls": None},
        {"urls": 1},
        {"urls": "http://example.net"},
        {"urls": "turn:"},
        {"urls": "turn:a>; rel=x"},
        {"urls": 'turn:a"'},
        {"urls": "turn:a\r\nX: y"},
        {"urls": "turn:é"},
        {"urls": "turn:a", "username": "a\r\nX: y", "credential": "c"},
        {"urls": "turn:a", "username": "a", "credential": "c\x00"},
        {"urls": "turn:a", "username": "a", "credential": "€"},
    ],
)
def test_what_cannot_stand_in_a_header_field(server: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"STUN or TURN server|no header field"):
        link_headers([server])
