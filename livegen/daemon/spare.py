"""The spare: a second engine, loaded, which waits on its pipe until it takes over."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from livegen.clock import NS_PER_S
from livegen.errors import LivegenError
from livegen.file_version import GONE, stamp
from livegen.ipc.engine_child import FrameTap, HeldTap
from livegen.ipc.messages import Configure, Failed, Message, Ready
from livegen.settings import Settings
from livegen.shipped import model_path

_POLL_NS = NS_PER_S
_RETRY_NS = 30 * NS_PER_S  # after a spare that ended
_LOADING_NS = 120 * NS_PER_S  # beside other work; nobody waits for it
_LEAST_FREE_BYTES = 2**30
_LEAST_CORES = 2


class Child(Protocol):
    """The spare's process, from here: an ``EngineChild``."""

    def introduce(self, settings: Configure, *, is_realtime: bool) -> None: ...
    def send(self, message: Message) -> None: ...
    def receive(self, timeout_s: float) -> Message | None: ...
    def end(self) -> None: ...


C = TypeVar("C", bound=Child)


@dataclass(frozen=True, slots=True)
class _Needs:
    """What an engine is loaded with: after a change of it a spare is of no use. All else is sent when it takes over."""

    model: str
    key: str
    version: object  # of the model's file


@dataclass(slots=True)
class SpareEngine(Generic[C]):
    """An engine that waits. It is still loading until it ``is_ready``."""

    child: C
    tap: HeldTap
    settings: Settings
    needs: _Needs
    begun_ns: int
    is_ready: bool = False


class Spare(Generic[C]):
    """Owner of the spare. Owner of it: the supervisor's thread.

    The spare's frames are recorded once it takes over, as if it had been started then.
    """

    def __init__(
        self,
        start: Callable[[FrameTap], C],
        tap: FrameTap,
        on_end: Callable[[C], object],
        version: Callable[[str], object] = lambda model: stamp(model_path(model)),
    ) -> None:
        self._start = start
        self._version = version
        self._tap = tap
        self._on_end = on_end
        self._engine: SpareEngine[C] | None = None
        self._polled_ns = self._next_ns = 0
        self._seen: _Needs | None = None  # at the last poll: a file is read once it is equal at two polls
        self._refused: set[_Needs] = set()  # with which no spare could be loaded

    @property
    def state(self) -> str:
        """For the status: ready, loading, none. Any thread."""
        engine = self._engine
        return "none" if engine is None else "ready" if engine.is_ready else "loading"

    def is_due(self, at_ns: int) -> bool:
        """Is it time for the next poll, a second after the last?"""
        return at_ns - self._polled_ns >= _POLL_NS

    def poll(self, settings: Settings, fallback: Settings | None, at_ns: int) -> None:
        """Start, renew, or listen to the spare. ``fallback``: for a model that was refused."""
        self._polled_ns = at_ns
        if not is_wanted(settings, has_spare=self._engine is not None):
            self.close()
            return
        self._listen(at_ns)
        chosen = self._chosen(settings, fallback)
        needs = self._needs(chosen) if chosen else None
        is_steady, self._seen = needs == self._seen, needs
        if chosen is None or needs is None or not is_steady or needs.version == GONE:
            return  # a spare whose model's file is gone is worth keeping
        if self._engine and self._engine.needs != needs:
            self.close()
            self._next_ns = at_ns
        if self._engine is None and at_ns >= self._next_ns:
            self._begin(chosen, needs, at_ns)

    def take(self, settings: Settings, fallback: Settings | None, at_ns: int) -> SpareEngine[C] | None:
        """Hand over the spare, if it has these settings' model and key, or those of the fallback for them."""
        self._listen(at_ns)
        chosen, engine = self._chosen(settings, fallback), self._engine
        if engine is None or chosen is None:
            return None
        if (engine.needs.model, engine.needs.key) != (chosen.play.model, chosen.play.key):
            self.close()
            return None
        self._engine = None
        engine.settings = chosen
        engine.tap.release()
        return engine

    def close(self) -> None:
        """End the spare."""
        engine, self._engine = self._engine, None
        if engine:
            engine.child.end()
            self._on_end(engine.child)

    def _chosen(self, settings: Settings, fallback: Settings | None) -> Settings | None:
        """The settings for a spare; None when neither can be loaded."""
        choices = (each for each in (settings, fallback) if each and self._needs(each) not in self._refused)
        return next(choices, None)

    def _needs(self, settings: Settings) -> _Needs:
        play = settings.play
        return _Needs(play.model, play.key, self._version(play.model))

    def _begin(self, settings: Settings, needs: _Needs, at_ns: int) -> None:
        tap = HeldTap(self._tap)
        try:
            child = self._start(tap)
        except LivegenError:  # of another version: the engine that plays needs no restart, and says so when it dies
            self._next_ns = at_ns + _RETRY_NS
            return
        self._engine = SpareEngine(child, tap, settings, needs, at_ns)
        child.introduce(Configure(settings.model_dump_json()), is_realtime=settings.daemon.realtime)

    def _listen(self, at_ns: int) -> None:
        """Take what the spare says while it is loaded."""
        engine = self._engine
        if engine is None:
            return
        try:
            while message := engine.child.receive(0):
                if isinstance(message, Failed):
                    self._refused.add(engine.needs)
                engine.is_ready = engine.is_ready or isinstance(message, Ready)
            is_over = not engine.is_ready and at_ns - engine.begun_ns > _LOADING_NS
        except EOFError:
            is_over = True
        if is_over:
            self.close()
            self._next_ns = at_ns if engine.needs in self._refused else at_ns + _RETRY_NS


def is_wanted(settings: Settings, *, has_spare: bool) -> bool:
    """Do the settings and the memory of this computer allow a spare?"""
    if settings.daemon.spare != "auto":
        return settings.daemon.spare == "on"
    if has_spare:
        return True
    free = available_bytes()
    return free is not None and free >= _LEAST_FREE_BYTES and (os.cpu_count() or 1) >= _LEAST_CORES


def available_bytes() -> int | None:
    """The memory that programs can still get; None where the system does not tell (only Linux does)."""
    if sys.platform != "linux":
        return None
    with suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)
    return None
