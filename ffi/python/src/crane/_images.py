"""Photos in the shapes that Python programs have them in."""

from __future__ import annotations

import io
import os
import struct
import zlib
from typing import TYPE_CHECKING, Any, Union

if TYPE_CHECKING:
    import numpy
    import PIL.Image

Image = Union[bytes, bytearray, memoryview, str, "os.PathLike[str]", "PIL.Image.Image", "numpy.ndarray[Any, Any]"]
"""A photo: an encoded file's bytes, its path, a PIL image, or a NumPy array of 8-bit pixels (height x width, or height x
width x 1, 3 or 4 in the order red, green, blue, alpha)."""


def encode(image: Image) -> bytes:
    """The bytes of an encoded photo. Files pass as they are; pixels become PNG, which loses nothing."""
    if isinstance(image, (bytes, bytearray, memoryview)):
        return bytes(image)
    if isinstance(image, (str, os.PathLike)):
        with open(image, "rb") as file:
            return file.read()
    if hasattr(image, "save") and hasattr(image, "mode"):
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        return buffer.getvalue()
    if hasattr(image, "__array_interface__"):
        return _png(image)
    raise TypeError(f"a photo is bytes, a path, a PIL image or a NumPy array, not {type(image).__name__}")


def _png(array: Any) -> bytes:
    """PNG of an array of 8-bit pixels."""
    shape = array.shape if array.ndim == 3 else (*array.shape, 1)
    colours = {1: 0, 3: 2, 4: 6}.get(shape[2]) if len(shape) == 3 else None
    if colours is None or array.dtype.str != "|u1":
        raise TypeError(
            "an array of pixels is of type uint8 and of shape (height, width) or (height, width, 1, 3 or 4), "
            f"not {array.dtype} and {array.shape}"
        )
    height, width, channels = shape
    pixels, row = array.tobytes(), width * channels
    lines = b"".join(b"\0" + pixels[y * row : (y + 1) * row] for y in range(height))

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, colours, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines, 1)) + chunk(b"IEND", b"")
