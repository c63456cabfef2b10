"""Where messages leave, and what is written down of them."""

from collections import Counter

import pytest

from livegen.clock import NS_PER_MS, ManualClock
from livegen.events import PEDALS, ControlChange, NoteOff, NoteOn, PitchBend
from livegen.midi_out.ledger import Ledger, blank_ledger
from livegen.midi_out.sender import MidiSender
from livegen.routing import OutputRoute


class EventLog:
    """An output that keeps what it is sent."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def send(self, message: bytes) -> None:
        self.messages.append(message.hex(" "))


class Stand:
    """A sender with two outputs, the second an octave lower on channel 6."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.ledger: Ledger = blank_ledger()
        self.plain, self.moved = EventLog(), EventLog()
        self.sender = MidiSender(self.ledger, self.clock.now_ns)
        self.attached, _ = self.sender.attach(
            [(self.plain, OutputRoute()), (self.moved, OutputRoute(channels=(5,), transpose=-12))]
        )

    asked = 0

    def suspect_a_loop(self) -> None:
        """Everything of late has come back, and nothing else has been sent."""
        while len(self.plain.messages) == self.asked:
            self.asked += 1
            self.pass_on("b0 07 64")
        self.plain.messages.clear()

    def pass_on(self, message: str, channel: int | None = None) -> None:
        self.sender.pass_on(bytes.fromhex(message), channel)


def test_what_is_passed_on_reaches_every_output_as_it_likes_it():
    stand = Stand()

    stand.pass_on("90 3c 50")
    stand.pass_on("80 3c 21")

    assert stand.plain.messages == ["90 3c 50", "80 3c 21"]
    assert stand.moved.messages == ["95 30 50", "85 30 21"]
    assert stand.ledger.sounding() == ()


def test_a_note_passed_on_is_in_the_ledger_until_it_ends_and_pending_when_the_outputs_go():
    stand = Stand()
    stand.pass_on("90 3c 50")
    stand.pass_on("b0 40 7f", channel=3)

    sounding = stand.ledger.sounding()
    hanging = stand.sender.detach((stand.plain, stand.moved))
    stand.pass_on("80 3c 00")  # to nobody
    back = EventLog()
    stand.sender.attach([(back, OutputRoute())])
    is_owing = stand.sender.resend_pending()
    stand.sender.clear_pending()

    assert sounding == (NoteOff(60, 0), NoteOff(48, 5))
    assert hanging == 2
    assert is_owing
    assert Counter(back.messages) == Counter(["80 3c 00", "85 30 00", "b3 40 00"])
    assert not stand.sender.resend_pending()


def test_what_is_pending_for_an_output_that_went_is_sent_to_no_other_and_a_pedal_down_elsewhere_stays_down():
    stand = Stand()
    stand.sender.attach([(also := EventLog(), OutputRoute())])
    stand.pass_on("90 3c 50")
    stand.pass_on("b0 40 7f")

    hanging = stand.sender.detach((stand.plain,))
    sounding, pedals = stand.ledger.sounding(), stand.ledger.held()
    for message in ("80 3c 00", "b0 40 00"):
        stand.pass_on(message)
    is_sent_to_others = stand.sender.resend_pending()
    stand.sender.attach([(back := EventLog(), OutputRoute())])
    stand.sender.resend_pending()

    assert (hanging, is_sent_to_others) == (1, False)
    assert (sounding, pedals) == ((NoteOff(60), NoteOff(48, 5)), (ControlChange(64, 0), ControlChange(64, 0, 5)))
    assert also.messages == ["90 3c 50", "b0 40 7f", "80 3c 00", "b0 40 00"]
    assert back.messages == ["80 3c 00", "b0 40 00"]
    assert stand.ledger.sounding() == stand.ledger.held() == ()


def test_a_bend_of_an_output_that_is_detached_is_centred_there_and_stays_elsewhere():
    stand = Stand()
    stand.sender.attach([(also := EventLog(), OutputRoute())])
    stand.pass_on("e0 00 50")

    stand.sender.detach((stand.plain,), are_there=True)
    held = stand.ledger.held()
    stand.sender.detach((stand.moved, also))
    stand.sender.attach([(back := EventLog(), OutputRoute())])
    stand.sender.resend_pending()

    assert stand.plain.messages == ["e0 00 50", "e0 00 40"]
    assert held == (PitchBend(0), PitchBend(0, 5))
    assert set(back.messages) == {"e0 00 40", "e5 00 40"}


def test_a_pedal_that_is_let_go_twice_within_a_moment_is_up():
    stand = Stand()

    stand.suspect_a_loop()
    for message in ("b0 40 00", "b0 40 7f", "b0 40 00", "e0 00 40", "e0 00 50", "e0 00 40"):
        stand.pass_on(message)

    assert stand.plain.messages == ["b0 40 00", "b0 40 7f", "b0 40 00", "e0 00 40", "e0 00 50", "e0 00 40"]


def test_a_controller_that_comes_round_again_is_not_passed_on_for_ever():
    stand = Stand()
    stand.pass_on("b0 07 64")

    rounds = 0
    while stand.plain.messages and rounds < 1_000:
        rounds += 1
        stand.clock.move_to(stand.clock.now_ns() + 5 * NS_PER_MS)
        come_back, stand.plain.messages = stand.plain.messages, []
        for message in come_back:
            stand.pass_on(message)

    assert rounds < 1_000


def test_equal_controllers_of_a_player_are_all_passed_on():
    stand = Stand()
    nrpns = ["b0 63 01", "b0 62 08", "b0 06 40", "b0 26 00", "b0 63 01", "b0 62 09", "b0 06 40", "b0 26 00"]

    for message in nrpns:
        stand.pass_on(message)
        stand.clock.move_to(stand.clock.now_ns() + NS_PER_MS)

    assert stand.plain.messages == nrpns


@pytest.mark.parametrize("pedal", PEDALS)
def test_each_pedal_that_is_down_at_an_output_is_lifted_when_the_output_goes(pedal: int):
    stand = Stand()
    stand.pass_on(f"b0 {pedal:02x} 7f")

    stand.sender.detach((stand.plain,), are_there=True)

    assert stand.plain.messages == [f"b0 {pedal:02x} 7f", f"b0 {pedal:02x} 00"]


def test_a_pedal_that_was_written_is_lifted_in_silence_and_when_it_is_down_too_long():
    stand = Stand()
    down = [ControlChange(66, 127, 2), ControlChange(67, 127, 2)]
    for event in down:
        stand.sender.send(stand.attached, [event], written=event)
    stand.sender.limiter.longest_ns = 30 * NS_PER_MS
    silence = stand.sender.written_silence(stand.attached)
    stand.clock.move_to(30 * NS_PER_MS)

    ended = stand.sender.end_overlong()

    up = [ControlChange(66, 0, 2), ControlChange(67, 0, 2)]
    assert silence == [*up, *(ControlChange(number, 0, 2) for number in (64, 123, 120))]
    assert (ended, stand.plain.messages[2:]) == (2, ["b2 42 00", "b2 43 00"])


def test_each_note_on_that_leaves_is_told():
    stand = Stand()
    told: list[tuple[NoteOn, int, bool]] = []
    stand.sender.on_note = lambda note, at_ns, is_passed: told.append((note, at_ns, is_passed))
    stand.clock.move_to(7)

    stand.sender.send(stand.attached, [NoteOn(60, 80), NoteOff(60), ControlChange(1, 2)])
    stand.pass_on("90 3e 50")

    assert told == [
        (NoteOn(60, 80), 7, False),
        (NoteOn(62, 80), 7, True),
        (NoteOn(50, 80, 5), 7, True),
    ]


def test_nothing_leaves_louder_than_the_limits_whoever_sent_it():
    stand = Stand()
    stand.sender.limiter.velocity, stand.sender.limiter.volume = 90, 100

    stand.sender.send(
        stand.attached, [NoteOn(60, 127), ControlChange(7, 127), ControlChange(7, 20), ControlChange(10, 127)]
    )
    stand.pass_on("91 3e 7f")

    assert stand.plain.messages == ["90 3c 5a", "b0 07 64", "b0 07 14", "b0 0a 7f", "91 3e 5a"]


def test_on_the_way_to_silence_notes_become_softer_and_then_none_begins():
    stand = Stand()
    for level in (1.0, 0.5, 0.001, 0.0):
        stand.sender.limiter.level = level
        stand.sender.send(stand.attached, [NoteOn(60, 100), NoteOff(60)])

    assert [message for message in stand.plain.messages if message.startswith("90")] == [
        "90 3c 64",
        "90 3c 32",
        "90 3c 01",
    ]
    assert stand.ledger.sounding() == ()


def test_whatever_sounds_for_too_long_is_ended_the_rest_sounds_on():
    stand = Stand()
    stand.sender.limiter.longest_ns = 30 * NS_PER_MS
    stand.sender.send(stand.attached, [NoteOn(60), NoteOn(60), ControlChange(64, 127)])
    stand.clock.move_to(20 * NS_PER_MS)
    stand.sender.send(stand.attached, [NoteOff(60), NoteOn(62)])
    stand.pass_on("91 40 50")
    before = len(stand.plain.messages)

    stand.clock.move_to(30 * NS_PER_MS)
    first = stand.sender.end_overlong()
    again = stand.sender.end_overlong()
    stand.clock.move_to(50 * NS_PER_MS)
    last = stand.sender.end_overlong()

    assert (first, again, last) == (2, 0, 3)
    assert stand.plain.messages[before:] == ["80 3c 00", "b0 40 00", "80 3e 00", "81 40 00"]
    assert stand.moved.messages[-1] == "85 34 00"
    assert stand.ledger.sounding() == ()
    assert stand.ledger.held() == ()


def test_a_note_that_was_ended_may_begin_anew_and_its_late_note_off_hangs_nothing():
    stand = Stand()
    stand.sender.limiter.longest_ns = 30 * NS_PER_MS
    stand.sender.send(stand.attached, [NoteOn(60)])
    stand.clock.move_to(30 * NS_PER_MS)
    stand.sender.end_overlong()

    stand.sender.send(stand.attached, [NoteOff(60), NoteOn(60)])
    sounding = stand.ledger.sounding()
    stand.clock.move_to(60 * NS_PER_MS)
    ended = stand.sender.end_overlong()

    assert (sounding, ended, stand.ledger.sounding()) == ((NoteOff(60),), 1, ())


def test_without_a_cap_a_note_sounds_for_hours_and_where_nothing_may_sound_it_ends_at_once():
    stand = Stand()
    stand.sender.send(stand.attached, [NoteOn(60)])
    stand.clock.move_to(10 * 3_600_000 * NS_PER_MS)

    ended = [stand.sender.end_overlong()]
    stand.sender.limiter.level = 0.0
    ended.append(stand.sender.end_overlong())

    assert ended == [0, 1]
    assert stand.plain.messages == ["90 3c 40", "80 3c 00"]


def test_a_controller_is_set_on_the_channels_of_each_output():
    stand = Stand()

    stand.sender.control(7, 30)

    assert (stand.plain.messages, stand.moved.messages) == (["b0 07 1e"], ["b5 07 1e"])
