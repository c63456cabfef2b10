"""One input, made well-formed."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.events import PEDALS, ControlChange, Event, NoteOff, NoteOn, SongPosition, Timed, Transport
from livegen.midi_in.input_filter import InputFilter
from livegen.midi_in.loop_detector import LoopDetector
from livegen.routing import InputRoute
from livegen.sync.clock_message import ClockMessage

ON, OFF = "90 3c 50", "80 3c 00"


class Stand:
    """A keyboard, and what goes on from it."""

    def __init__(self, route: InputRoute | None = None, loop_detector: LoopDetector | None = None) -> None:
        self.heard: list[Timed] = []
        self.passed: list[str] = []
        self.input_filter = InputFilter(
            "Keys",
            route or InputRoute(),
            self.heard.append,
            thru=lambda message: self.passed.append(message.hex(" ")),
            loop_detector=loop_detector,
        )

    def play(self, *messages: str, at_ns: int = 0) -> None:
        for message in messages:
            self.input_filter.take(list(bytes.fromhex(message)), at_ns)

    def events(self) -> list[Event]:
        return [timed.event for timed in self.heard]


def test_what_is_played_is_heard_with_its_moment_and_passed_on_with_its_bytes():
    stand = Stand()

    stand.play(ON, at_ns=5)
    stand.play("80 3c 21", "e0 00 50", at_ns=7)

    assert stand.heard == [Timed(5, NoteOn(60, 80)), Timed(7, NoteOff(60))]
    assert stand.passed == [ON, "80 3c 21", "e0 00 50"]


def test_drums_are_passed_on_and_not_heard_and_told_once():
    stand = Stand()

    stand.play("99 24 50", "89 24 00", "b9 4a 10")
    told = stand.input_filter.poll(0)
    stand.play("99 24 50", "89 24 00")

    assert stand.events() == [ControlChange(74, 16, 9)]
    assert stand.passed == ["99 24 50", "89 24 00", "b9 4a 10", "99 24 50", "89 24 00"]
    assert told[0].startswith("'Keys' plays on channel 10: drums are not heard as a phrase; to hear them as notes give")
    assert len(told) == 1
    assert stand.input_filter.poll(0) == []


def test_a_bend_on_channel_10_says_that_it_is_a_member_of_an_mpe_zone():
    stand = Stand()

    stand.play("e9 00 40", "99 24 50", "e9 00 41", "89 24 00", "e9 05 40", "99 3c 50", "89 3c 00")

    assert stand.events() == [NoteOn(60, 80, 9), NoteOff(60, 9)]


def test_a_note_struck_again_is_ended_first():
    stand = Stand()

    stand.play(ON, ON, OFF, OFF)

    assert stand.events() == [NoteOn(60, 80), NoteOff(60), NoteOn(60, 80), NoteOff(60)]
    assert stand.passed == [ON, OFF, ON, OFF]


def test_the_end_of_no_note_is_nothing():
    stand = Stand()

    stand.play(OFF, "90 3d 00")

    assert (stand.events(), stand.passed) == ([], [])


def test_what_a_vanished_keyboard_held_ends():
    stand = Stand(InputRoute(transpose=1))
    stand.play(ON, "91 30 50", "b0 40 7f", "90 3e 50", "80 3e 00")
    stand.heard.clear()
    stand.passed.clear()

    released = [stand.input_filter.release(9), stand.input_filter.release(10)]

    assert stand.heard == [Timed(9, NoteOff(61)), Timed(9, NoteOff(49, 1)), Timed(9, ControlChange(64, 0))]
    assert stand.passed == ["80 3d 00", "81 31 00", "b0 40 00"]
    assert released == [True, False]


def test_a_keyboard_that_stops_sensing_has_let_go():
    stand = Stand()
    stand.play("fe", ON, at_ns=0)

    lines = stand.input_filter.poll(300 * NS_PER_MS) + stand.input_filter.poll(301 * NS_PER_MS)
    lines += stand.input_filter.poll(302 * NS_PER_MS)

    assert lines == ["'Keys' has stopped sending; its notes are ended"]
    assert stand.events() == [NoteOn(60, 80), NoteOff(60)]


def test_a_keyboard_that_never_sensed_may_be_silent():
    stand = Stand()
    stand.play(ON)

    assert stand.input_filter.poll(60 * NS_PER_S) == []
    assert stand.events() == [NoteOn(60, 80)]


def test_the_clock_is_heard_but_neither_sensed_nor_passed_on():
    stand = Stand()

    stand.play("fe", "f8", "fa", "f2 10 00", "fc")

    assert stand.events() == [Transport.CLOCK, Transport.START, SongPosition(16), Transport.STOP]
    assert stand.passed == []


def test_a_pulse_has_beside_it_how_long_its_server_has_stood_still():
    heard: list[object] = []
    input_filter = InputFilter("keys", InputRoute(), heard.append)

    input_filter.take([0xF8], 7, stalled_ns=3)
    input_filter.take([0xFF], 8)

    assert heard == [ClockMessage(7, Transport.CLOCK, 3), Timed(8, Transport.RESET)]


def test_a_reset_ends_what_is_held():
    stand = Stand()

    stand.play(ON, "ff")

    assert stand.events() == [NoteOn(60, 80), NoteOff(60), Transport.RESET]


def test_a_flood_is_cut_to_twice_what_a_cable_carries_and_said_once():
    stand = Stand(InputRoute(hears_percussion=True))
    for step in range(10_000):  # a second of ten messages a millisecond
        stand.play(f"9{step % 16:x} {step // 16 % 128:02x} 50", at_ns=step * NS_PER_MS // 10)

    lines = stand.input_filter.poll(NS_PER_S) + stand.input_filter.poll(NS_PER_S)

    note_ons = sum(isinstance(event, NoteOn) for event in stand.events())
    assert note_ons == 512 + 1_999
    assert lines == ["'Keys' sends too many messages; some are dropped"]


def test_a_flood_that_pauses_for_a_moment_is_said_once_and_another_one_again():
    stand, said = Stand(InputRoute(hears_percussion=True)), []
    for second in (1, 4, 5, 60):  # at 4 nothing is left out
        for step in range(10_000 if second != 4 else 10):
            stand.play(f"9{step % 16:x} {step // 16 % 128:02x} 50", at_ns=second * NS_PER_S + step * NS_PER_MS // 10)
        said.append(len(stand.input_filter.poll((second + 1) * NS_PER_S)))

    assert said == [1, 0, 0, 1]


def test_all_keys_of_all_channels_at_the_speed_of_a_cable_pass_whole():
    stand = Stand(InputRoute(hears_percussion=True))
    keys = [(channel, pitch) for channel in range(16) for pitch in range(128)]
    for index, (channel, pitch) in enumerate(keys):
        stand.play(f"9{channel:x} {pitch:02x} 50", at_ns=index * 640_000)  # running status, 31,250 baud

    assert stand.events() == [NoteOn(pitch, 80, channel) for channel, pitch in keys]


def test_a_loop_is_left_out_and_not_passed_on_for_ever():
    loop_detector = LoopDetector()
    stand = Stand(loop_detector=loop_detector)
    for index in range(20):
        loop_detector.sent(NoteOn(60, 80), index * 10 * NS_PER_MS)
        stand.play(ON, OFF, at_ns=index * 10 * NS_PER_MS + NS_PER_MS)

    assert stand.passed == [ON, OFF] * 3


def test_a_bug_of_ours_does_not_reach_the_midi_systems_thread_and_is_said_once():
    def fail(_: Timed) -> None:
        raise ZeroDivisionError("no")

    input_filter = InputFilter("Keys", InputRoute(), fail)
    input_filter.take([0x90, 60, 80], 0)
    input_filter.take([0x90, 61, 80], 0)

    assert input_filter.poll(0) == ["'Keys': ZeroDivisionError: no; a bug in livegen, please report it"]
    assert input_filter.poll(0) == []


@settings(max_examples=200)
@given(
    st.lists(
        st.one_of(
            st.lists(st.integers(0, 255), max_size=6),
            st.tuples(st.sampled_from([0x80, 0x90, 0x91, 0xB0]), st.sampled_from([60, 61, 64]), st.integers(0, 127)),
        ),
        max_size=80,
    ),
    st.integers(0, 2_000_000),
)
def test_whatever_comes_every_note_and_pedal_that_goes_on_has_one_end(received: list[list[int]], step_ns: int):
    stand = Stand()

    for index, message in enumerate(received):
        stand.input_filter.take(message, index * step_ns)
    stand.input_filter.release(len(received) * step_ns)

    sounding: Counter[tuple[int, int]] = Counter()
    for event in stand.events():
        if isinstance(event, NoteOn):
            sounding[event.channel, event.pitch] += 1
            assert sounding[event.channel, event.pitch] == 1
        if isinstance(event, NoteOff):
            sounding[event.channel, event.pitch] -= 1
            assert sounding[event.channel, event.pitch] == 0
    assert not any(sounding.values())
    assert [line for line in stand.input_filter.poll(NS_PER_S) if "plays on channel 10" not in line] == []


def test_all_notes_off_ends_the_notes_of_its_channel_and_goes_no_further():
    stand = Stand()

    stand.play(ON, "91 30 50", "b0 7b 00")
    between = list(stand.passed)
    stand.play(OFF)

    assert stand.events() == [NoteOn(60, 80), NoteOn(48, 80, 1), NoteOff(60)]
    assert stand.passed == between == [ON, "91 30 50", OFF]


@pytest.mark.parametrize("mode", [124, 125, 126, 127])
def test_a_change_of_mode_ends_the_notes_of_its_channel_before_it_is_passed_on(mode: int):
    stand = Stand()

    stand.play(ON, "91 30 50", f"b0 {mode:02x} 00")

    assert stand.passed == [ON, "91 30 50", OFF, f"b0 {mode:02x} 00"]


def test_all_sound_off_ends_what_a_pedal_holds_too_and_the_pedal_is_down_as_before():
    stand = Stand()

    stand.play(ON, "b0 40 7f", "b0 42 7f", "b1 40 7f", "b0 78 00", "b0 40 00", "b0 42 00")

    lifted = ["b0 40 00", "b0 42 00"]
    pressed = ["b0 40 7f", "b0 42 7f"]
    assert stand.passed == [ON, *pressed, "b1 40 7f", OFF, *lifted, *pressed, *lifted]


def test_reset_all_controllers_lifts_the_pedals_and_centres_the_bend_of_its_channel():
    stand = Stand()
    stand.play(ON, "b0 40 7f", "b0 42 7f", "b0 43 7f", "e0 00 50", "b1 40 7f", "e1 00 50")
    stand.passed.clear()

    stand.play("b0 79 00")

    assert stand.passed == ["b0 40 00", "b0 42 00", "b0 43 00", "e0 00 40", "b0 79 00"]
    assert stand.input_filter.release(0)


@pytest.mark.parametrize("pedal", PEDALS)
def test_each_pedal_comes_up_when_its_keyboard_vanishes(pedal: int):
    stand = Stand()
    stand.play(f"b3 {pedal:02x} 7f")

    released = [stand.input_filter.release(0), stand.input_filter.release(0)]

    assert stand.passed == [f"b3 {pedal:02x} 7f", f"b3 {pedal:02x} 00"]
    assert released == [True, False]


def test_a_bend_is_centred_when_its_keyboard_vanishes():
    stand = Stand()
    stand.play("e2 00 50", "e3 00 50", "e3 00 40")
    stand.passed.clear()

    released = stand.input_filter.release(0)

    assert (released, stand.passed) == (True, ["e2 00 40"])


def test_the_next_note_of_a_key_sounds_on_when_it_begins_a_moment_before_the_end_of_the_last():
    stand = Stand()
    stand.play(ON)
    stand.play(ON, at_ns=400 * NS_PER_MS)

    stand.play(OFF, at_ns=401 * NS_PER_MS)
    between = list(stand.passed)
    stand.play(OFF, at_ns=402 * NS_PER_MS)

    assert between == [ON, OFF, ON]
    assert stand.passed == [ON, OFF, ON, OFF]


def test_a_note_whose_end_was_perhaps_taken_for_an_earlier_ones_ends_within_seconds():
    stand = Stand()

    stand.play(ON, ON, OFF, at_ns=0)  # a contact that bounces, or a flood: there is no other note-off
    stand.input_filter.poll(9 * NS_PER_S)
    assert stand.events() == [NoteOn(60, 80), NoteOff(60), NoteOn(60, 80)]

    stand.input_filter.poll(11 * NS_PER_S)
    assert stand.heard[-1] == Timed(11 * NS_PER_S, NoteOff(60))
    assert not stand.input_filter.release(12 * NS_PER_S)


@pytest.mark.parametrize("end", [OFF, ON])
def test_a_note_that_has_its_own_end_or_is_struck_again_is_no_more_in_doubt(end: str):
    stand = Stand()

    stand.play(ON, ON, OFF, at_ns=0)
    stand.play(end, at_ns=NS_PER_S)
    before = stand.events()
    stand.input_filter.poll(60 * NS_PER_S)

    assert stand.events() == before


def test_a_key_whose_note_off_was_lost_ends_at_its_next_one():
    stand = Stand()
    stand.play(ON)
    stand.play(ON, at_ns=400 * NS_PER_MS)

    stand.play(OFF, at_ns=500 * NS_PER_MS)

    assert stand.passed == [ON, OFF, ON, OFF]


def test_a_stream_of_bends_and_pressure_leaves_no_note_out_and_no_end():
    stand = Stand()
    for step in range(4_000):  # two fingers of an MPE keyboard, a message of each a quarter of a millisecond
        stand.play(f"e{step % 2 + 1:x} {step % 128:02x} 50", f"d{step % 2 + 1:x} 40", at_ns=step * NS_PER_MS // 4)
        stand.play(*([ON, OFF] if step % 20 == 0 else []), at_ns=step * NS_PER_MS // 4)
    stand.play(ON, OFF, "e1 00 40", "e2 00 40", at_ns=NS_PER_S)

    assert stand.events() == [NoteOn(60, 80), NoteOff(60)] * 201
    assert stand.passed[-4:] == [ON, OFF, "e1 00 40", "e2 00 40"]
