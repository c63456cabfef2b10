"""The internal MIDI clock: pulses, starts, stops and positions, each with its moment, for others to follow."""

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.events import PULSES_PER_QUARTER, TICKS_PER_PULSE, TICKS_PER_QUARTER, Event, SongPosition, Timed, Transport
from livegen.music.tempo_map import round_div
from livegen.music.transport import TransportState

_NOTICE_NS = NS_PER_MS  # from a start to its first pulse, for receivers to prepare (MIDI 1.0)
_TICKS_PER_SIXTEENTH = TICKS_PER_QUARTER // 4


class ClockOut:
    """A clock at a tempo, with pulses while it runs. Pure: ``due`` returns each event once. Owner: the calling thread.

    Pulse k is at ``anchor + k * beat_ns // 24``, so rounding errors do not add up. Returned events stay valid: a change
    at a moment before them takes effect right after them.
    """

    def __init__(self, tempo_bpm: float) -> None:
        self._beat_ns = _beat_ns(tempo_bpm)
        self._anchor_ns = 0
        self._anchor_tick = 0
        self._pulses = 0  # since the anchor
        self._is_running = False
        self._discontinuities = 0
        self._made: list[Timed] = []  # in order, not yet returned
        self._free_ns = 0  # the moment of the last event, or of the last ``due``

    @property
    def state(self) -> TransportState:
        """The song position at the anchor; while it is stopped, where it will go on."""
        return TransportState(
            self._is_running, self._anchor_tick, self._anchor_ns, self._beat_ns, self._discontinuities
        )

    def due(self, until_ns: int) -> list[Timed]:
        """All events up to that moment, in order, without those returned before."""
        self._make_pulses(until_ns + 1)
        self._free_ns = max(self._free_ns, until_ns)
        count = sum(timed.at_ns <= until_ns for timed in self._made)
        due = self._made[:count]
        del self._made[:count]
        return due

    def start(self, at_ns: int) -> None:
        """Start from the beginning: the first pulse at that moment."""
        self._go(at_ns, Transport.START, 0)

    def resume(self, at_ns: int) -> None:
        """Continue from the current position: the first pulse at that moment. While it runs, do nothing."""
        if not self._is_running:
            self._go(at_ns, Transport.CONTINUE, self._anchor_tick)

    def stop(self, at_ns: int) -> None:
        """Stop at that moment; ``resume`` continues with the pulse that would have been next."""
        if self._is_running:
            self._make_pulses(at_ns)
            self._make(at_ns, Transport.STOP)
            self._anchor_tick += self._pulses * TICKS_PER_PULSE
            self._pulses = 0
            self._is_running = False

    def locate(self, sixteenths: int, at_ns: int) -> None:
        """Go to a position, 0-16383. While it runs: at its next pulse, before which it stops and continues."""
        tick = sixteenths * _TICKS_PER_SIXTEENTH
        if self._is_running:
            self._make_pulses(max(at_ns, self._free_ns + _NOTICE_NS))
            next_ns = self._pulse_ns(self._pulses)
            for event in (Transport.STOP, SongPosition(sixteenths), Transport.CONTINUE):
                self._make(next_ns - _NOTICE_NS, event)
            self._anchor(next_ns, tick)
        else:
            self._make(at_ns, SongPosition(sixteenths))
            self._anchor_tick = tick

    def set_tempo(self, tempo_bpm: float, now_ns: int) -> None:
        """Change the tempo from now on; the elapsed fraction of the current pulse is kept."""
        from_ns = max(now_ns, self._free_ns)
        self._make_pulses(from_ns + 1)
        old_beat_ns, self._beat_ns = self._beat_ns, _beat_ns(tempo_bpm)
        if self._is_running and self._pulses:
            since_ns = from_ns - self._anchor_ns - (self._pulses - 1) * old_beat_ns // PULSES_PER_QUARTER
            self._anchor_ns = from_ns - round_div(since_ns * self._beat_ns, old_beat_ns)
            self._anchor_tick += (self._pulses - 1) * TICKS_PER_PULSE
            self._pulses = 1

    def _go(self, at_ns: int, event: Event, tick: int) -> None:
        first_ns = max(at_ns, self._free_ns + _NOTICE_NS)
        self._make_pulses(first_ns - _NOTICE_NS)
        self._make(first_ns - _NOTICE_NS, event)
        self._is_running = True
        self._anchor(first_ns, tick)

    def _anchor(self, at_ns: int, tick: int) -> None:
        """Begin a discontinuity: the next pulse, at ``tick``, is at that moment."""
        self._anchor_ns, self._anchor_tick, self._pulses = at_ns, tick, 0
        self._discontinuities += 1

    def _make_pulses(self, before_ns: int) -> None:
        while self._is_running and (at_ns := self._pulse_ns(self._pulses)) < before_ns:
            self._make(at_ns, Transport.CLOCK)
            self._pulses += 1

    def _make(self, at_ns: int, event: Event) -> None:
        self._free_ns = max(self._free_ns, at_ns)
        self._made.append(Timed(self._free_ns, event))

    def _pulse_ns(self, pulse: int) -> int:
        return self._anchor_ns + pulse * self._beat_ns // PULSES_PER_QUARTER


def _beat_ns(tempo_bpm: float) -> int:
    return round(60 * NS_PER_S / tempo_bpm)
