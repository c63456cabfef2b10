"""The player, told the time by hand."""

import threading

from livegen.clock import NS_PER_MS, NS_PER_S, ManualClock
from livegen.events import ControlChange, Event, NoteOff, NoteOn, Timed, from_bytes
from livegen.midi_out.ledger import blank_ledger
from livegen.midi_out.player import Player
from livegen.routing import OutputRoute


class EventLog:
    """An output that keeps the events it is sent."""

    def __init__(self) -> None:
        self.events: list[Event | None] = []

    def send(self, message: bytes) -> None:
        self.events.append(from_bytes(message))


class Stand:
    """A player on a manual clock, and the output it plays to."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.output = EventLog()
        self.seen: list[Timed] = []
        self.player = Player(blank_ledger(), self.seen.append, clock=self.clock.now_ns)
        self.player.attach(self.output)

    def move_to(self, at_ns: int) -> None:
        self.clock.move_to(at_ns)
        self.player.send_due()


def test_each_event_leaves_at_its_moment():
    stand = Stand()
    stand.player.play([Timed(20, NoteOff(60)), Timed(10, NoteOn(60))])

    stand.move_to(10)
    first = list(stand.output.events)
    stand.move_to(20)

    assert first == [NoteOn(60)]
    assert stand.output.events == [NoteOn(60), NoteOff(60)]
    assert stand.seen == [Timed(10, NoteOn(60)), Timed(20, NoteOff(60))]


def test_retracting_ends_the_sounding_note():
    stand = Stand()
    stand.player.play([Timed(10, NoteOn(60)), Timed(50, NoteOff(60)), Timed(50, NoteOn(62))])
    stand.move_to(10)

    stand.player.retract(15)
    stand.move_to(99)

    assert stand.output.events == [NoteOn(60), NoteOff(60)]


def test_ending_all_sends_each_note_off_and_the_controls_at_once():
    stand = Stand()
    stand.player.play([Timed(10, NoteOn(60)), Timed(10, NoteOn(60)), Timed(50, NoteOff(60))])
    stand.move_to(10)

    stand.player.end_all()
    stand.move_to(99)

    note_offs = [NoteOff(60), NoteOff(60), ControlChange(64, 0), ControlChange(123, 0), ControlChange(120, 0)]
    assert stand.output.events == [NoteOn(60), NoteOn(60), *note_offs]


def test_ending_all_when_nothing_sounds_sends_nothing():
    stand = Stand()

    stand.player.end_all()

    assert stand.output.events == []


def test_a_lost_output_leaves_its_notes_pending_for_the_next_for_five_seconds():
    stand = Stand()
    stand.player.play([Timed(0, NoteOn(60))])
    stand.move_to(0)
    stand.player.detach(stand.output)
    returned = EventLog()

    stand.player.attach(returned)
    stand.clock.move_to(4 * NS_PER_S)
    is_pending = stand.player.resend_pending()
    stand.clock.move_to(6 * NS_PER_S)
    stand.player.resend_pending()

    assert (is_pending, stand.player.resend_pending()) == (True, False)
    assert returned.events == [NoteOff(60)] * 3
    assert stand.player.hanging == 1


def test_what_sounds_at_an_output_that_goes_is_pending_for_it_and_elsewhere_the_music_goes_on():
    stand = Stand()
    other, returned = EventLog(), EventLog()
    stand.player.attach(other)
    stand.player.play([Timed(0, NoteOn(60)), Timed(9, NoteOff(60)), Timed(9, NoteOn(62)), Timed(19, NoteOff(62))])
    stand.move_to(0)

    stand.player.detach(stand.output)
    stand.player.see(is_whole=True, is_awaited=True)
    stand.move_to(19)
    stand.clock.move_to(6 * NS_PER_S)
    while_away = stand.player.resend_pending()
    stand.player.attach(returned)

    assert stand.output.events == [NoteOn(60)]
    assert other.events == [NoteOn(60), NoteOff(60), NoteOn(62), NoteOff(62)]
    assert returned.events.count(NoteOff(60)) == 1
    assert (stand.player.hanging, while_away) == (1, False)


def test_an_output_that_is_there_is_silent_when_it_is_detached():
    stand = Stand()
    other = EventLog()
    stand.player.attach(other)
    stand.player.play([Timed(0, NoteOn(60)), Timed(0, ControlChange(64, 127)), Timed(9, NoteOff(60))])
    stand.move_to(0)

    stand.player.detach(stand.output, are_there=True)
    stand.move_to(9)

    assert stand.output.events == [ControlChange(64, 127), NoteOn(60), NoteOff(60), ControlChange(64, 0)]
    assert other.events == [ControlChange(64, 127), NoteOn(60), NoteOff(60)]
    assert stand.player.hanging == 0


def test_when_the_first_output_goes_the_next_tells_who_looks_on():
    stand = Stand()
    stand.player.attach(EventLog())
    stand.player.play([Timed(0, NoteOn(60)), Timed(9, NoteOff(60))])
    stand.move_to(0)

    stand.player.detach(stand.output)
    stand.move_to(9)

    assert stand.seen == [Timed(0, NoteOn(60)), Timed(9, NoteOff(60))]


def test_a_note_on_ten_ms_late_is_left_out_and_counted_but_no_note_off():
    stand = Stand()
    stand.player.play([Timed(0, NoteOn(60)), Timed(10 * NS_PER_MS, NoteOff(60))])

    stand.move_to(11 * NS_PER_MS)

    assert stand.output.events == [NoteOff(60)]
    assert stand.player.late_note_ons == 1
    assert stand.player.latency.max_ns == 1 * NS_PER_MS


def test_the_end_of_a_note_that_was_left_out_at_one_output_ends_none_of_another():
    """Where an output comes later than another, its note-on may be left out alone."""
    ledger, clock = blank_ledger(), ManualClock()
    player = Player(ledger, lambda _: None, clock=clock.now_ns)
    player.attach_routed([(EventLog(), OutputRoute()), (EventLog(), OutputRoute(offset_ns=5 * NS_PER_MS))])
    player.play([Timed(0, NoteOff(60)), Timed(0, NoteOn(60))])  # as after a note that was too late

    for _ in range(6):
        player.send_due()
        clock.move_to(clock.now_ns() + NS_PER_MS)

    assert ledger.sounding() == (NoteOff(60),) * 2


def test_without_an_output_the_music_goes_on_unheard():
    stand = Stand()
    stand.player.detach(stand.output)
    stand.player.play([Timed(10, NoteOn(60)), Timed(20, NoteOff(60))])

    stand.move_to(20)

    assert stand.seen == [Timed(10, NoteOn(60)), Timed(20, NoteOff(60))]


def test_the_thread_plays_what_it_is_handed_and_stops():
    is_over = threading.Event()
    player = Player(
        blank_ledger(), lambda timed: is_over.set() if timed.event == NoteOff(60) else None, clock=lambda: 1
    )
    output = EventLog()
    player.attach(output)
    thread = threading.Thread(target=player.run)
    thread.start()

    player.play([Timed(0, NoteOn(60)), Timed(1, NoteOff(60))])
    was_played = is_over.wait(10)
    player.stop()
    thread.join(10)

    assert was_played
    assert output.events == [NoteOn(60), NoteOff(60)]
    assert not thread.is_alive()


def test_a_note_is_in_the_ledger_before_its_note_on_leaves_and_until_its_note_off_has_left():
    ledger = blank_ledger()
    sounding_at_send: list[tuple[NoteOff, ...]] = []

    class FrameTap:
        def send(self, _message: bytes) -> None:
            sounding_at_send.append(ledger.sounding())

    player = Player(ledger, lambda _: None, clock=lambda: 1)
    player.attach(FrameTap())
    player.play([Timed(0, NoteOn(60)), Timed(1, NoteOff(60))])
    player.send_due()

    assert sounding_at_send == [(NoteOff(60),), (NoteOff(60),)]
    assert ledger.sounding() == ()


def test_each_output_has_its_own_moment_channels_and_pitch():
    clock = ManualClock(start_ns=100)
    seen: list[Timed] = []
    player = Player(blank_ledger(), seen.append, clock=clock.now_ns)
    plain, early, late = EventLog(), EventLog(), EventLog()
    routes = (OutputRoute(), OutputRoute(offset_ns=-20, channels=(3,)), OutputRoute(offset_ns=30, transpose=12))
    player.attach_routed(list(zip((plain, early, late), routes, strict=True)))
    player.play([Timed(150, NoteOn(60)), Timed(170, NoteOff(60))])

    left = []
    for at_ns in (130, 150, 170, 180, 200):
        clock.move_to(at_ns)
        player.send_due()
        left.append((len(early.events), len(plain.events), len(late.events)))

    assert left == [(1, 0, 0), (2, 1, 0), (2, 2, 0), (2, 2, 1), (2, 2, 2)]
    assert plain.events == [NoteOn(60), NoteOff(60)]
    assert early.events == [NoteOn(60, channel=3), NoteOff(60, 3)]
    assert late.events == [NoteOn(72), NoteOff(72)]
    assert seen == [Timed(150, NoteOn(60)), Timed(170, NoteOff(60))]
    assert player.latency.max_ns == 0


def test_a_retraction_ends_on_each_output_what_sounds_there_and_only_that():
    clock = ManualClock()
    player = Player(blank_ledger(), lambda _: None, clock=clock.now_ns)
    early, late = EventLog(), EventLog()
    player.attach_routed([(early, OutputRoute()), (late, OutputRoute(offset_ns=50))])
    player.play([Timed(10, NoteOn(60)), Timed(90, NoteOff(60))])
    clock.move_to(10)
    player.send_due()

    player.retract(9)  # the late output has not even begun
    clock.move_to(500)
    player.send_due()

    assert early.events == [NoteOn(60), NoteOff(60)]
    assert late.events == []


def test_voices_of_one_moment_take_their_channels_highest_first():
    clock = ManualClock()
    player = Player(blank_ledger(), lambda _: None, clock=clock.now_ns)
    output = EventLog()
    player.attach_routed([(output, OutputRoute(channels=(0, 1, 2)))])

    player.play([Timed(5, NoteOn(48)), Timed(5, NoteOn(72)), Timed(5, NoteOn(60)), Timed(9, NoteOff(60))])
    clock.move_to(5)
    player.send_due()
    player.end_all()

    assert output.events[:3] == [NoteOn(72, channel=0), NoteOn(60, channel=1), NoteOn(48, channel=2)]
    assert output.events[3:6] == [NoteOff(48, 2), NoteOff(60, 1), NoteOff(72, 0)]


def test_the_machines_end_is_not_the_end_of_what_is_passed_on():
    stand = Stand()
    stand.player.play([Timed(0, NoteOn(72))])
    stand.move_to(0)
    stand.player.sender.pass_on(bytes((0x91, 60, 80)))

    stand.player.end_all()

    assert NoteOff(60, 1) not in stand.output.events
    assert stand.output.events[:3] == [NoteOn(72), NoteOn(60, 80, 1), NoteOff(72)]


def test_what_is_pending_waits_for_an_output_that_is_away():
    stand = Stand()
    stand.player.play([Timed(0, NoteOn(60))])
    stand.move_to(0)
    stand.player.detach(stand.output)
    returned = EventLog()
    stand.player.attach(returned)
    stand.player.see(is_whole=False)

    stand.clock.move_to(60 * NS_PER_S)
    while_away = stand.player.resend_pending()
    stand.player.see(is_whole=True)
    stand.player.resend_pending()
    stand.clock.move_to(66 * NS_PER_S)
    stand.player.resend_pending()

    assert (while_away, stand.player.resend_pending()) == (False, False)
    assert returned.events == [NoteOff(60)] * 3
