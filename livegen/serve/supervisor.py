"""The thread that keeps an engine alive: starts it, listens to it, ends its notes when it dies, starts the next."""

import threading
from collections.abc import Callable, Sequence

from livegen.clock import NS_PER_MS, NS_PER_S, now_ns
from livegen.errors import LivegenError
from livegen.play.player import Player
from livegen.play.priority import CARRYING, raise_thread
from livegen.serve.courier import Courier, Loss
from livegen.serve.engine_child import EngineChild, start_child
from livegen.serve.link import Became, Configure, Failed, Message, Notice, Planned, Ready, Retract
from livegen.settings import Settings

_LOADING_NS = 30 * NS_PER_S
_SETTLED_NS = 10 * NS_PER_S  # an engine that lived so long was well
_FATAL_DEATHS = 2  # in a row, on the same conversation, without a note of music
_FALSE_STARTS = 3  # before the first engine was ever ready


class Backoff:
    """How long to wait before the next start: not at all, then from 0.25 s on twice as long each time, up to 30 s."""

    def __init__(self) -> None:
        self._next_s = 0.0

    def next_s(self) -> float:
        """The wait before the next start."""
        wait_s, self._next_s = self._next_s, min(max(self._next_s * 2, 0.25), 30.0)
        return wait_s

    def reset(self) -> None:
        """All was well: the next wait is none."""
        self._next_s = 0.0


class Supervisor:
    """Owner of the child, which begins with the settings as they then are.

    Its own thread runs ``run``; ``stop`` may come from any.
    """

    def __init__(
        self,
        settings: Callable[[], Settings],
        command: Sequence[str],
        player: Player,
        courier: Courier,
        say: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._command = command
        self._player = player
        self._courier = courier
        self._say = say
        self._backoff = Backoff()
        self._stopping = threading.Event()
        self._changing = threading.Lock()  # of the child
        self._child: EngineChild | None = None
        self._offered = self._begun = settings()  # the last that an engine was given; that one was ready with
        self._refused: Settings | None = None  # that none could begin with
        self._was_ever_ready = False
        self._planned_ns = 0  # when the last event of this engine is due; 0 before it has any
        self._alive_ns = 0  # when this engine last said something
        self._fruitless = 0  # engines in a row that were told something and planned nothing
        self._ousted = ""  # why this child was replaced
        self.restarts = 0
        self.failed: tuple[str, int] | None = None  # what the last one died of, and when
        self.is_ready = False  # an engine plays

    def run(self) -> None:
        """The thread's body, until ``stop``. LivegenError when the first engine cannot start."""
        if self._settings().daemon.realtime:
            raise_thread(CARRYING)
        while child := self._start():
            try:
                reason = self._attend(child)
            finally:
                if self._player.end_all():
                    self._planned_ns = self._alive_ns  # its music was not over
                child.close()
            if self._stopping.is_set():
                return
            self._mourn(reason)
            self._stopping.wait(self._backoff.next_s())

    def stop(self) -> None:
        """End the child and let ``run`` return."""
        self._stopping.set()
        with self._changing:
            if self._child:
                self._child.kill()

    def replace(self, reason: str) -> None:
        """End the child as if it had died of this; the next one begins at once. Any thread."""
        with self._changing:
            if self._child:
                self._ousted = reason
                self._child.kill()

    def _start(self) -> EngineChild | None:
        with self._changing:
            if self._stopping.is_set():
                return None
            self._child, self._ousted = start_child(self._command), ""
            self._offered = self._playable()
            self._child.send(Configure(self._offered.model_dump_json()))
            return self._child

    def _playable(self) -> Settings:
        """The settings as they are; once an engine could not begin with them, those that one can."""
        settings = self._settings()
        return self._fallback() or settings if settings == self._refused else settings

    def _fallback(self) -> Settings | None:
        """What the last engine began with; before there was one, the settings with the stand-in's model, if any."""
        if self._was_ever_ready:
            return self._begun
        settings = self._settings()
        stand_in = settings.installation.stand_in
        play = settings.play.model_copy(update={"model": stand_in})
        return settings.model_copy(update={"play": play}) if stand_in else None

    def _attend(self, child: EngineChild) -> str:
        """Do what it says until it dies; what it died of."""
        started_ns = now_ns()
        try:
            if not self._await_ready(child, started_ns + _LOADING_NS):
                return "did not start within 30 s"
            self._introduce(child)
            silence_ms = self._settings().daemon.silence_ms
            while message := child.receive(silence_ms * NS_PER_MS / NS_PER_S):
                self._alive_ns = now_ns()
                self._obey(message)
            return f"was silent for {silence_ms} ms"
        except EOFError as end:
            return self._ousted or str(end)
        finally:
            self.is_ready = False
            if now_ns() - started_ns > _SETTLED_NS:
                self._backoff.reset()

    def _await_ready(self, child: EngineChild, until_ns: int) -> bool:
        while (left_ns := until_ns - now_ns()) > 0:
            match child.receive(left_ns / NS_PER_S):
                case Ready():
                    return True
                case Failed(reason):
                    self._refuse(reason)
        return False

    def _refuse(self, reason: str) -> None:
        fallback = self._fallback()
        if fallback is None or (fallback == self._offered and not self._was_ever_ready):
            raise LivegenError(reason)
        self._refused = self._offered
        self._say(f"{reason}; '{fallback.play.model}' plays instead")

    def _introduce(self, child: EngineChild) -> None:
        if not self._was_ever_ready:
            self._say("ready: play a phrase, then pause")
        self._was_ever_ready = self.is_ready = True
        self._begun = self._offered
        self._refused = None  # the next one tries what was chosen again: it may have been mended
        self._fruitless += 1
        self._courier.introduce(child.send)

    def _obey(self, message: Message) -> None:
        match message:
            case Retract(after_ns, kept):
                self._player.retract(after_ns, kept)
            case Planned(events):
                self._player.play(events)
                self._planned_ns = max(timed.at_ns for timed in events)
                self._fruitless = 0
                self._backoff.reset()
            case Became():
                self._courier.become(message)
            case Notice(text) | Failed(text):
                self._say(text)

    def _mourn(self, reason: str) -> None:
        self.restarts += 1
        self.failed = f"the engine {reason}", now_ns()
        is_poisoned = self._fruitless >= _FATAL_DEATHS
        self._courier.lose(Loss(self._planned_ns, self._alive_ns, is_poisoned))
        self._planned_ns = self._alive_ns = 0
        if is_poisoned:
            self._fruitless = 0
        if not self._was_ever_ready and self.restarts >= _FALSE_STARTS:
            raise LivegenError(f"the engine {reason} {_FALSE_STARTS} times before it was ready; see above")
        self._say(f"the engine {reason}; starting it again")
