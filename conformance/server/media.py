"""Pictures and sounds: tiny, valid, and always the same.

    image_block({"type": "image", "mime_type": "image/jpeg"}, "a cat")
    audio_block({"type": "audio", "mime_type": "audio/wav", "sample_rate": 8000})
    count_media({"type": "image", ...})         # the tokens that an input block takes

A picture is one grey pixel; a sound is a tenth of a second of a quiet tone, or of silence where it is
encoded. With `"delivery": "uri"` the block has an address instead of the data, at which nothing lies.
"""

import base64
import hashlib
import math
import struct
from collections.abc import Mapping
from functools import cache
from typing import Any

from conformance.server.refusal import invalid

__all__ = ["MEDIA", "audio_block", "count_media", "image_block"]

MEDIA = frozenset({"image", "audio", "video", "document"})
_JPEG = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAP//////////////////////////////////////////////////////////////////////"
    "////////////////wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAAP/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AP//Z"
)
_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNoAAAAggCB2kUIOwAAAABJRU5ErkJggg=="
_FILES = "https://generativelanguage.googleapis.com/v1beta/files/"
_TOKENS = {"image": 258, "document": 258, "audio": 32, "video": 263}
_RATE = 24_000
_MP3_FRAME = b"\xff\xf3\x44\xc4" + bytes(92)  # MPEG-2 layer III, 32 kbit/s, 24 kHz, mono: 96 bytes of silence


def count_media(block: Mapping[str, Any]) -> int:
    """Count the tokens of a block of media: the documents' figures for the least of its kind."""
    return _TOKENS[str(block["type"])]


def image_block(wanted: Mapping[str, Any], about: str) -> dict[str, Any]:
    """Give a picture as content; JPEG unless PNG is asked for."""
    kind = wanted.get("mime_type", "image/jpeg")
    if kind not in ("image/jpeg", "image/png"):
        raise invalid(f"The value '{kind}' is not supported for the mime_type of an image.")
    if wanted.get("delivery") == "uri":
        return {"mime_type": kind, "uri": _address(about), "type": "image"}
    return {"mime_type": kind, "data": _JPEG if kind == "image/jpeg" else _PNG, "type": "image"}


def audio_block(wanted: Mapping[str, Any], about: str) -> dict[str, Any]:
    """Give a sound as content: bare 16-bit samples unless another form is asked for."""
    kind = wanted.get("mime_type", "audio/l16")
    rate = wanted.get("sample_rate", _RATE)
    if not 1_000 <= rate <= 192_000:
        raise invalid(f"The sample_rate {rate} is not supported: it is between 1000 and 192000.")
    data = _sound(kind, rate)
    rate = _RATE if kind == "audio/mp3" else rate
    told = {"mime_type": kind, "sample_rate": rate, "channels": 1}
    if wanted.get("delivery") == "uri":
        return {**told, "uri": _address(about), "type": "audio"}
    return {**told, "data": data, "type": "audio"}


def _address(about: str) -> str:
    return _FILES + hashlib.blake2b(about.encode(), digest_size=8).hexdigest()


@cache
def _sound(kind: str, rate: int) -> str:
    match kind:
        case "audio/l16":
            sound = _samples(rate)
        case "audio/wav":
            samples = _samples(rate)
            form = struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16)
            sound = b"WAVEfmt " + form + b"data" + struct.pack("<I", len(samples)) + samples
            sound = b"RIFF" + struct.pack("<I", len(sound)) + sound
        case "audio/mulaw":
            sound = b"\xff" * (rate // 10)
        case "audio/alaw":
            sound = b"\xd5" * (rate // 10)
        case "audio/mp3":
            sound = _MP3_FRAME * 4
        case "audio/ogg_opus":
            sound = _opus()
        case _:
            raise invalid(f"The value '{kind}' is not supported for the mime_type of audio.")
    return base64.b64encode(sound).decode()


def _samples(rate: int) -> bytes:
    count = rate // 10
    tone = (round(2000 * math.sin(2 * math.pi * 440 * place / rate)) for place in range(count))
    return struct.pack(f"<{count}h", *tone)


def _opus() -> bytes:
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 0, _RATE, 0, 0)
    tags = b"OpusTags" + struct.pack("<I", 4) + b"none" + struct.pack("<I", 0)
    silence = b"\xf8\xff\xfe"  # one packet of 20 ms
    return _page(head, 0, 2, 0) + _page(tags, 1, 0, 0) + _page(silence, 2, 4, 960)


def _page(packet: bytes, number: int, flags: int, position: int) -> bytes:
    """Write one page of Ogg (RFC 3533) that holds one packet."""
    head = struct.pack("<4sBBqIII", b"OggS", 0, flags, position, 1, number, 0) + bytes((1, len(packet)))
    return head[:22] + struct.pack("<I", _crc(head + packet)) + head[26:] + packet


def _crc(data: bytes) -> int:
    remainder = 0
    for byte in data:
        remainder ^= byte << 24
        for _ in range(8):
            remainder = (remainder << 1) ^ (0x04C11DB7 if remainder & 0x80000000 else 0)
            remainder &= 0xFFFFFFFF
    return remainder
