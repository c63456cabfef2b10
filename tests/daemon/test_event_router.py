"""What is carried to the engine, in which order."""

from collections.abc import Callable, Iterator

import pytest

from livegen.clock import NS_PER_S, ManualClock, clock_read_by
from livegen.daemon.controls import Controls
from livegen.daemon.event_router import EngineLost, EventRouter
from livegen.events import ControlChange, NoteOff, NoteOn, Timed, Transport
from livegen.ipc.messages import Heard, HeardHands, Message, Panic
from livegen.settings import Settings
from livegen.sync.clock_message import ClockMessage

PHRASE = (Timed(0, NoteOn(60)), Timed(NS_PER_S, NoteOff(60)))
NEXT = Timed(2 * NS_PER_S, NoteOn(62))


@pytest.fixture(autouse=True)
def clock() -> Iterator[ManualClock]:
    """What the time is: ten seconds after the beginning, at first."""
    manual = ManualClock(10 * NS_PER_S)
    with clock_read_by(manual.now_ns):
        yield manual


class Desk:
    """An event router, what it sent to the engines, and what it called."""

    def __init__(
        self, settings: Settings | None = None, on_clock: Callable[[ClockMessage], None] = lambda _: None
    ) -> None:
        self.told: list[list[Message]] = []
        self.heard: list[Timed] = []
        self.panics = 0
        controls = Controls(settings or Settings(), lambda _: None)
        self.router = EventRouter(self.heard.append, self.panic, controls, on_clock=on_clock)

    def panic(self) -> None:
        self.panics += 1

    def introduce(self) -> None:
        """A new engine."""
        told: list[Message] = []
        self.told.append(told)
        self.router.introduce(told.append)

    def engine_lost(self, planned_ns: int = 0, lost_ns: int = 9 * NS_PER_S, *, is_poisoned: bool = False) -> None:
        """The end of an engine."""
        self.router.engine_lost(EngineLost(planned_ns, lost_ns, is_poisoned))

    def work_off(self) -> None:
        """Do what is queued."""
        self.router.stop()
        self.router.run()


def test_what_is_heard_is_told_at_once():
    desk = Desk()
    desk.introduce()
    for timed in PHRASE:
        desk.router.hear(timed)
    desk.work_off()

    assert desk.told == [[Heard(PHRASE[:1]), Heard(PHRASE[1:])]]
    assert desk.heard == list(PHRASE)


def test_a_left_hand_is_told_as_such_to_the_next_engine_too_and_its_chords_ask_for_no_answer():
    desk = Desk(Settings.model_validate({"limits": {"left_hand": "chord"}}))
    chord = Timed(0, NoteOn(40), is_left_hand=True)
    desk.introduce()
    desk.router.hear(chord)
    desk.introduce()
    desk.work_off()

    assert desk.told == [[HeardHands((chord,))], [HeardHands((chord,))]]
    assert desk.router.asked_ns is None


def test_what_a_clock_says_goes_to_the_clock_source_and_to_no_engine():
    clock: list[ClockMessage] = []
    desk = Desk(on_clock=clock.append)
    desk.introduce()
    desk.router.hear(ClockMessage(5, Transport.CLOCK, 3))
    desk.work_off()

    assert clock == [ClockMessage(5, Transport.CLOCK, 3)]
    assert (desk.told, desk.heard) == ([[]], [])


def test_what_was_heard_before_the_engine_was_ready_is_told_first_and_as_a_whole():
    desk = Desk()
    for timed in PHRASE:
        desk.router.hear(timed)
    desk.introduce()
    desk.router.hear(NEXT)
    desk.work_off()

    assert desk.told == [[Heard(PHRASE), Heard((NEXT,))]]


def test_a_new_engine_is_told_what_the_lost_one_had_not_finished_answering():
    desk = Desk()
    desk.introduce()
    for timed in PHRASE:
        desk.router.hear(timed)
    desk.engine_lost(planned_ns=3 * NS_PER_S, lost_ns=3 * NS_PER_S)
    desk.introduce()
    desk.engine_lost()  # that one died before it planned anything
    desk.introduce()
    desk.work_off()

    assert desk.told[1:] == [[Heard(PHRASE)], [Heard(PHRASE)]]


def test_a_phrase_that_was_answered_is_not_answered_again():
    desk = Desk()
    desk.introduce()
    for timed in PHRASE:
        desk.router.hear(timed)
    desk.engine_lost(planned_ns=3 * NS_PER_S)
    desk.router.hear(Timed(10 * NS_PER_S, NoteOn(62)))
    desk.introduce()
    desk.work_off()

    assert desk.told[1:] == [[Heard((Timed(10 * NS_PER_S, NoteOn(62)),))]]


def test_a_phrase_of_long_ago_is_answered_no_more(clock: ManualClock):
    """Found by the simulator, seed 1201: after an hour without engines, two more died of being busy with it."""
    desk = Desk()
    for timed in PHRASE:
        desk.router.hear(timed)
    clock.move_to(62 * NS_PER_S)
    desk.introduce()
    desk.work_off()

    assert desk.told == [[]]
    assert desk.router.asked_ns is None


def test_a_phrase_that_engines_died_of_is_not_told_again():
    desk = Desk()
    for timed in PHRASE:
        desk.router.hear(timed)
    desk.engine_lost(is_poisoned=True)
    desk.router.hear(NEXT)
    desk.introduce()
    desk.work_off()

    assert desk.told == [[Heard((NEXT,))]]


def test_only_what_a_phrase_is_made_of_is_told_to_an_engine_and_no_controller_is_a_panic():
    desk = Desk()
    pedal, off = Timed(NS_PER_S, ControlChange(66, 127)), Timed(NS_PER_S, ControlChange(123, 0))
    desk.introduce()
    for timed in (*PHRASE, pedal, Timed(NS_PER_S, ControlChange(11, 3)), off, Timed(NS_PER_S, ControlChange(2, 9))):
        desk.router.hear(timed)
    desk.introduce()
    desk.work_off()

    assert desk.told == [[Heard((timed,)) for timed in (*PHRASE, pedal, off)], [Heard((*PHRASE, pedal))]]
    assert desk.panics == 0


def test_a_reset_is_a_panic():
    desk = Desk()
    desk.introduce()
    for timed in (*PHRASE, Timed(NS_PER_S, Transport.RESET)):
        desk.router.hear(timed)
    desk.introduce()
    desk.work_off()

    assert desk.told == [[Heard(PHRASE[:1]), Heard(PHRASE[1:]), Panic()], []]
    assert desk.panics == 1
