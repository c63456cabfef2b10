"""An Ableton Link session as a song position, through the optional package ``aalink``."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Protocol

from livegen.clock import NS_PER_MS, NS_PER_S, now_ns
from livegen.errors import LivegenError
from livegen.events import TICKS_PER_QUARTER
from livegen.music.transport import TransportState

BEATS_PER_BAR = 4  # Link's quantum: sessions agree on the position in the bar
_SAME_NS = 10 * NS_PER_MS  # a song nearer than this to its expected position has continued


class Session(Protocol):
    """The used part of ``aalink.Link``; ``beat`` is read at the moment of access."""

    @property
    def beat(self) -> float:
        """Beats on the session's timeline."""

    @property
    def tempo(self) -> float:
        """Beats per minute."""

    @property
    def playing(self) -> bool:
        """The session's transport is running, among the programs that share it."""

    @property
    def num_peers(self) -> int:
        """How many other programs are in the session."""


class LinkClock:
    """The position of the session. Owner: one thread; reading takes about 1 µs and never waits.

    A session's beat never stops. Only some programs share their transport: with ``shares_transport`` the song runs
    while the shared transport runs, without it always.
    """

    def __init__(self, session: Session, *, shares_transport: bool, clock: Callable[[], int] = now_ns) -> None:
        self._session = session
        self._shares_transport = shares_transport
        self._clock = clock
        self._latest: TransportState | None = None

    @property
    def peers(self) -> int:
        """How many other programs are in the session."""
        return self._session.num_peers

    def poll(self) -> TransportState:
        """The session's position now."""
        before_ns = self._clock()
        beat = self._session.beat
        at_ns = (before_ns + self._clock()) // 2
        tick, rest = divmod(beat * TICKS_PER_QUARTER, 1)
        beat_ns = round(60 * NS_PER_S / self._session.tempo)
        is_running = self._session.playing or not self._shares_transport
        transport = TransportState(is_running, int(tick), at_ns - round(rest * beat_ns / TICKS_PER_QUARTER), beat_ns)
        self._latest = _counted(transport, self._latest)
        return self._latest


def check_clock(clock: str) -> None:
    """LivegenError, which says how to get it, where this clock is Ableton Link, and ``aalink`` is not installed."""
    if clock == "link" and find_spec("aalink") is None:
        from livegen.installed import addition  # slow to import, and seldom needed

        raise LivegenError(f"Ableton Link needs the library aalink (GPL); to add it: {addition('aalink')}")


def open_link(tempo_bpm: float, *, shares_transport: bool) -> LinkClock:
    """Join the network's session, or begin one at that tempo; LivegenError where ``aalink`` is not installed."""
    check_clock("link")
    import asyncio  # slow to import

    from aalink import Link

    async def link() -> Session:  # aalink's constructor needs a running loop, for functions not used here
        made = Link(tempo_bpm)
        made.quantum = BEATS_PER_BAR
        made.start_stop_sync_enabled = shares_transport
        made.enabled = True
        session: Session = made
        return session

    return LinkClock(asyncio.run(link()), shares_transport=shares_transport)


def _counted(transport: TransportState, before: TransportState | None) -> TransportState:
    """Count discontinuities: the song has started, or is not where the old or the new tempo would put it."""
    if before is None:
        discontinuities = int(transport.is_running)
    else:
        as_before = before.ns_at(transport.tick)
        at_new_tempo = before.at_ns + (transport.tick - before.tick) * transport.beat_ns // TICKS_PER_QUARTER
        earliest, latest = min(as_before, at_new_tempo) - _SAME_NS, max(as_before, at_new_tempo) + _SAME_NS
        has_gone_on = earliest <= transport.at_ns <= latest
        discontinuities = before.discontinuities + (transport.is_running and not (before.is_running and has_gone_on))
    return TransportState(transport.is_running, transport.tick, transport.at_ns, transport.beat_ns, discontinuities)
