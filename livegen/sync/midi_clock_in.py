"""Follows an external MIDI clock: its song position and its tempo."""

from livegen.clock import NS_PER_S
from livegen.events import PULSES_PER_QUARTER, TICKS_PER_PULSE, TICKS_PER_QUARTER, SongPosition, Transport
from livegen.music.transport import TransportState
from livegen.sync.clock_message import ClockMessage
from livegen.sync.jack_stall import JackStall

LOST_NS = NS_PER_S // 2  # a clock without pulses for so long is lost
_TICKS_PER_SIXTEENTH = TICKS_PER_QUARTER // 4


class ClockFollower:
    """Takes pulses, starts, stops and positions (MIDI 1.0, System Real Time and Song Position). Pure; one owner.

    A start or a position takes effect at the pulse that follows. Where a sender sends pulses and never a start or a
    stop, the song begins with the first pulse. When the clock is lost, the song stops; when the clock returns, the song
    goes on. While the song is stopped, pulses still set the tempo.
    """

    def __init__(self) -> None:
        self._tracker = JackStall()
        self._tick = 0  # of the latest pulse while playing
        self._next_tick = 0  # of the next one
        self._is_playing = False  # the sender's transport, as last received
        self._is_told = False  # a start or a stop was received
        self._is_running = False  # a pulse has arrived since, and the clock is not lost
        self._is_jumping = False  # the next pulse does not follow from the latest
        self._heard_ns: int | None = None
        self._discontinuities = 0

    @property
    def state(self) -> TransportState:
        """The song position: at its latest pulse; while it is stopped, where it will go on."""
        tick = self._tick if self._is_running else self._next_tick
        beat_ns = round(self._tracker.period_ns * PULSES_PER_QUARTER)
        return TransportState(self._is_running, tick, self._tracker.at_ns, beat_ns, self._discontinuities)

    def hear(self, message: ClockMessage) -> None:
        """Take a message, in the order of arrival."""
        match message.event:
            case Transport.CLOCK:
                self._pulse(message.at_ns, message.stalled_ns)
            case Transport.START:
                self._go(0)
            case Transport.CONTINUE if not self._is_playing:
                self._go(self._next_tick)
            case Transport.STOP:
                self._is_told, self._is_playing, self._is_running = True, False, False
            case SongPosition(sixteenths):
                self._next_tick, self._is_jumping = sixteenths * _TICKS_PER_SIXTEENTH, True

    def poll(self, now_ns: int) -> None:
        """Detect that the clock is lost; to be called a few times a second."""
        if self._heard_ns is not None and now_ns - self._heard_ns > LOST_NS:
            self._heard_ns = None
            self._is_running = False
            self._tracker.begin_anew()

    def _go(self, tick: int) -> None:
        self._is_told, self._is_playing = True, True
        self._next_tick, self._is_jumping = tick, True
        self._tracker.let_begin_anew()

    def _pulse(self, at_ns: int, stalled_ns: int) -> None:
        self.poll(at_ns)
        self._heard_ns = at_ns
        gone_on = self._tracker.hear(at_ns, stalled_ns)
        if self._is_told and not self._is_playing:
            return
        if self._is_jumping or not self._is_running:
            self._discontinuities += 1
            self._tick = self._next_tick
        else:
            self._tick += gone_on * TICKS_PER_PULSE
        self._is_running, self._is_jumping = True, False
        self._next_tick = self._tick + TICKS_PER_PULSE
