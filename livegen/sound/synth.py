"""The sound: an output that plays through a FluidSynth of our own, and starts it again when it ends or hangs."""

import threading

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.errors import SoundError
from livegen.log_line import WarningLine
from livegen.settings import Sound
from livegen.sound.fluidsynth import DRIVER_REMEDY, FluidSynth, command_for

_HUNG_NS = NS_PER_S  # so long it may leave a command unread
_STEADY_NS = 5 * NS_PER_S  # after so long it has started well
_WAITS_NS = (100 * NS_PER_MS, 500 * NS_PER_MS, 2 * NS_PER_S, 10 * NS_PER_S)  # before the next start, by bad starts
_PROGRAM, _CONTROL = 0xC0, 0xB0  # the kinds of message that a new process is told again
_KEPT = {0, 7, 10, 32, 91, 93}  # controllers: bank, volume, pan, bank, reverb, chorus


class Synth:
    """The output. ``send`` may be called by any thread, the other methods by the daemon's main thread."""

    def __init__(self, settings: Sound) -> None:
        self._settings = settings
        self._using = threading.Lock()  # the process: it must not be ended while a thread writes to it
        self._process: FluidSynth | None = None
        self._is_listening = False  # it takes commands
        self._kept: dict[bytes, bytes] = {}  # what a new process is told first: a command by what it sets
        self._driver: str | None = None
        self._begun_ns = self._next_ns = 0
        self._unread_ns: int | None = None  # since when a command has waited
        self._bad_starts = 0
        self.fault = ""  # why it does not play

    @property
    def is_playing(self) -> bool:
        """It takes commands."""
        return self._is_listening

    def send(self, message: bytes) -> None:
        """Play one MIDI message now; what comes while it starts is not played."""
        command = command_for(message)
        if command is None:
            return
        with self._using:
            kind = message[0] & 0xF0
            if kind == _PROGRAM or (kind == _CONTROL and message[1] in _KEPT):
                self._keep(message[: 1 if kind == _PROGRAM else 2], command)
            if self._process and self._is_listening:
                self._process.write(command)

    def poll(self, driver: str | None, now_ns: int) -> list[str]:
        """See that it plays through this audio driver; None: not at all, for now. A line for each change."""
        if driver != self._driver:
            self.close()
            self._driver, self._next_ns = driver, now_ns
        if self._process:
            return self._look_at(self._process, now_ns)
        if driver is None or now_ns < self._next_ns:
            return []
        try:
            self._process = FluidSynth(self._settings, driver)
        except (SoundError, OSError) as error:
            return self._fail(str(error), now_ns)
        self._begun_ns, self._unread_ns = now_ns, None
        return []

    def close(self) -> None:
        """End it."""
        with self._using:
            process, self._process, self._is_listening = self._process, None, False
        if process:
            process.end()

    def _look_at(self, process: FluidSynth, now_ns: int) -> list[str]:
        lines = self._begin(process) if process.has_spoken() and not self._is_listening else []
        if reason := process.reason():
            if self._is_listening:
                return self._fail(f"FluidSynth has ended: {reason}", now_ns)
            return self._fail(f"FluidSynth cannot play through '{self._driver}': {reason}; {DRIVER_REMEDY}", now_ns)
        if self._is_hung(process, now_ns):
            process.kill()  # its end is not waited for
            return self._fail("FluidSynth hangs", now_ns)
        if self._is_listening and now_ns - self._begun_ns > _STEADY_NS:
            self._bad_starts = 0
        return lines

    def _begin(self, process: FluidSynth) -> list[str]:
        """It takes commands."""
        with self._using:
            for command in self._kept.values():
                process.write(command)
            self._is_listening = True
        self.fault = ""
        return [f"sound: FluidSynth plays '{process.soundfont.stem}' through {self._driver}"]

    def _is_hung(self, process: FluidSynth, now_ns: int) -> bool:
        if not self._is_listening or not process.unread():
            self._unread_ns = None
        elif self._unread_ns is None:
            self._unread_ns = now_ns
        return self._unread_ns is not None and now_ns - self._unread_ns > _HUNG_NS

    def _fail(self, fault: str, now_ns: int) -> list[str]:
        """It does not play: it is started again, later each time."""
        self.close()
        self._next_ns = now_ns + _WAITS_NS[min(self._bad_starts, len(_WAITS_NS) - 1)]
        self._bad_starts += 1
        before, self.fault = self.fault, fault
        return [] if fault == before else [WarningLine(f"{fault}; trying again")]

    def _keep(self, key: bytes, command: bytes) -> None:
        self._kept.pop(key, None)  # a bank comes before its program
        self._kept[key] = command
