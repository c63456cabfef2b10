"""What is done just before a moment."""

from livegen.clock import NS_PER_MS, ManualClock
from livegen.events import NoteOn, Timed
from livegen.midi_out.ledger import blank_ledger
from livegen.midi_out.output_queue import OutputQueue
from livegen.midi_out.rehearsal import Rehearsal
from livegen.midi_out.sender import AttachedOutput, MidiSender
from livegen.routing import OutputRoute


class Slow:
    """An output that takes its time even when it is sent nothing."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.asked = 0
        self.takes_ns = 0
        self.messages: list[bytes] = []

    def send(self, *messages: bytes) -> None:
        self.messages += messages
        self.asked += 1
        self._clock.move_to(self._clock.now_ns() + self.takes_ns)


def test_a_rehearsal_sends_nothing_begins_earlier_where_it_lasts_longer_and_is_left_out_where_there_is_no_time():
    clock = ManualClock()
    output = Slow(clock)
    queue = OutputQueue(AttachedOutput(output, OutputRoute()), MidiSender(blank_ledger(), clock.now_ns))
    parts = [(queue, queue.prepare([Timed(0, NoteOn(60))]))]
    rehearsal = Rehearsal(clock.now_ns)

    begins_ns = []
    for output.takes_ns in (NS_PER_MS // 2, 100 * NS_PER_MS):
        for _ in range(100):
            rehearsal.rehearse(parts, left_ns=rehearsal.lasts_ns + 1)
        begins_ns.append(rehearsal.lasts_ns)
    asked = output.asked
    rehearsal.rehearse(parts, left_ns=1)

    assert output.messages == []
    assert 0.4 * NS_PER_MS < begins_ns[0] <= NS_PER_MS / 2
    assert begins_ns[1] <= NS_PER_MS
    assert 100 < asked < 120
    assert output.asked == asked
