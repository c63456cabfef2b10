"""Brings what sending needs into the processor's caches just before it is needed.

Between two moments other programs fill the caches: the first message after 30 ms costs 100 µs, the ones after it 15.
"""

from collections.abc import Callable, Iterable

from livegen.clock import NS_PER_MS
from livegen.events import SUSTAIN_PEDAL, ControlChange, NoteOff, NoteOn, Timed
from livegen.midi_out.ledger import blank_ledger
from livegen.midi_out.output_queue import OutputQueue, Prepared
from livegen.midi_out.sender import AttachedOutput, MidiSender
from livegen.routing import OutputRoute

_LASTS_NS = 150_000
_MOST_NS = NS_PER_MS  # a processor on which it lasts longer does without
_OF_LATE = 8  # rehearsals of which the mean is taken
_EVENTS = (NoteOn(60), ControlChange(SUSTAIN_PEDAL, 127), ControlChange(SUSTAIN_PEDAL, 0), NoteOff(60))


class Rehearsal:
    """Sends notes to nobody, then looks at what the next events need. Owner: the playing thread."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._queue = OutputQueue(AttachedOutput(_Nobody(), OutputRoute()), MidiSender(blank_ledger(), clock))
        self._events = self._queue.prepare(Timed(0, event) for event in _EVENTS)
        self._lasts_ns = _LASTS_NS  # on average, of late

    @property
    def lasts_ns(self) -> int:
        """How long before a moment it should begin."""
        return min(self._lasts_ns, _MOST_NS)

    def rehearse(self, parts: Iterable[tuple[OutputQueue, Prepared]], left_ns: int) -> None:
        """Rehearse these events, ``left_ns`` before their moment; not where it is likely to last longer."""
        begun_ns = self._clock()
        if self._lasts_ns < left_ns:
            self._queue.send(self._events)
            for queue, prepared in parts:
                queue.look_up(prepared)
        self._lasts_ns += (self._clock() - begun_ns - self._lasts_ns) // _OF_LATE


class _Nobody:
    def send(self, *messages: bytes) -> None:
        """Nobody hears them."""
