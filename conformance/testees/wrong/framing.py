"""Clients that read bytes wrongly: lines, characters, blocks of an event stream."""

import codecs
import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2

from conformance.testees.control import ClientError, ControlClient, EventDecoder
from conformance.testees.protocol import Message

_LINE_END = re.compile("\n")
_NAMES = frozenset(
    "interaction.created interaction.status_update interaction.completed error done".split()
    + "step.start step.delta step.stop".split()
)


class _LinesOfChunks(EventDecoder):
    """Takes the end of a chunk for the end of a line."""

    def feed(self, chunk: bytes) -> Iterator[str]:
        for line in self.decode(chunk).splitlines():
            if line:
                self._take(line)
            elif self._data:
                data, self._data = "\n".join(self._data), []
                yield data


class _BlocksOfChunks(EventDecoder):
    """Looks for the end of a block in what came last alone."""

    def feed(self, chunk: bytes) -> Iterator[str]:
        self._pieces.append(self.decode(chunk))
        if "\n\n" in self._pieces[-1]:
            yield from self._blocks(_LINE_END)

    def close(self) -> Iterator[str]:
        return iter(())


class _TextOfChunks(EventDecoder):
    """Decodes each chunk by itself."""

    def decode(self, chunk: bytes, *, final: bool = False) -> str:  # noqa: ARG002  there is no rest to keep
        return chunk.decode("utf-8", "replace")


class _UnicodeLines(EventDecoder):
    """Splits text as Python's splitlines does, at U+2028 and its kin too."""

    def _blocks(self, line_end: Any) -> Iterator[str]:
        for mark in "\u2028\u2029\u0085\v\f":
            self._pieces = [piece.replace(mark, "\n") for piece in self._pieces]
        yield from super()._blocks(line_end)


class _LineFeedsOnly(EventDecoder):
    """Knows LF as the end of a line, and neither CR nor CRLF."""

    def _blocks(self, line_end: Any) -> Iterator[str]:  # noqa: ARG002  it has its own
        *lines, rest = "".join(self._pieces).split("\n")
        self._pieces = [rest]
        for line in lines:
            if line:
                self._take(line)
            elif self._data:
                data, self._data = "\n".join(self._data), []
                yield data


class _SpacedData(EventDecoder):
    """Wants a space after `data:`."""

    def _take(self, line: str) -> None:
        if line.startswith("data: "):
            self._data.append(line[6:])


class _LastDataLine(EventDecoder):
    """Keeps the last data line of a block alone."""

    def _take(self, line: str) -> None:
        super()._take(line)
        del self._data[:-1]


class _StrictFields(EventDecoder):
    """Fails on a line that is neither `event` nor `data`."""

    def _take(self, line: str) -> None:
        if not line.startswith(("event:", "data:")):
            raise ClientError("parse", f"the line {line[:40]!r} is unknown")
        super()._take(line)


class _WithMark(EventDecoder):
    """Keeps the byte order mark."""

    def decode(self, chunk: bytes, *, final: bool = False) -> str:
        self._begun = True
        return super().decode(chunk, final=final)


class _MarkOfTheFirstChunk(EventDecoder):
    """Drops the byte order mark where the first chunk holds all of it."""

    def decode(self, chunk: bytes, *, final: bool = False) -> str:
        self._begun = self._begun or not chunk.startswith(codecs.BOM_UTF8)
        return super().decode(chunk, final=final)


class _EmptyBlocks(EventDecoder):
    """Hands over blocks without data."""

    def _blocks(self, line_end: Any) -> Iterator[str]:
        *lines, rest = line_end.split("".join(self._pieces))
        self._pieces = [rest]
        for line in lines:
            if line:
                self._take(line)
            else:
                data, self._data = "\n".join(self._data), []
                yield data


class _HalfBlocks(EventDecoder):
    """Drops what it cannot finish in 64 KB."""

    def feed(self, chunk: bytes) -> Iterator[str]:
        yield from super().feed(chunk)
        self._pieces = ["".join(self._pieces)[:65536]]


class _FirstOfChunk(EventDecoder):
    """Gives one block a chunk."""

    def feed(self, chunk: bytes) -> Iterator[str]:
        yield from list(super().feed(chunk))[:1]


class _OtherText(EventDecoder):
    """Decodes another charset."""

    def __init__(self, charset: str) -> None:
        super().__init__()
        self._other = codecs.getincrementaldecoder(charset)("replace")

    def decode(self, chunk: bytes, *, final: bool = False) -> str:
        return self._other.decode(chunk, final)


class _NamedBlocks(EventDecoder):
    """Keeps the data of blocks whose name it knows."""

    named = False

    def _take(self, line: str) -> None:
        if line.startswith("event:"):
            self.named = line[6:].strip() in _NAMES
        elif self.named:
            super()._take(line)


class _Decoding(ControlClient):
    """A client with another decoder."""

    decodes: type[EventDecoder] = EventDecoder

    def decoder(self) -> EventDecoder:
        return self.decodes()


class SplitsLinesPerChunk(_Decoding):
    """Takes the end of a read for the end of a line."""

    decodes = _LinesOfChunks


class LooksForBlankLinesPerChunk(_Decoding):
    """Looks for the end of an event in the last read alone."""

    decodes = _BlocksOfChunks


class DecodesPerChunk(_Decoding):
    """Decodes UTF-8 read by read."""

    decodes = _TextOfChunks


class SplitsAtUnicodeLines(_Decoding):
    """Ends lines at U+2028."""

    decodes = _UnicodeLines


class KnowsLineFeedsOnly(_Decoding):
    """Reads neither CR nor CRLF."""

    decodes = _LineFeedsOnly


class WantsASpace(_Decoding):
    """Does not read `data:` without a space."""

    decodes = _SpacedData


class KeepsTheLastDataLine(_Decoding):
    """Does not join data lines."""

    decodes = _LastDataLine


class FailsOnUnknownFields(_Decoding):
    """Fails on comments, ids and whatever else may stand in a block."""

    decodes = _StrictFields


class KeepsTheMark(_Decoding):
    """Does not drop the byte order mark."""

    decodes = _WithMark


class LooksForTheMarkInOneRead(_Decoding):
    """Keeps a byte order mark that is cut."""

    decodes = _MarkOfTheFirstChunk


class HandsOverEmptyBlocks(_Decoding):
    """Parses blocks that have no data."""

    decodes = _EmptyBlocks


class CutsLongLines(_Decoding):
    """Keeps 64 KB of a line."""

    decodes = _HalfBlocks


class OneEventARead(ControlClient):
    """Hands over the first event of each read alone."""

    def decoder(self) -> EventDecoder:
        return _FirstOfChunk()


class ObeysTheCharset(ControlClient):
    """Reads a stream in the charset that its headers name."""

    charset = "utf-8"

    async def read_stream(self, response: httpx2.Response) -> Message:
        self.charset = response.charset_encoding or "utf-8"
        return await super().read_stream(response)

    def decoder(self) -> EventDecoder:
        return _OtherText(self.charset)


class GoesByEventLines(ControlClient):
    """Hands over what its event line names, and nothing else."""

    def decoder(self) -> EventDecoder:
        return _NamedBlocks()


class ReadsCompressedBytes(ControlClient):
    """Asks for compression, as every HTTP library does, and does not undo it."""

    async def blocks(self, response: httpx2.Response) -> AsyncIterator[str]:
        decoder = self.decoder()
        async for chunk in response.aiter_raw():
            for data in decoder.feed(chunk):
                yield data


class _ColonLines(EventDecoder):
    """Splits every line at its colon."""

    def _take(self, line: str) -> None:
        if ":" not in line:
            raise ClientError("parse", "not enough values to unpack (expected 2, got 1)")
        super()._take(line)


class NeedsAColon(_Decoding):
    """Fails on a line without a colon."""

    decodes = _ColonLines


class _StrictText(EventDecoder):
    """Decodes strictly."""

    def decode(self, chunk: bytes, *, final: bool = False) -> str:
        text = super().decode(chunk, final=final)
        if "\ufffd" in text:
            raise ClientError("parse", "'utf-8' codec can't decode byte 0xff: invalid start byte")
        return text


class FailsOnBrokenCharacters(_Decoding):
    """Gives up where a byte is not UTF-8."""

    decodes = _StrictText


class _LastName(EventDecoder):
    """Keeps the name of a block for those that follow it."""

    name = ""

    def _take(self, line: str) -> None:
        if line.startswith("event:"):
            self.name = line[6:].strip()
        if line.startswith("data:") and self.name == "error":
            raise ClientError("api", "the stream failed", 200)
        super()._take(line)


class KeepsTheName(_Decoding):
    """Takes an event line for the name of the next blocks too."""

    decodes = _LastName


class _BracedData(EventDecoder):
    """Looks for `data: {`."""

    def _take(self, line: str) -> None:
        if line.startswith(("data: {", "data: [")):
            super()._take(line)


class WantsABrace(_Decoding):
    """Wants the payload to begin one space after the colon."""

    decodes = _BracedData


class _Flushed(EventDecoder):
    """Hands over at the end what has no blank line yet."""

    def close(self) -> Iterator[str]:
        yield from super().close()
        for line in "".join(self._pieces).splitlines():
            self._take(line)
        if self._data:
            yield "\n".join(self._data)


class FlushesTheEnd(_Decoding):
    """Takes the end of the stream for the end of a block."""

    decodes = _Flushed


class ReadsOnce(ControlClient):
    """Takes what one read gives for the whole answer."""

    async def blocks(self, response: httpx2.Response) -> AsyncIterator[str]:
        decoder = self.decoder()
        async for chunk in response.aiter_bytes():
            for data in decoder.feed(chunk):
                yield data
            return


class LosesEventsInAHurry(ControlClient):
    """Keeps a thousand events that it has not handed over yet, and drops the rest."""

    async def blocks(self, response: httpx2.Response) -> AsyncIterator[str]:
        number = 0
        async for data in super().blocks(response):
            number += 1
            if number <= 1000 or "interaction.completed" in data or data == "[DONE]":
                yield data


class ReadsCompressedAnswers(ControlClient):
    """Reads an answer as it comes over the wire."""

    async def read(self, response: httpx2.Response) -> Message:
        if self.call["stream"]:
            return await super().read(response)
        body = b"".join([chunk async for chunk in response.aiter_raw()])
        try:
            return self.unary(json.loads(body))
        except ValueError:
            raise ClientError("parse", "the answer is not JSON", 200) from None


class ReadsAnAnswerOnce(ControlClient):
    """Takes what the first read gives for the whole answer."""

    async def read(self, response: httpx2.Response) -> Message:
        async for chunk in response.aiter_bytes():
            try:
                return self.unary(json.loads(chunk))
            except ValueError:
                break
        raise ClientError("parse", "Unterminated string", 200)


class WantsPlainJson(ControlClient):
    """Compares the whole content type, parameters and all."""

    async def read(self, response: httpx2.Response) -> Message:
        if ";" in response.headers.get("content-type", ""):
            raise ClientError("parse", "unexpected content type", 200)
        return await super().read(response)
