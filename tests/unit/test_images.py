"""Image files to pixels: every kind of file, turned and flattened as it should be; what is broken is refused."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from quantum_memory.errors import InvalidInput, InvalidValue, OutOfRange, TooLong
from quantum_memory.memory.affect.images import MAX_PIXELS, decode
from tests.unit.tiny_models import picture

FORMS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF")
FILES = {form: picture(1, (40, 30), form) for form in FORMS}


def pixels(data: bytes, **limits: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(decode(data, **limits))


def saved(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def of(values: Any, dtype: Any, mode: str | None = None) -> Image.Image:
    made = Image.fromarray(np.array(values, dtype=dtype))
    assert mode in (None, made.mode)
    return made


def huge_png(wide: int, high: int) -> bytes:
    """A PNG of some hundred bytes that says that it is huge."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", wide, high, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_file_is_the_same_picture(form: str) -> None:
    shown = decode(FILES[form])
    assert (shown.mode, shown.size) == ("RGB", (40, 30))
    exact = pixels(FILES["PNG"]).astype(float)
    assert np.abs(np.asarray(shown) - exact).mean() < (1e-9 if form in ("PNG", "BMP", "TIFF", "GIF") else 16.0)


def test_a_photo_is_turned_as_its_camera_was_held() -> None:
    upright = of(np.arange(2 * 3 * 3).reshape(2, 3, 3) * 10, np.uint8)
    ways = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    for turn, way in ways.items():
        tags = Image.Exif()
        tags[0x0112] = turn
        assert np.array_equal(pixels(saved(upright, exif=tags)), np.asarray(upright.transpose(way))), turn
    for strange in (0, 1, 9, 6000):
        tags = Image.Exif()
        tags[0x0112] = strange
        assert np.array_equal(pixels(saved(upright, exif=tags)), np.asarray(upright)), strange


def test_broken_tags_are_no_reason_to_refuse_a_photo() -> None:
    data = saved(of(np.zeros((4, 4, 3)), np.uint8), "JPEG", exif=b"Exif\0\0" + b"II*\0\xff\xff\xff\xffgarbage")
    assert pixels(data).shape == (4, 4, 3)


def test_what_is_transparent_lies_on_white() -> None:
    clear = of([[[255, 0, 0, 0], [255, 0, 0, 255], [0, 0, 0, 51]]], np.uint8, "RGBA")
    want = [[[255, 255, 255], [255, 0, 0], [204, 204, 204]]]
    assert pixels(saved(clear)).tolist() == want
    grey = of([[[0, 0], [0, 255]]], np.uint8, "LA")
    assert pixels(saved(grey)).tolist() == [[[255] * 3, [0] * 3]]
    palette = of([[0, 1]], np.uint8).convert("P")
    palette.putpalette([9, 9, 9, 200, 100, 50])
    assert pixels(saved(palette)).tolist() == [[[9, 9, 9], [200, 100, 50]]]
    assert pixels(saved(palette, transparency=0)).tolist() == [[[255] * 3, [200, 100, 50]]]


def test_deep_and_grey_and_printed_pixels_become_red_green_and_blue() -> None:
    deep = of([[0, 257 * 7, 65535]], np.uint16)
    assert pixels(saved(deep))[0, :, 0].tolist() == [0, 7, 255]
    assert pixels(saved(deep, "TIFF"))[0, :, 0].tolist() == [0, 7, 255]
    whole = of([[-1000, 0, 1000]], np.int32, "I")
    assert pixels(saved(whole, "TIFF"))[0, :, 0].tolist() == [0, 128, 255]
    odd = of([[0.0, 0.25, np.nan, np.inf, 1.0]], np.float32, "F")
    assert pixels(saved(odd, "TIFF"))[0, :, 0].tolist() == [0, 64, 0, 0, 255]
    flat = of(np.full((2, 2), 3.5), np.float32, "F")
    assert pixels(saved(flat, "TIFF")).max() == 0
    assert pixels(saved(of([[True, False]], bool, "1"))).tolist() == [[[255] * 3, [0] * 3]]
    printed = Image.new("CMYK", (4, 4), (0, 255, 255, 0))
    red, green, blue = pixels(saved(printed, "JPEG"))[0, 0].tolist()
    assert red > 200
    assert max(green, blue) < 60


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_what_moves_the_first_frame_is_seen(form: str) -> None:
    frames = [Image.new("RGB", (6, 5), colour) for colour in ("red", "blue", "green")]
    options = {"lossless": True} if form == "WEBP" else {}
    moving = saved(frames[0], form, save_all=True, append_images=frames[1:], **options)
    assert pixels(moving)[0, 0].tolist() == [255, 0, 0]


def test_the_same_bytes_are_the_same_pixels() -> None:
    for data in FILES.values():
        assert np.array_equal(pixels(data), pixels(data))


def test_limits_are_kept_before_anything_is_decoded() -> None:
    data = FILES["PNG"]
    with pytest.raises(TooLong, match=f"image: {len(data)} bytes, the limit is {len(data) - 1}"):
        decode(data, max_bytes=len(data) - 1)
    with pytest.raises(TooLong, match="image: 1200 pixels, the limit is 1199"):
        decode(data, max_pixels=1199)
    assert decode(data, max_bytes=len(data), max_pixels=1200).size == (40, 30)
    for wide, high in ((8000, 8000), (12_000, 12_000), (60_000, 60_000)):
        with pytest.raises(TooLong, match=f"the limit is {MAX_PIXELS}"):
            decode(huge_png(wide, high))
    with pytest.raises(InvalidValue, match="no side over 100 times the other, got 1010 by 10 pixels"):
        decode(picture(0, (1010, 10)))
    with pytest.raises(OutOfRange, match="max_bytes"):
        decode(data, max_bytes=0)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not an image",
        b"\x89PNG\r\n\x1a\n",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
        b"P6 2 2 255 " + b"\0" * 12,
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        huge_png(50, 50),
    ],
)
def test_what_is_no_image_of_a_known_form_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidValue, match="image: expected a whole image file: JPEG, PNG, "):
        decode(data)


def test_what_is_not_bytes_is_refused() -> None:
    with pytest.raises(InvalidValue, match="image: expected bytes, as of a file, got str"):
        decode("photo.png")  # type: ignore[arg-type]  # what a caller may do


@pytest.mark.parametrize("form", FORMS)
def test_half_a_file_is_refused(form: str) -> None:
    with pytest.raises(InvalidValue, match="image: expected a whole image file"):
        decode(FILES[form][: len(FILES[form]) // 2])


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(FORMS),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
    st.integers(0, 200),
)
def test_damage_is_an_error_of_ours_or_an_image(form: str, damage: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(FILES[form])
    for at, value in damage:
        data[at % len(data)] = value
    try:
        shown = decode(bytes(data[: len(data) - cut]), max_pixels=1_000_000)
    except InvalidInput:
        return
    assert shown.mode == "RGB"
    assert shown.width * shown.height <= 1_000_000
