"""Pictures there and back, and functions of them that fail."""

import asyncio
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_core import (
    CloseReason,
    Stream,
    VideoStreamHandler,
)
from fastrtc_webrtc import WebRTCSettings
from fastrtc_webrtc.testing import Picture
from fastrtc_webrtc.testing.media import (
    flat_picture,
    mean_color,
    numbered_picture,
    read_number,
)

Pixels = NDArray[np.uint8]


WATCHING = {"audio": None, "video": "recvonly"}
FILMING = {"audio": None, "video": "sendrecv"}


def showing(number: int) -> Callable[[Picture], bool]:
    return lambda picture: read_number(picture.pixels) == number


def colored(color: tuple[int, int, int]) -> Callable[[Picture], bool]:
    return lambda picture: mean_color(picture.pixels) == pytest.approx(color, abs=8)


# Pictures


def sync_negative(picture: Pixels) -> Pixels:
    return 255 - picture


async def async_negative(picture: Pixels) -> Pixels:
    return 255 - picture


@pytest.mark.parametrize("codec", ["video/VP8", "video/H264"])
@pytest.mark.parametrize("function", [sync_negative, async_negative])
async def test_pictures_come_back(
    serving_stream: Any, connected: Any, leaving_nothing: Any, function: Any, codec: str
) -> None:
    stream = Stream(function, modality="video", mode="send-receive")
    async with (
        leaving_nothing(),
        serving_stream(stream) as server,
        connected(server, codecs=[codec], **FILMING) as client,
    ):
        for color in ((200, 40, 60), (30, 180, 90)):
            client.send_picture(flat_picture(color))
            negative = (255 - color[0], 255 - color[1], 255 - color[2])
            picture = await client.video.pictures.match(colored(negative))
            assert picture.pixels.shape == (240, 320, 3)


@pytest.mark.parametrize(
    ("pixel_format", "first", "last"), [("bgr24", 60, 200), ("rgb24", 200, 60)]
)
async def test_the_order_of_channels(
    serving_stream: Any, connected: Any, pixel_format: Any, first: int, last: int
) -> None:
    colors: list[tuple[float, float, float]] = []

    def look(picture: Pixels) -> Pixels:
        colors.append(mean_color(picture))
        return picture

    settings = {"webrtc": WebRTCSettings(pixel_format=pixel_format)}
    stream = Stream(look, modality="video", mode="send-receive", transport_settings=settings)
    async with serving_stream(stream) as server, connected(server, **FILMING) as client:
        client.send_picture(flat_picture((200, 40, 60)))
        await client.video.pictures.match(colored((200, 40, 60)))
    assert colors[-1] == pytest.approx((first, 40, last), abs=8)


def counting() -> Iterator[Pixels]:
    for number in range(1, 45):
        yield numbered_picture(number)


@pytest.mark.parametrize("handler", [counting, VideoStreamHandler(counting, fps=15)])
async def test_a_generator_of_pictures(serving_stream: Any, connected: Any, handler: Any) -> None:
    fps = 15 if isinstance(handler, VideoStreamHandler) else 30
    stream = Stream(handler, modality="video", mode="receive")
    async with serving_stream(stream) as server, connected(server, **WATCHING) as client:
        pictures = [await client.video.pictures.next() for _ in range(20)]
    numbers = [read_number(picture.pixels) or 0 for picture in pictures]
    assert all(later > earlier for earlier, later in pairwise(numbers))
    ticks = (pictures[-1].timestamp - pictures[0].timestamp) % (1 << 32)
    assert ticks / 90_000 / (numbers[-1] - numbers[0]) == pytest.approx(1 / fps, rel=0.1)


async def test_what_a_function_sees(serving_stream: Any, connected: Any) -> None:
    seen: asyncio.Queue[int | None] = asyncio.Queue()

    async def look(picture: Pixels) -> None:
        assert picture.shape == (240, 320, 3)
        assert picture.dtype == np.uint8
        seen.put_nowait(read_number(picture))

    stream = Stream(look, modality="video", mode="send")
    client_options = {"audio": None, "video": "sendonly"}
    async with serving_stream(stream) as server, connected(server, **client_options) as client:
        for number in (1, 20, 300):
            client.send_picture(numbered_picture(number))
            while await seen.get() != number:
                pass


# Failures of handlers


async def test_a_function_of_pictures_that_fails(serving_stream: Any, connected: Any) -> None:
    def fail_for_one(picture: Pixels) -> Pixels:
        if read_number(picture) == 1:
            raise ZeroDivisionError
        return picture

    stream = Stream(fail_for_one, modality="video", mode="send-receive")
    async with serving_stream(stream) as server, connected(server, **FILMING) as client:
        client.send_picture(numbered_picture(1))
        assert "ZeroDivisionError" in await client.message("error")
        client.send_picture(numbered_picture(2))
        await client.video.pictures.match(showing(2))


async def test_a_function_of_pictures_that_always_fails(
    serving_stream: Any, connected: Any, ends: Any
) -> None:
    def fail(picture: Pixels) -> Pixels:
        raise ZeroDivisionError

    stream = Stream(fail, modality="video", mode="send-receive", on_event=ends.observe)
    async with serving_stream(stream) as server, connected(server, **FILMING) as client:
        client.send_picture(numbered_picture(1))
        assert "ZeroDivisionError" in await client.message("error")
        await client.wait_closed()
        assert (await ends.next())[1].reason is CloseReason.HANDLER_FAILED


@pytest.mark.parametrize("wrong", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), "picture"])
async def test_a_function_that_returns_no_picture(
    serving_stream: Any, connected: Any, wrong: object
) -> None:
    def look(picture: Pixels) -> object:
        return wrong if read_number(picture) == 1 else picture

    stream = Stream(look, modality="video", mode="send-receive")
    async with serving_stream(stream) as server, connected(server, **FILMING) as client:
        client.send_picture(numbered_picture(1))
        assert await client.message("error")
        client.send_picture(numbered_picture(2))
        await client.video.pictures.match(showing(2))
