"""The bytes of an image file to pixels, red, green and blue, of its first frame. Reads no feeling; keeps nothing.

What comes in may be broken or built to do harm, so: only formats with a decoder in Pillow itself (no Ghostscript, no
program is started), the size is looked at before a pixel is decoded, and whatever a decoder raises becomes one error.

Turned as its EXIF says. Where it is transparent it lies on white. Numbers of 16 bits are divided by 257; numbers
without a scale of their own (32 bits, floats) are stretched so that their least and largest become black and white.
"""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

import numpy as np

from quantum_memory.checks import whole
from quantum_memory.errors import InvalidInput, InvalidValue, TooLong
from quantum_memory.types import Floats

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF")
MAX_BYTES = 8 << 20
MAX_PIXELS = 40_000_000
"""A photo of 40 million pixels takes 120 MB while it is read."""
MAX_RATIO = 100
"""Of the sides. Processors that bring the short side to a fixed length would make a thin image huge."""


def decode(data: bytes, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> Image:
    """The image as one of Pillow in mode RGB. The same bytes give the same pixels.

    Raises: TooLong over either limit; InvalidValue for what is no whole image of ``FORMATS``, or over ``MAX_RATIO``.
    """
    given: object = data
    if not isinstance(given, bytes):
        raise InvalidValue("image", type(given).__name__, "bytes, as of a file")
    whole("max_bytes", max_bytes, 1, 1 << 32)
    whole("max_pixels", max_pixels, 1, 1 << 32)
    if len(data) > max_bytes:
        raise TooLong("image", len(data), max_bytes, "bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own limits and broken tags: looked at here, or no matter
            return _decoded(data, max_pixels)
    except InvalidInput:
        raise
    except Exception as error:  # decoders of broken files raise anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InvalidValue("image", f"{len(data)} bytes that cannot be read ({reason})", _WANT) from error


_WANT = f"a whole image file: {', '.join(FORMATS)}"


def _decoded(data: bytes, max_pixels: int) -> Image:
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        opened = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise InvalidValue("image", f"{len(data)} bytes of another kind", _WANT) from None
    except Image.DecompressionBombError:  # twice over Pillow's own limit, so the size is in its message alone
        raise TooLong("image", 2 * (Image.MAX_IMAGE_PIXELS or max_pixels), max_pixels, "pixels or more") from None
    with opened:
        wide, high = opened.size
        if wide * high > max_pixels:
            raise TooLong("image", wide * high, max_pixels, "pixels")
        if max(wide, high) > MAX_RATIO * min(wide, high):
            raise InvalidValue("image", f"{wide} by {high} pixels", f"no side over {MAX_RATIO} times the other")
        opened.load()
        turn = _orientation(opened)
        pixels = _rgb(opened)
    return pixels if turn is None else ImageOps.exif_transpose(_with_orientation(pixels, turn))


def _orientation(image: Image) -> int | None:
    """How EXIF says that the image is to be turned; nothing where that cannot be read: the pixels are there."""
    try:
        turn = image.getexif().get(_ORIENTATION)
    except Exception:  # noqa: BLE001  (the tags of a broken block raise anything, and are no reason to refuse a photo)
        return None
    return turn if isinstance(turn, int) and 2 <= turn <= 8 else None


_ORIENTATION = 0x0112


def _with_orientation(image: Image, turn: int) -> Image:
    image.getexif()[_ORIENTATION] = turn
    return image


def _rgb(image: Image) -> Image:
    """Any mode of Pillow as RGB."""
    from PIL import Image as Images

    if image.mode.startswith("I;16"):
        return _grey(np.asarray(image, dtype=np.float64) / 257.0)
    if image.mode in ("I", "F"):
        return _grey(_stretched(np.asarray(image, dtype=np.float64)))
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        above = image.convert("RGBA")
        white = Images.new("RGBA", above.size, (255, 255, 255, 255))
        return Images.alpha_composite(white, above).convert("RGB")
    return image.convert("RGB") if image.mode != "RGB" else image.copy()


def _stretched(values: Floats) -> Floats:
    """Values (h, w) from 0 to 255; what is no number is the least."""
    finite = np.isfinite(values)
    if not finite.any():
        return np.zeros_like(values)
    low, high = float(values[finite].min()), float(values[finite].max())
    shown = np.where(finite, values, low)
    # Both are halved, so that the span of the largest floats is one.
    span = high / 2.0 - low / 2.0
    return np.zeros_like(values) if span == 0.0 else (shown / 2.0 - low / 2.0) / span * 255.0


def _grey(values: Floats) -> Image:
    from PIL import Image as Images

    return Images.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8)).convert("RGB")
