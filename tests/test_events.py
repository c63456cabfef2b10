"""Events as MIDI messages, both ways."""

import pytest

from livegen.events import (
    ControlChange,
    Event,
    NoteOff,
    NoteOn,
    PitchBend,
    ProgramChange,
    SongPosition,
    Transport,
    from_bytes,
    to_bytes,
)

EVENTS: tuple[Event, ...] = (
    NoteOn(60, 1, 15),
    NoteOff(127, 3),
    ControlChange(64, 127, 2),
    ProgramChange(9, 1),
    PitchBend(-8192, 4),
    PitchBend(8191),
    SongPosition(300),
    *Transport,
)


@pytest.mark.parametrize("event", EVENTS, ids=str)
def test_what_is_written_is_read(event: Event) -> None:
    assert from_bytes(to_bytes(event)) == event


def test_a_song_position_has_its_low_seven_bits_first() -> None:
    assert to_bytes(SongPosition(300)) == bytes((0xF2, 300 & 0x7F, 300 >> 7))


def test_a_bend_in_the_middle_is_the_centre() -> None:
    assert from_bytes((0xE3, 0, 64)) == PitchBend(0, 3)


def test_a_note_on_without_velocity_is_a_note_off() -> None:
    assert from_bytes((0x95, 60, 0)) == NoteOff(60, 5)


@pytest.mark.parametrize(
    "message", [(), (60,), (0x90,), (0x90, 60), (0xC0,), (0xF2, 1), (0xE0, 0), (0xD0, 64), (0xF0, 1, 2), (0xF4,)]
)
def test_what_is_cut_short_or_of_another_kind_is_no_event(message: tuple[int, ...]) -> None:
    assert from_bytes(message) is None


def test_a_note_s_end_has_no_velocity() -> None:
    assert to_bytes(NoteOn(60, 80, 2)) == bytes((0x92, 60, 80))
    assert to_bytes(NoteOff(60, 2)) == bytes((0x82, 60, 0))
