"""Content codings undone, within a limit: a small file may unpack to a very large one."""

import zlib

from conformance.wire.exchange import Headers, header

__all__ = ["LARGEST_BYTES", "undo_coding", "unpack"]

LARGEST_BYTES = 64 * 1024 * 1024
"""The largest body or file that is read; a larger one is named and not judged."""

_GZIP = b"\x1f\x8b"


def unpack(data: bytes, largest_bytes: int = LARGEST_BYTES) -> bytes | None:
    """Unpack gzip or zlib data; None when it would be larger than the limit.

    Raises:
        ValueError: it is neither, or it is cut off.
    """
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        unpacked = unpacker.decompress(data, largest_bytes + 1)
    except zlib.error as error:
        raise ValueError(f"not gzip: {error}") from None
    if len(unpacked) > largest_bytes:
        return None
    if not unpacker.eof:
        raise ValueError("the compressed data is cut off")
    return unpacked


def undo_coding(headers: Headers | None, body: bytes) -> bytes:
    """Undo gzip or deflate where the headers tell of it and the bytes show it; else leave the body alone."""
    coding = (header(headers, "content-encoding") or "").strip().lower()
    if coding not in ("gzip", "x-gzip", "deflate") or not body.startswith((_GZIP, b"\x78")):
        return body
    try:
        unpacked = unpack(body)
    except ValueError:
        return body
    return body if unpacked is None else unpacked
