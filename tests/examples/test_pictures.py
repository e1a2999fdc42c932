"""The examples with pictures are run as programs, and watched."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import pytest
from numpy.typing import NDArray

from fastrtc_webrtc.testing import Picture, RTCClient, http_post
from fastrtc_webrtc.testing.media import (
    flat_picture,
    mean_color,
    numbered_picture,
    read_number,
    tone,
    tone_level,
)

Running = Callable[[str], AbstractContextManager[str]]

RED, BLUE = (230, 20, 20), (20, 20, 230)
HERTZ, PEAK = 440, 8000.0


def half_and_half() -> NDArray[np.uint8]:
    """A picture that is red on the left and blue on the right."""
    picture = flat_picture(RED, (320, 240))
    picture[:, 160:] = BLUE
    return picture


def is_left(color: tuple[int, int, int]) -> Callable[[Picture], bool]:
    """Whether the left half of a picture has a colour."""
    return lambda picture: bool(
        np.allclose(mean_color(picture.pixels[:, : picture.pixels.shape[1] // 2]), color, atol=25)
    )


async def keep_sending(client: RTCClient, picture: NDArray[np.uint8]) -> None:
    while True:
        client.send_picture(picture)
        await asyncio.sleep(1 / 25)


async def test_mirror_gives_back_what_is_left_on_the_right(running: Running) -> None:
    with running("mirror") as url:
        async with (
            http_post(url) as post,
            RTCClient(post, audio=None, video="sendrecv") as client,
            asyncio.TaskGroup() as tasks,
        ):
            sending = tasks.create_task(keep_sending(client, half_and_half()))
            await client.video.pictures.match(is_left(BLUE))
            sending.cancel()


async def test_a_slow_filter_never_falls_behind(running: Running) -> None:
    shown = 0

    async def show_numbers(client: RTCClient) -> None:
        nonlocal shown
        while True:
            shown += 1
            client.send_picture(numbered_picture(shown))
            await asyncio.sleep(1 / 30)

    with running("slow_filter") as url:
        async with (
            http_post(url) as post,
            RTCClient(post, audio=None, video="sendrecv") as client,
            asyncio.TaskGroup() as tasks,
        ):
            sending = tasks.create_task(show_numbers(client))
            behind: list[int] = []
            while len(behind) < 10:
                picture = await client.video.pictures.next()
                number = read_number(np.flip(picture.pixels, axis=0))
                if number is not None:
                    behind.append(shown - number)
            sending.cancel()
    assert shown > 30  # of which it had time for ten
    assert max(behind[5:]) < 25


async def test_sunrise_is_seen_by_two_at_the_same_time(running: Running) -> None:
    options = {"audio": None, "video": "recvonly"}
    with running("sunrise") as url:
        async with http_post(url) as post, RTCClient(post, **options) as early:
            first = await early.video.pictures.match(lambda picture: picture.pixels.mean() > 10)
            async with RTCClient(post, **options) as late:
                seen = await late.video.pictures.next()
                assert seen.pixels.mean() > first.pixels.mean()  # it did not begin anew


async def test_audio_video_brings_back_both(running: Running) -> None:
    with running("audio_video") as url:
        async with (
            http_post(url) as post,
            RTCClient(post, audio="sendrecv", video="sendrecv") as client,
            asyncio.TaskGroup() as tasks,
        ):
            sending = tasks.create_task(keep_sending(client, half_and_half()))
            dark = (RED[0] // 2, RED[1] // 2, RED[2] // 2)
            await client.video.pictures.match(is_left(dark))
            client.send_audio(tone(HERTZ, 3.0, peak=PEAK))
            await client.video.pictures.match(is_left(RED))
            heard = np.concatenate(
                [(await client.audio.sounds.next()).samples for _ in range(50)], axis=1
            )
            sending.cancel()
    assert tone_level(heard[:, -4800:], HERTZ) == pytest.approx(PEAK, rel=0.1)
