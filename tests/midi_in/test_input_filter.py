"""One input, made well-formed."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.events import ControlChange, Event, NoteOff, NoteOn, SongPosition, Timed, Transport
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
    stand = Stand()
    for step in range(10_000):  # a second of ten messages a millisecond
        stand.play(f"9{step % 16:x} {step // 16 % 128:02x} 50", at_ns=step * NS_PER_MS // 10)

    lines = stand.input_filter.poll(NS_PER_S) + stand.input_filter.poll(NS_PER_S)

    note_ons = sum(isinstance(event, NoteOn) for event in stand.events())
    assert note_ons == 512 + 1_999
    assert lines == ["'Keys' sends too many messages; some are dropped"]


def test_all_keys_of_all_channels_at_the_speed_of_a_cable_pass_whole():
    stand = Stand()
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
    assert stand.input_filter.poll(NS_PER_S) == []
