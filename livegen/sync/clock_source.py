"""Selects the clock: the song position that the engine follows, and the pulses that others follow."""

import threading
from collections.abc import Callable

from livegen.clock import NS_PER_MS, NS_PER_S, now_ns
from livegen.midi_out.player import Player
from livegen.music.transport import TransportState
from livegen.realtime import CARRYING, raise_thread
from livegen.settings import Time
from livegen.sync.ableton_link import open_link
from livegen.sync.clock_message import ClockMessage
from livegen.sync.midi_clock_in import ClockFollower
from livegen.sync.midi_clock_out import ClockOut

POLL_S = 0.02
_AHEAD_NS = 60 * NS_PER_MS  # pulses are given to the player so early
_TELL_EVERY = 6  # pulses: a sixteenth
_OFF_NS = NS_PER_MS // 5  # a song so far from its expected position is reported at once
_DEFAULT_BPM = 120.0
_BEGIN_NS = NS_PER_S // 5  # from our start to that of the internal clock


class ClockSource:
    """Owner of the clocks: the follower, or the internal clock. ``on_transport`` is called on either thread."""

    def __init__(
        self, settings: Time, player: Player, on_transport: Callable[[TransportState], None], *, is_realtime: bool
    ) -> None:
        self._settings = settings
        self._player = player
        self._on_transport = on_transport
        self._is_realtime = is_realtime
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._follower = ClockFollower() if settings.clock == "midi" else None
        self._own = ClockOut(settings.tempo_bpm or _DEFAULT_BPM) if settings.clock == "internal" else None
        self._look_at: Callable[[int], None] | None = None
        self._told: TransportState | None = None
        self._pulses = 0

    @property
    def transport(self) -> TransportState | None:
        """The song position that the engine was told last. Any thread."""
        return self._told

    def hear(self, message: ClockMessage) -> None:
        """Take a pulse, a start, a stop or a position. One thread; returns at once."""
        if self._follower is None:
            return
        with self._lock:
            self._follower.hear(message)
            self._pulses += 1
            self._follow(self._follower.state, is_due=self._pulses % _TELL_EVERY == 0)

    def change(self, settings: Time) -> None:
        """Change the tempo of the internal clock; another clock source takes effect at the next start. Any thread."""
        with self._lock:
            if self._own and settings.tempo_bpm != self._settings.tempo_bpm:
                self._own.set_tempo(settings.tempo_bpm or _DEFAULT_BPM, now_ns())
            self._settings = settings

    def run(self) -> None:
        """The thread's body, until ``stop``; without a clock it only waits."""
        if self._is_realtime:
            raise_thread(CARRYING)
        self.begin()
        if self._look_at is None:
            self._stopping.wait()
            return
        while not self._stopping.wait(POLL_S):
            self.poll()
        self.end()

    def stop(self) -> None:
        """Make ``run`` return."""
        self._stopping.set()

    def begin(self) -> None:
        """Start the clock. Called by the thread of ``run``, as are ``poll`` and ``end``."""
        self._look_at = self._source()

    def poll(self) -> None:
        """Read the clock; called every 20 ms."""
        if self._look_at:
            with self._lock:
                self._look_at(now_ns())

    def end(self) -> None:
        """Stop the internal clock."""
        if self._own:
            with self._lock:
                self._own.stop(now_ns())
                self._send(now_ns() + _AHEAD_NS)

    def _source(self) -> Callable[[int], None] | None:
        """The function that ``poll`` calls; None without a clock."""
        if self._own:
            self._own.start(now_ns() + _BEGIN_NS)
            return self._keep
        if self._follower:
            return self._poll
        if self._settings.clock == "link":
            link = open_link(self._settings.tempo_bpm or _DEFAULT_BPM, shares_transport=False)
            return lambda _: self._follow(link.poll(), is_due=True)
        return None

    def _keep(self, at_ns: int) -> None:
        assert self._own
        self._send(at_ns + _AHEAD_NS)
        self._follow(self._own.state, is_due=False)

    def _poll(self, at_ns: int) -> None:
        assert self._follower
        self._follower.poll(at_ns)
        self._follow(self._follower.state, is_due=False)

    def _send(self, until_ns: int) -> None:
        assert self._own
        pulses = self._own.due(until_ns)
        if pulses and self._settings.send_clock:
            self._player.play(pulses)

    def _follow(self, transport: TransportState, *, is_due: bool) -> None:
        """Report to the engine: starts, stops and jumps at once, the rest now and then."""
        told = self._told
        if not told and not transport.discontinuities and not transport.is_running:
            return  # no clock yet
        is_news = not told or told.run != transport.run
        if is_news or (transport != told and (is_due or self._own or _is_off(told, transport))):
            self._told = transport
            self._on_transport(transport)


def _is_off(told: TransportState | None, transport: TransportState) -> bool:
    """The song is not where the last report would put it."""
    return told is not None and abs(told.ns_at(transport.tick) - transport.at_ns) > _OFF_NS
