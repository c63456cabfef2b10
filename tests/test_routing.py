"""Where an event goes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livegen.clock import NS_PER_MS
from livegen.events import ControlChange, NoteOff, NoteOn, Transport
from livegen.routing import InputRoute, OutputRoute, VoiceAllocator, input_route, output_route
from livegen.settings import InputPort, OutputPort

QUARTET = OutputRoute(channels=(0, 1, 2, 3))


@pytest.mark.parametrize(
    ("port", "played", "heard"),
    [
        (InputPort(), NoteOn(60, 80, 3), NoteOn(60, 80, 3)),
        (InputPort(transpose=-12), NoteOn(60, 80), NoteOn(48, 80)),
        (InputPort(transpose=12), NoteOff(120), None),  # out of range
        (InputPort(channels={1: 3}), NoteOff(60, 0), NoteOff(60, 2)),
        (InputPort(channels={1: 3}), ControlChange(64, 127, 0), ControlChange(64, 127, 2)),
        (InputPort(channels={10: 0}), NoteOn(60, 80, 9), None),  # left out
        (InputPort(), NoteOn(36, 80, 9), None),  # drums
        (InputPort(channels={1: 2}), NoteOff(36, 9), None),
        (InputPort(channels={10: 1}), NoteOn(36, 80, 9), NoteOn(36, 80, 0)),  # pads that are played as keys
        (InputPort(channels={10: 10}), NoteOff(36, 9), NoteOff(36, 9)),
        (InputPort(channels={1: 10}), NoteOn(60, 80, 0), NoteOn(60, 80, 9)),
        (InputPort(), ControlChange(74, 1, 9), ControlChange(74, 1, 9)),  # the knobs beside the pads
        (InputPort(channels={10: 0}), ControlChange(64, 127, 9), None),
        (InputPort(split=60), NoteOn(59, 80, 3), NoteOn(59, 80, 3)),
        (InputPort(split=60), Transport.CLOCK, Transport.CLOCK),
    ],
)
def test_what_an_input_sends_is_heard_on_its_channel_and_pitch(port: InputPort, played, heard):
    assert input_route(port).heard(played) == heard


@pytest.mark.parametrize(
    ("port", "played", "hand"),
    [
        (InputPort(split=60), NoteOn(59, 80), "left"),
        (InputPort(split=60), NoteOff(59), "left"),
        (InputPort(split=60), NoteOn(60, 80, 15), "right"),
        (InputPort(split=60, transpose=12), NoteOff(59), "left"),  # split as it was played
        (InputPort(split=60), ControlChange(1, 2), "right"),
        (InputPort(), NoteOn(0, 80, 15), "right"),  # without a split there is one hand
    ],
)
def test_the_left_hand_is_below_the_split(port: InputPort, played, hand: str):
    assert ("left" if input_route(port).is_left_hand(played) else "right") == hand


def test_people_count_channels_from_one():
    assert output_route(OutputPort(channels=(1, 16), transpose=-12, offset_ms=-2.5)) == OutputRoute(
        channels=(0, 15), transpose=-12, offset_ns=-2_500_000
    )
    assert input_route(InputPort()) == InputRoute()
    assert output_route(OutputPort(offset_ms=1)).offset_ns == NS_PER_MS


@pytest.mark.parametrize(
    ("port", "message", "passed"),
    [
        (InputPort(), "90 3c 50", "90 3c 50"),
        (InputPort(transpose=1, channels={1: 2}), "80 3c 50", "81 3d 50"),  # with its release velocity
        (InputPort(transpose=1), "a0 3c 50", "a0 3d 50"),
        (InputPort(transpose=1), "e0 3c 50", "e0 3c 50"),  # a bend has no pitch
        (InputPort(transpose=1), "c0 3c", "c0 3c"),
        (InputPort(transpose=12), "90 7f 50", None),
        (InputPort(channels={1: 0}), "b0 40 7f", None),
        (InputPort(split=60), "90 3b 50", "90 3b 50"),  # both hands alike
        (InputPort(), "99 24 50", "99 24 50"),  # drums, too
    ],
)
def test_what_is_passed_on_keeps_its_bytes_but_for_channel_and_pitch(port: InputPort, message: str, passed: str | None):
    expected = bytes.fromhex(passed) if passed else None

    assert input_route(port).passed(bytes.fromhex(message)) == expected


@pytest.mark.parametrize(
    ("route", "channel", "passed"),
    [
        (OutputRoute(), None, "93 3c 50"),
        (OutputRoute(), 7, "97 3c 50"),
        (OutputRoute(channels=(5,)), None, "95 3c 50"),  # where its instrument listens
        (OutputRoute(channels=(5,), transpose=-12), 7, "97 30 50"),
    ],
)
def test_what_is_passed_on_goes_to_the_thru_channel_else_to_the_outputs_first(
    route: OutputRoute, channel: int | None, passed: str
):
    assert route.passed(bytes.fromhex("93 3c 50"), channel) == bytes.fromhex(passed)


def test_a_chord_goes_to_a_voice_each_highest_first_and_its_note_offs_follow():
    voices = VoiceAllocator(QUARTET)

    begun = [voices.sent(NoteOn(pitch, 80)) for pitch in (72, 67, 64, 48)]
    ended = [voices.sent(NoteOff(pitch)) for pitch in (48, 72, 64, 67)]

    assert begun == [(NoteOn(72, 80, 0),), (NoteOn(67, 80, 1),), (NoteOn(64, 80, 2),), (NoteOn(48, 80, 3),)]
    assert ended == [(NoteOff(48, 3),), (NoteOff(72, 0),), (NoteOff(64, 2),), (NoteOff(67, 1),)]


def test_a_voice_that_moves_stays_between_those_that_are_held():
    voices = VoiceAllocator(QUARTET)
    for pitch in (72, 67, 64, 48):
        voices.sent(NoteOn(pitch))

    moved = []
    for old, new in ((67, 65), (48, 50), (72, 74)):
        voices.sent(NoteOff(old))
        moved += voices.sent(NoteOn(new))

    assert moved == [NoteOn(65, channel=1), NoteOn(50, channel=3), NoteOn(74, channel=0)]


def test_outer_voices_that_move_at_once_stay_outside():
    voices = VoiceAllocator(QUARTET)
    for pitch in (72, 67, 64, 48):
        voices.sent(NoteOn(pitch))
    for pitch in (48, 72):
        voices.sent(NoteOff(pitch))

    assert [*voices.sent(NoteOn(74)), *voices.sent(NoteOn(50))] == [NoteOn(74, channel=0), NoteOn(50, channel=3)]


def test_a_note_more_than_there_are_voices_shares_one():
    voices = VoiceAllocator(OutputRoute(channels=(0, 1)))

    begun = [event for pitch in (72, 67, 60) for event in voices.sent(NoteOn(pitch))]

    assert begun == [NoteOn(72, channel=0), NoteOn(67, channel=1), NoteOn(60, channel=1)]
    assert voices.sent(NoteOff(60)) == (NoteOff(60, 1),)


def test_controls_and_ends_of_unknown_notes_go_to_every_voice():
    voices = VoiceAllocator(OutputRoute(channels=(0, 1, 1)))

    assert voices.sent(ControlChange(123, 0)) == (ControlChange(123, 0, 0), ControlChange(123, 0, 1))
    assert voices.sent(NoteOff(60)) == (NoteOff(60, 0), NoteOff(60, 1))


def test_what_is_transposed_out_of_range_is_left_out_with_its_end():
    voices = VoiceAllocator(OutputRoute(transpose=12))

    assert (voices.sent(NoteOn(120)), voices.sent(NoteOff(120))) == ((), ())
    assert voices.sent(NoteOn(60, 80, 4)) == (NoteOn(72, 80, 4),)


@given(st.lists(st.tuples(st.booleans(), st.integers(40, 60)), max_size=60))
def test_every_note_off_goes_to_a_channel_where_its_note_sounds(steps: list[tuple[bool, int]]):
    voices = VoiceAllocator(OutputRoute(channels=(0, 1, 2, 3), transpose=-45))
    written: list[int] = []
    sounding: list[tuple[int, int]] = []

    for is_on, pitch in steps:
        if is_on:
            written.append(pitch)
            sounding += [(event.channel, event.pitch) for event in voices.sent(NoteOn(pitch))]
        elif pitch in written:
            written.remove(pitch)
            for event in voices.sent(NoteOff(pitch)):
                sounding.remove((event.channel, event.pitch))

    assert len(sounding) == sum(pitch >= 45 for pitch in written)
