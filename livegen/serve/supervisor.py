"""The thread that keeps an engine alive: starts it, listens to it, ends its notes when it dies, starts the next."""

import threading
from collections.abc import Callable, Sequence

from livegen.clock import NS_PER_MS, NS_PER_S, now_ns
from livegen.errors import LivegenError
from livegen.play.player import Player
from livegen.play.priority import CARRYING, raise_thread
from livegen.serve.courier import Courier, Loss, Send
from livegen.serve.engine_child import EngineChild, start_child
from livegen.serve.link import Became, Configure, Failed, Message, Notice, Planned, Ready, Retract
from livegen.settings import Play, Settings

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
        self._send_child: Send = lambda _: None
        self.is_ready = False  # an engine plays
        self._started_ns = 0
        self._asked = settings()  # what this child was told first
        self._proven: Play | None = None  # what the last engine that became ready was told
        self._refused: Play | None = None
        self._was_ever_ready = False
        self._planned_ns = 0  # when the last event of this engine is due; 0 before it has any
        self._fruitless = 0  # engines in a row that were told something and planned nothing
        self.restarts = 0

    def run(self) -> None:
        """The thread's body, until ``stop``. LivegenError when the first engine cannot start."""
        if self._settings().daemon.realtime:
            raise_thread(CARRYING)
        while child := self._start():
            try:
                reason = self._attend(child)
            finally:
                self._player.end_all()
                child.close()
            if self._stopping.is_set():
                return
            self._stopping.wait(self.mourn(reason))

    def stop(self) -> None:
        """End the child and let ``run`` return."""
        self._stopping.set()
        with self._changing:
            if self._child:
                self._child.kill()

    def _start(self) -> EngineChild | None:
        with self._changing:
            if self._stopping.is_set():
                return None
            self._child = start_child(self._command)
        self.begin(self._child.send)
        return self._child

    def _attend(self, child: EngineChild) -> str:
        """Do what it says until it dies; what it died of."""
        try:
            while (patience_s := self.patience_s()) > 0 and (message := child.receive(patience_s)):
                self.obey(message)
            return self.complaint
        except EOFError:
            return "ended"
        except ValueError as error:  # its memory is damaged, or another program's bytes have got in between
            return f"made no sense ({error})"

    # The life of one child, without its process: for the thread above, and for simulators.

    def begin(self, send: Send) -> None:
        """A child was started; tell it the settings."""
        self._send_child, self.is_ready, self._started_ns = send, False, now_ns()
        self._asked = self._playable(self._settings())
        send(Configure(self._asked.model_dump_json()))

    def patience_s(self) -> float:
        """How long its next word is waited for; 0 or less when that time is over."""
        if self.is_ready:
            return self._settings().daemon.silence_ms * NS_PER_MS / NS_PER_S
        return (self._started_ns + _LOADING_NS - now_ns()) / NS_PER_S

    @property
    def complaint(self) -> str:
        """What is wrong with a child that says nothing any more."""
        if self.is_ready:
            return f"was silent for {self._settings().daemon.silence_ms} ms"
        return "did not start within 30 s"

    def obey(self, message: Message) -> None:
        """Do what it says."""
        match message:
            case Ready():
                self._introduce()
            case Failed(reason):
                if not self._was_ever_ready:
                    raise LivegenError(reason)
                self._refused = self._asked.play
                self._say(reason)
            case Retract(after_ns, kept):
                self._player.retract(after_ns, kept)
            case Planned(events):
                self._player.play(events)
                self._planned_ns = max(timed.at_ns for timed in events)
                self._fruitless = 0
                self._backoff.reset()
            case Became():
                self._courier.become(message)
            case Notice(text):
                self._say(text)

    def mourn(self, reason: str) -> float:
        """It is dead, and its notes have ended; how many seconds to wait before the next."""
        self.restarts += 1
        self.is_ready = False
        if now_ns() - self._started_ns > _SETTLED_NS:
            self._backoff.reset()
        is_poisoned = self._fruitless >= _FATAL_DEATHS
        self._courier.lose(Loss(self._planned_ns, now_ns(), is_poisoned))
        self._planned_ns = 0
        if is_poisoned:
            self._fruitless = 0
        if not self._was_ever_ready and self.restarts >= _FALSE_STARTS:
            raise LivegenError(f"the engine {reason} {_FALSE_STARTS} times before it was ready; see above")
        self._say(f"the engine {reason}; starting it again")
        return self._backoff.next_s()

    def _playable(self, settings: Settings) -> Settings:
        """Where the model or the key was refused, with those that an engine has begun with."""
        play, refused, proven = settings.play, self._refused, self._proven
        if not refused or not proven or (play.model, play.key) != (refused.model, refused.key):
            return settings
        update = {"model": proven.model, "key": proven.key}
        return settings.model_copy(update={"play": play.model_copy(update=update)})

    def _introduce(self) -> None:
        if not self._was_ever_ready:
            self._say("ready: play a phrase, then pause")
        self.is_ready = self._was_ever_ready = True
        self._proven = self._asked.play
        self._fruitless += 1
        self._courier.introduce(self._send_child)
