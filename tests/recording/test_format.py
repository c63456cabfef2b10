"""The file of a session: whatever becomes of it, what is whole in it is read."""

import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livegen.errors import SessionError
from livegen.recording.format import (
    MARK,
    Kind,
    Record,
    Session,
    decode_session,
    encode_frames,
    read_session,
)

MOMENTS = st.integers(-(2**63), 2**63 - 1)
KINDS = st.sampled_from([kind for kind in Kind if kind is not Kind.GAP])
RECORDS = st.lists(st.builds(Record, MOMENTS, KINDS, st.binary(max_size=40)), min_size=1, max_size=12)
FRAMES = st.lists(RECORDS, min_size=1, max_size=5)

SECONDS = [[Record(100 * second + count, Kind.SAID, bytes(count)) for count in range(5)] for second in range(4)]
FILE = [encode_frames(records) for records in SECONDS]
WHOLE = b"".join(FILE)
ENDS = [sum(map(len, FILE[: count + 1])) for count in range(len(FILE))]


def without_gaps(session: Session) -> list[Record]:
    return [record for record in session.records if record.kind is not Kind.GAP]


@given(FRAMES)
def test_what_is_written_is_what_is_read(frames: list[list[Record]]):
    content = b"".join(encode_frames(records) for records in frames)

    assert decode_session(content, "x") == Session(tuple(record for records in frames for record in records))


@given(FRAMES, st.data())
def test_a_file_cut_at_any_byte_is_read_up_to_there(frames: list[list[Record]], data: st.DataObject):
    encoded = [encode_frames(records) for records in frames]
    content = b"".join(encoded)
    cut = data.draw(st.integers(0, len(content)))
    whole = [count for count in range(len(frames) + 1) if sum(map(len, encoded[:count])) <= cut][-1]

    session = decode_session(content[:cut], "x")

    assert without_gaps(session) == [record for records in frames[:whole] for record in records]
    assert session.lost == cut - sum(map(len, encoded[:whole]))


@pytest.mark.parametrize("at", range(len(WHOLE)))
def test_a_flipped_bit_costs_its_second_and_is_said(at: int):
    damaged = bytearray(WHOLE)
    damaged[at] ^= 1 << at % 8
    hit = next(count for count, end in enumerate(ENDS) if at < end)

    session = decode_session(bytes(damaged), "x")

    assert without_gaps(session) == [
        record for count, records in enumerate(SECONDS) if count != hit for record in records
    ]
    assert (session.damaged, session.lost) == (1, len(FILE[hit]))
    gap = [record.kind for record in session.records].index(Kind.GAP)
    assert gap == 5 * hit


def test_files_laid_end_to_end_are_a_file_even_where_one_was_cut():
    session = decode_session(WHOLE[:-3] + WHOLE, "x")

    assert without_gaps(session) == [record for records in (*SECONDS[:-1], *SECONDS) for record in records]
    assert session.damaged == 1


@given(st.binary(max_size=200))
def test_any_bytes_after_a_whole_frame_cost_nothing_of_it(content: bytes):
    for noise in (content, MARK + content):
        assert without_gaps(decode_session(WHOLE + noise, "x")) == [r for records in SECONDS for r in records]


@given(st.binary(min_size=1, max_size=200).filter(lambda content: not MARK.startswith(content)))
def test_any_other_bytes_are_refused_in_one_line(content: bytes):
    with pytest.raises(SessionError, match=r"^x: .*$"):
        decode_session(content, "x")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"MThd\0\0\0\6", "a.session: not a livegen session; to list the sessions: livegen session list"),
        (MARK.replace(b"1", b"2") + bytes(99), "a.session: the session has format 2; this livegen reads format 1"),
    ],
)
def test_what_is_no_session_is_refused(content: bytes, said: str):
    with pytest.raises(SessionError) as refused:
        decode_session(content, "a.session")

    assert str(refused.value) == said


@pytest.mark.parametrize("content", [b"", MARK[:3], MARK, WHOLE[:30]])
def test_a_file_of_which_nothing_was_written_yet_is_an_empty_session(content: bytes):
    assert without_gaps(decode_session(content, "x")) == []


def test_a_file_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(SessionError, match=r"none\.session: no such file; to list the sessions: livegen session list$"):
        read_session(tmp_path / "none.session")


def test_a_file_that_is_larger_than_any_of_ours_is_refused(tmp_path: Path):
    with (tmp_path / "a.session").open("wb") as file:
        file.truncate(2**30 + 1)  # without a byte on the disk

    with pytest.raises(SessionError, match=r"larger than 1024 MB; livegen writes no session of that size$"):
        read_session(tmp_path / "a.session")


def test_a_frame_that_would_swell_beyond_its_bound_is_dropped():
    bomb = zlib.compress(bytes(50 * 2**20))
    length = len(bomb).to_bytes(4, "little")
    checksum = zlib.crc32(bomb, zlib.crc32(length)).to_bytes(4, "little")

    session = decode_session(FILE[0] + MARK + length + checksum + bomb, "x")

    assert (without_gaps(session), session.damaged) == (SECONDS[0], 1)


def test_a_small_file_that_inflates_to_gigabytes_is_refused():
    frame = encode_frames([Record(0, Kind.TOLD, bytes(2**18))])
    content = frame * 4_200

    with pytest.raises(SessionError, match=r"^x: inflates to more than 1024 MB, as no session of ours does$"):
        decode_session(content, "x")
    assert len(content) < 2**21
    assert len(decode_session(frame * 100, "x").records) == 100


def test_many_records_take_several_frames_and_one_that_fits_none_is_our_bug():
    records = [Record(0, Kind.TOLD, bytes(2**18)) for _ in range(5)]

    assert decode_session(encode_frames(records), "x").records == tuple(records)
    assert encode_frames(records).count(MARK) == 5
    with pytest.raises(ValueError, match="larger than"):
        encode_frames([Record(0, Kind.TOLD, bytes(2**20))])
