"""An Ableton Link session as a song, through the optional package ``aalink``."""

from collections.abc import Callable
from typing import Protocol

from livegen.clock import NS_PER_MS, NS_PER_S, now_ns
from livegen.errors import LivegenError
from livegen.events import TICKS_PER_QUARTER
from livegen.music.transport import TransportState

BEATS_PER_BAR = 4  # Link's quantum: what sessions agree on is where in the bar they are
_SAME_NS = 10 * NS_PER_MS  # a song nearer than this to where it was expected has gone on


class Session(Protocol):
    """What is asked of ``aalink.Link``; its ``beat`` is that of the very moment of asking."""

    @property
    def beat(self) -> float:
        """Beats on the session's timeline."""

    @property
    def tempo(self) -> float:
        """Beats a minute."""

    @property
    def playing(self) -> bool:
        """Is the session's transport running, among those who share it?"""

    @property
    def num_peers(self) -> int:
        """How many others are there?"""


class LinkClock:
    """Where the session stands. Owner: one thread; asking takes about 1 µs and never waits.

    A session's beat never stops; whether its song does is a matter of taste: only some programs share their transport.
    With ``shares_transport`` the song runs when they let it run, and without it always.
    """

    def __init__(self, session: Session, *, shares_transport: bool, clock: Callable[[], int] = now_ns) -> None:
        self._session = session
        self._shares_transport = shares_transport
        self._clock = clock
        self._latest: TransportState | None = None

    @property
    def peers(self) -> int:
        """How many others are in the session."""
        return self._session.num_peers

    def poll(self) -> TransportState:
        """Where it stands now."""
        before_ns = self._clock()
        beat = self._session.beat
        at_ns = (before_ns + self._clock()) // 2
        tick, rest = divmod(beat * TICKS_PER_QUARTER, 1)
        beat_ns = round(60 * NS_PER_S / self._session.tempo)
        is_running = self._session.playing or not self._shares_transport
        transport = TransportState(is_running, int(tick), at_ns - round(rest * beat_ns / TICKS_PER_QUARTER), beat_ns)
        self._latest = _counted(transport, self._latest)
        return self._latest


def open_link(tempo_bpm: float, *, shares_transport: bool) -> LinkClock:
    """Join the session of this network, or begin one at that tempo; LivegenError where ``aalink`` is not installed."""
    try:
        import asyncio  # slow to import

        from aalink import Link
    except ImportError:
        raise LivegenError("Ableton Link needs the package 'aalink': pip install 'livegen[link]'") from None

    async def link() -> Session:  # aalink wants a running loop at its birth; what it needs it for is not used here
        made = Link(tempo_bpm)
        made.quantum = BEATS_PER_BAR
        made.start_stop_sync_enabled = shares_transport
        made.enabled = True
        session: Session = made
        return session

    return LinkClock(asyncio.run(link()), shares_transport=shares_transport)


def _counted(transport: TransportState, before: TransportState | None) -> TransportState:
    """With its jumps: it began to run, or is not where the old tempo or the new would have brought it."""
    if before is None:
        discontinuities = int(transport.is_running)
    else:
        as_before = before.ns_at(transport.tick)
        at_new_tempo = before.at_ns + (transport.tick - before.tick) * transport.beat_ns // TICKS_PER_QUARTER
        earliest, latest = min(as_before, at_new_tempo) - _SAME_NS, max(as_before, at_new_tempo) + _SAME_NS
        has_gone_on = earliest <= transport.at_ns <= latest
        discontinuities = before.discontinuities + (transport.is_running and not (before.is_running and has_gone_on))
    return TransportState(transport.is_running, transport.tick, transport.at_ns, transport.beat_ns, discontinuities)
