"""Checks the daemon a few times a second, replaces a silent engine, and notifies the service manager."""

from collections.abc import Callable
from typing import Any

from livegen.clock import NS_PER_S
from livegen.daemon.event_router import EventRouter
from livegen.daemon.schedule import LocalTime, OpeningSchedule
from livegen.daemon.supervisor import Supervisor
from livegen.daemon.systemd_notify import notify, watchdog_ns
from livegen.midi_out.player import Player
from livegen.music.transport import TransportState
from livegen.settings import Settings

_STALL_NS = 5 * NS_PER_S  # so long between two polls means that the whole machine was suspended
_PATIENCE = 2  # engines replaced in a row without a note: another would not help


class SilenceWatchdog:
    """Detects silence while music is due. One thread."""

    def __init__(self) -> None:
        self._notes_out = 0
        self._looked_ns = 0
        self._quiet_ns: int | None = None  # since when music has been due and missing; None: none is due
        self._sent_ns = 0  # when a sent note was last seen
        self.replaced = 0  # engines in a row that were silent though music was due
        self.is_due = False

    @property
    def is_well(self) -> bool:
        """Music plays when it is due, or a new engine may still play it."""
        return self.replaced < _PATIENCE

    def poll(
        self, at_ns: int, settings: Settings, transport: TransportState | None, notes_out: int, asked_ns: int | None
    ) -> bool:
        """True when the silence is too long and the engine must be replaced; the next engine has as long again.

        ``notes_out``: how many notes were sent so far. ``asked_ns``: when a player who waits for an answer began the
        last note; None when nobody waits, or while closed.
        """
        passed_ns, self._looked_ns = at_ns - self._looked_ns, at_ns
        if self._quiet_ns is not None and passed_ns > _STALL_NS:
            self._quiet_ns += passed_ns
        if notes_out != self._notes_out:
            self._notes_out, self._sent_ns, self._quiet_ns, self.replaced = notes_out, at_ns, None, 0
        is_stopped = transport is not None and not transport.is_running
        is_asked = settings.play.role == "respond" and asked_ns is not None and asked_ns > self._sent_ns
        self.is_due = not is_stopped and (settings.play.role == "solo" or is_asked)
        if not self.is_due:
            self._quiet_ns = None
            return False
        self._quiet_ns = at_ns if self._quiet_ns is None else self._quiet_ns
        patience_ns = round(settings.installation.max_silence_s * NS_PER_S)
        if not patience_ns or at_ns - self._quiet_ns < patience_ns:
            return False
        self._quiet_ns = at_ns
        self.replaced += 1
        return True

    def silent_s(self, at_ns: int) -> int:
        """For how many seconds music has been due and missing."""
        return (at_ns - self._quiet_ns) // NS_PER_S if self._quiet_ns is not None else 0


_FEEDS = 4  # notifications in the watchdog's time limit


class HealthMonitor:
    """Main thread. It feeds systemd's watchdog while the playing thread's loop runs and music plays when it is due.

    ``notes_out`` returns how many notes were sent.
    """

    def __init__(
        self,
        player: Player,
        router: EventRouter,
        supervisor: Supervisor,
        notes_out: Callable[[], int],
        say: Callable[[str], None],
        local_time: LocalTime,
    ) -> None:
        self._player = player
        self._router = router
        self._supervisor = supervisor
        self._notes_out = notes_out
        self._say = say
        self._every_ns = watchdog_ns() // _FEEDS
        self._fed_ns = 0
        self._rounds = -1
        self._has_begun = False  # an engine was ready
        self._is_announced = False
        self.schedule = OpeningSchedule(router, player.sender, say, local_time)
        self.watchdog = SilenceWatchdog()

    def poll(self, transport: TransportState | None, at_ns: int) -> None:
        """Do all checks."""
        settings = self._router.settings
        self.schedule.poll(settings, at_ns)
        self._has_begun = self._has_begun or self._supervisor.is_ready
        if self._has_begun and not self._is_announced:
            self._is_announced = notify("READY=1")
        if self._has_begun and self.watchdog.poll(at_ns, settings, transport, self._notes_out(), self._router.asked_ns):
            self._supervisor.replace(f"played nothing for {settings.installation.max_silence_s:g} s")
            if not self.watchdog.is_well:
                self._say(f"no music from {self.watchdog.replaced} engines in a row, though music is due")
        if self._every_ns and at_ns - self._fed_ns >= self._every_ns:
            self._fed_ns = at_ns
            self._feed()

    def status(self, at_ns: int) -> dict[str, Any]:
        """The daemon's health, for the status file."""
        failed = self._supervisor.failed
        return {
            "open": self.schedule.is_open,
            "music": {
                "due": self.watchdog.is_due,
                "silent_s": self.watchdog.silent_s(at_ns),
                "engines_silent": self.watchdog.replaced,
            },
            "spare": self._supervisor.spare.state,
            "last_failure": {"what": failed[0], "ago_s": (at_ns - failed[1]) // NS_PER_S} if failed else None,
        }

    def _feed(self) -> None:
        """Feed the watchdog if the playing thread has looped since the last call; wake that thread for the next."""
        has_come_round, self._rounds = self._player.rounds != self._rounds, self._player.rounds
        self._player.play(())
        if has_come_round and self.watchdog.is_well:
            play = self._router.settings.play
            where = "" if self.schedule.is_open else ", closed"
            notify(
                "WATCHDOG=1", f"STATUS={play.role}, {play.model}{where}; engine restarts {self._supervisor.restarts}"
            )
