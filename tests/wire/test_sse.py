"""From bytes to frames: the rules of the standard, and that no byte is lost however a stream is cut."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.wire.sse import Decoder, Frame, decode

steady = settings(derandomize=True, deadline=None, max_examples=300)

# Streams are mostly made of what a parser looks at, so that short examples reach the odd corners.
_PIECES = st.sampled_from(
    [
        b"\r",
        b"\n",
        b"\r\n",
        b":",
        b" ",
        b"data",
        b"data: ",
        b"event:",
        b"id: ",
        b"\xef\xbb\xbf",
        b"\xef",
        b"\0",
        b"x",
    ]
)
streams = st.one_of(st.binary(max_size=60), st.lists(_PIECES, max_size=24).map(b"".join))


def frames(*chunks: bytes) -> list[Frame]:
    """The frames of a stream that arrives in these pieces."""
    return list(decode(chunks))


def data(*chunks: bytes) -> list[str | None]:
    """The data of those frames."""
    return [frame.data for frame in decode(chunks)]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_each_line_end_closes_lines_and_blocks(end: bytes) -> None:
    """A line ends with LF, CR or CRLF, and an empty line closes a block."""
    assert data(b"data: a" + end + end + b"data: b" + end + end) == ["a", "b"]


def test_line_ends_may_be_mixed() -> None:
    """One stream may use all three, one after the other."""
    assert data(b"data: a\r\ndata: b\rdata: c\n\r\n\rdata: d\n\r") == ["a\nb\nc", None, "d"]


def test_a_crlf_cut_between_reads_is_one_line_end() -> None:
    """The LF that comes with the next read belongs to the CR before it."""
    assert frames(b"data: a\r", b"\ndata: b\r\n\r", b"\n") == frames(b"data: a\r\ndata: b\r\n\r\n")


def test_a_cr_at_the_end_of_a_stream_is_a_line_end() -> None:
    """When no LF can follow any more, a CR ends its line and its block."""
    (frame,) = frames(b"data: a\r\r")

    assert (frame.data, frame.cut) == ("a", False)


def test_comments_are_passed_over() -> None:
    """A line that begins with a colon says nothing."""
    assert data(b": ping\n\n:\ndata: a\n: data: b\n\n") == [None, "a"]


def test_several_data_lines_are_joined_by_lf() -> None:
    """Data lines of one block make one text, empty lines of data included."""
    (frame,) = frames(b"data: a\ndata:\ndata: b\n\n")

    assert (frame.data, frame.lines) == ("a\n\nb", 3)


def test_one_space_after_the_colon_is_dropped() -> None:
    """Any further space, and a tab, belong to the value."""
    assert data(b"data:a\n\ndata:  a\n\ndata:\ta\n\ndata: \n\n") == ["a", " a", "\ta", ""]


def test_a_line_without_a_colon_is_a_field_with_an_empty_value() -> None:
    """`data` alone is an empty line of data."""
    assert data(b"data\n\ndata\ndata\n\n") == ["", "\n"]


def test_unknown_fields_are_passed_over() -> None:
    """Field names are compared as they stand: no trimming, no folding of case."""
    assert data(b"Data: a\n data: b\ndata : c\nretry: 3\nfoo: d\n\n") == [None]


def test_a_bom_is_dropped_once_at_the_start() -> None:
    """A second one makes an unknown field of its line."""
    bom = b"\xef\xbb\xbf"

    assert data(bom + b"data: a\n\n") == ["a"]
    assert data(bom + bom + b"data: a\n\n") == [None]
    assert data(b"data: a\n\n" + bom + b"data: b\n\n") == ["a", None]


def test_a_bom_alone_on_a_later_line_is_no_empty_line() -> None:
    """Only at the very start does it vanish; later it is an unknown field."""
    bom = b"\xef\xbb\xbf"

    assert data(b"data: a\n" + bom + b"\ndata: b\n\n") == ["a\nb"]
    assert data(bom + b"\n" + b"data: a\n\n") == [None, "a"]


def test_a_bom_cut_across_reads_is_dropped() -> None:
    """It is known as a BOM when its last byte has come."""
    assert data(b"\xef", b"\xbb", b"\xbfdata: a\n", b"\n") == ["a"]


def test_a_character_cut_between_reads_is_whole() -> None:
    """Bytes are joined before they become text."""
    text = "data: é€😀\n\n".encode()

    assert data(*(bytes([byte]) for byte in text)) == ["é€😀"]


def test_bad_utf8_becomes_replacement_characters() -> None:
    """It is decoded as the standard says, and nothing raises."""
    assert data(b"data: a\xffb\xc3\n\n") == ["a�b�"]


@pytest.mark.parametrize("char", ["\u2028", "\u2029", "\x85", "\v", "\f", "\x1c"])
def test_other_line_separators_end_no_line(char: str) -> None:
    """Only LF and CR do, whatever `str.splitlines` thinks."""
    assert data(f"data: a{char}b\n\n".encode()) == [f"a{char}b"]


def test_a_block_without_data_dispatches_nothing() -> None:
    """It is a frame all the same, because its bytes are judged."""
    (frame,) = frames(b"event: ping\n\n")

    assert (frame.event, frame.data, frame.lines) == ("ping", None, 0)


def test_an_event_without_a_name_is_a_message() -> None:
    """The last name of a block wins; none, or an empty one, is "message"; none is carried over."""
    blocks = b"event: a\nevent: b\ndata: 1\n\ndata: 2\n\nevent: c\nevent:\ndata: 3\n\n"

    assert [frame.event for frame in frames(blocks)] == ["b", "message", "message"]


def test_an_id_with_nul_is_ignored() -> None:
    """The id before it stays."""
    ids = [frame.id for frame in frames(b"id: 1\nid: a\0b\n\nid: 2\n\nid\n\ndata: a\n\n")]

    assert ids == ["1", "2", "", None]


def test_a_block_that_the_stream_cuts_off_is_marked() -> None:
    """What arrived of it is told, and that it did not end."""
    whole, cut = frames(b"data: a\n\nevent: x\ndata: b")

    assert (whole.cut, cut.cut) == (False, True)
    assert (cut.event, cut.data, cut.raw) == ("x", "b", b"event: x\ndata: b")


def test_a_stream_that_ends_after_a_line_is_cut_too() -> None:
    """The empty line is missing, not the line end."""
    (frame,) = frames(b"data: a\n")

    assert (frame.data, frame.cut) == ("a", True)


def test_an_empty_stream_has_no_frames() -> None:
    """Nothing in, nothing out."""
    assert frames() == frames(b"", b"") == []


def test_a_frame_tells_when_its_last_byte_came() -> None:
    """The time is that of the read that completed the block."""
    decoder = Decoder()
    found = [*decoder.feed(b"data: a\n\ndata:", 0.5), *decoder.feed(b" b\n\nda", 2.0), *decoder.close(3.0)]

    assert [frame.time_s for frame in found] == [0.5, 2.0, 3.0]


@steady
@given(streams)
def test_no_byte_is_lost(stream: bytes) -> None:
    """The raw bytes of all frames, joined, are the stream, and each offset tells what lies before."""
    found = frames(stream)

    assert b"".join(frame.raw for frame in found) == stream
    assert [frame.offset for frame in found] == [stream.index(frame.raw, frame.offset) for frame in found]
    assert all(frame.raw for frame in found)


@steady
@given(streams, st.lists(st.integers(0, 60), max_size=8))
def test_cuts_change_nothing(stream: bytes, cuts: list[int]) -> None:
    """However a stream is cut into reads, its frames are the same."""
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[start:end] for start, end in pairwise(edges)]

    assert frames(*pieces) == frames(stream)
    assert frames(*(bytes([byte]) for byte in stream)) == frames(stream)


@steady
@given(streams)
def test_only_the_last_frame_may_be_cut(stream: bytes) -> None:
    """A frame that is not cut ends with a line end, and adding an empty line heals one that is."""
    found = frames(stream)

    assert not any(frame.cut for frame in found[:-1])
    if found and found[-1].cut:
        assert replace(frames(stream + b"\n\n")[len(found) - 1], raw=b"", cut=True) == replace(
            found[-1], raw=b""
        )


@pytest.mark.parametrize("size", [1024, 6_000_000])
@pytest.mark.parametrize(
    "line", [b"a" * 5_000_000, b"a" * 70 + b"\r\ndata: "], ids=["one line", "many lines"]
)
def test_an_event_of_megabytes_is_read(line: bytes, size: int) -> None:
    """Nothing is scanned twice, so that long events cost what short ones cost."""
    body = line * (5_000_000 // len(line))
    stream = b"data: " + body + b"\n\n"

    (frame,) = frames(*(stream[start : start + size] for start in range(0, len(stream), size)))

    assert frame.data is not None
    assert len(frame.raw) == len(stream)
