import threading
from collections.abc import Iterator

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace

from fastrtc_webrtc.encoderthreads import EncoderThreads
from fastrtc_webrtc.pictures import PictureConverter, to_pixels, to_planar
from fastrtc_webrtc.settings import PixelFormat

RED, GREEN, BLUE, GREY = (255, 0, 0), (0, 255, 0), (0, 0, 255), (90, 90, 90)
ORDERS: tuple[PixelFormat, ...] = ("bgr24", "rgb24")


@pytest.fixture
def threads() -> Iterator[EncoderThreads]:
    threads = EncoderThreads(2)
    yield threads
    threads.shutdown()


def plain(color: tuple[int, int, int], width: int = 64, height: int = 48) -> np.ndarray:
    return np.full((height, width, 3), color, np.uint8)


def decoded(color: tuple[int, int, int], width: int = 64, height: int = 48) -> av.VideoFrame:
    planes = to_planar(plain(color, width, height), "rgb24").planes
    return av.VideoFrame.from_ndarray(planes, "yuv420p")


@pytest.mark.parametrize(
    ("color", "yuv"),
    [(RED, (81, 90, 240)), (GREEN, (145, 54, 34)), (BLUE, (41, 240, 110)), (GREY, (93, 128, 128))],
)
def test_pictures_are_sent_by_the_matrix_of_bt601(
    color: tuple[int, int, int], yuv: tuple[int, int, int]
) -> None:
    picture = to_planar(plain(color), "rgb24")
    assert (picture.width, picture.height) == (64, 48)
    brightness, colors = picture.planes[:48], picture.planes[48:].reshape(2, -1)
    assert np.unique(brightness).tolist() == [yuv[0]]
    assert [np.unique(plane).tolist() for plane in colors] == [[yuv[1]], [yuv[2]]]


@pytest.mark.parametrize("size", [(64, 48), (66, 46), (18, 34), (1280, 720), (1918, 1082), (2, 2)])
def test_red_comes_in_the_order_asked_for(size: tuple[int, int]) -> None:
    for order, red in zip(ORDERS, ([0, 0, 255], [255, 0, 0]), strict=True):
        pixels = to_pixels(decoded(RED, *size), order).pixels
        assert pixels.shape == (size[1], size[0], 3)
        assert pixels.dtype == np.uint8
        assert np.abs(pixels.astype(int) - red).max() <= 3
        assert pixels.flags["C_CONTIGUOUS"]
        assert pixels.flags["WRITEABLE"]  # handlers draw on what they get


@pytest.mark.parametrize("size", [(65, 48), (64, 49), (65, 49)])
def test_odd_sizes_lose_a_row_or_column(size: tuple[int, int]) -> None:
    picture = to_planar(plain(GREY, *size), "bgr24")
    assert (picture.width, picture.height) == (64, 48)


def test_an_array_in_which_pictures_lie_beside_each_other() -> None:
    both = np.concatenate([plain(RED), plain(GREEN)], axis=1)
    picture = to_planar(both[:, :64], "rgb24")
    assert np.array_equal(picture.planes, to_planar(plain(RED), "rgb24").planes)


def test_a_picture_does_not_change_with_its_array() -> None:
    pixels = plain(RED)
    picture = to_planar(pixels, "rgb24")
    pixels[:] = 0
    assert picture.planes[0, 0] == 81


@pytest.mark.parametrize("size", [(1, 48), (64, 1)])
def test_a_picture_too_small(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least two rows and columns"):
        to_planar(plain(RED, *size), "bgr24")


@pytest.mark.parametrize("matrix", [Colorspace.ITU601, Colorspace.ITU709])
@pytest.mark.parametrize("value_range", [ColorRange.MPEG, ColorRange.JPEG])
@pytest.mark.parametrize("color", [RED, GREEN, BLUE, GREY])
def test_what_comes_is_read_as_it_says(
    matrix: Colorspace, value_range: ColorRange, color: tuple[int, int, int]
) -> None:
    frame = av.VideoFrame.from_ndarray(plain(color), "rgb24").reformat(
        format="yuv420p", dst_colorspace=matrix, dst_color_range=value_range
    )
    pixels = to_pixels(frame, "rgb24").pixels
    assert np.abs(pixels.astype(int) - color).max() <= 3


async def test_lazy_pictures_are_converted_in_a_thread(
    threads: EncoderThreads, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = []

    def noting(frame: av.VideoFrame, order: PixelFormat) -> object:
        where.append(threading.current_thread())
        return to_pixels(frame, order)

    monkeypatch.setattr("fastrtc_webrtc.pictures.to_pixels", noting)
    picture = PictureConverter("bgr24", threads).lazy(decoded(BLUE))
    assert threads.threads == 0
    pixels = (await picture.load()).pixels
    assert pixels[5, 5].tolist() == pytest.approx([255, 0, 0], abs=3)
    assert where[0] is not threading.current_thread()
    assert threads.threads == 1


async def test_a_picture_of_a_form_that_can_not_be_converted(threads: EncoderThreads) -> None:
    empty = av.VideoFrame(0, 0, "yuv420p")
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever PyAV says to this
        await PictureConverter("bgr24", threads).lazy(empty).load()
