"""The bytes of an event file: TFRecord frames round messages in the wire format of Protocol Buffers.

Field numbers: tensorflow/core/util/event.proto, framework/summary.proto and framework/tensor.proto.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Sequence

__all__ = ["event", "frame", "histogram_value", "scalar_value", "text_value", "version_event"]

_STRING = 7  # DT_STRING


@functools.cache
def _crc_table() -> tuple[int, ...]:
    """CRC-32C (Castagnoli) of each byte; the polynomial with its bits reversed."""
    table = []
    for byte in range(256):
        rest = byte
        for _ in range(8):
            rest = (rest >> 1) ^ (0x82F63B78 if rest & 1 else 0)
        table.append(rest)
    return tuple(table)


def _masked_crc(data: bytes) -> bytes:
    table = _crc_table()
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def frame(message: bytes) -> bytes:
    """A TFRecord: the length, the message, and a checksum of each."""
    length = struct.pack("<Q", len(message))
    return length + _masked_crc(length) + message + _masked_crc(message)


def _varint(n: int) -> bytes:
    n &= 0xFFFFFFFFFFFFFFFF  # a negative number is written by its two's complement of 64 bits
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def _integer(field: int, n: int) -> bytes:
    return _varint(field << 3) + _varint(n)


def _double(field: int, x: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", x)


def _float(field: int, x: float) -> bytes:
    return _varint(field << 3 | 5) + struct.pack("<f", x)


def _bytes(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _doubles(field: int, values: Sequence[float]) -> bytes:
    return _bytes(field, struct.pack(f"<{len(values)}d", *values))


def version_event(wall_time: float) -> bytes:
    """The event that a file begins with."""
    return _double(1, wall_time) + _bytes(3, b"brain.Event:2")


def event(wall_time: float, step: int, value: bytes) -> bytes:
    """An event of one value."""
    return _double(1, wall_time) + _integer(2, step) + _bytes(5, _bytes(1, value))


def scalar_value(tag: str, x: float) -> bytes:
    """A number under a tag."""
    return _bytes(1, tag.encode()) + _float(2, x)


def text_value(tag: str, text: str) -> bytes:
    """A text under a tag, as the plugin "text" reads it: a tensor of one string."""
    shape = _bytes(2, _integer(1, 1))
    tensor = _integer(1, _STRING) + _bytes(2, shape) + _bytes(8, text.encode())
    metadata = _bytes(1, _bytes(1, b"text"))
    return _bytes(1, f"{tag}/text_summary".encode()) + _bytes(8, tensor) + _bytes(9, metadata)


def histogram_value(
    tag: str, extremes: tuple[float, float], sums: tuple[float, float, float], limits: Sequence[float],
    counts: Sequence[float],
) -> bytes:  # fmt: skip
    """A histogram: (min, max), (number, sum, sum of squares), the upper limit of each bucket, and its count."""
    numbers = (*extremes, *sums)
    message = b"".join(_double(i + 1, x) for i, x in enumerate(numbers)) + _doubles(6, limits) + _doubles(7, counts)
    return _bytes(1, tag.encode()) + _bytes(5, message)
