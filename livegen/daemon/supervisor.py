"""The thread that keeps an engine running: starts it, ends its notes when it dies, starts the next."""

import threading
from collections.abc import Callable, Sequence

from livegen.clock import NS_PER_MS, NS_PER_S, now_ns
from livegen.daemon.event_router import EngineLost, EventRouter, Send
from livegen.errors import LivegenError
from livegen.ipc.engine_child import EngineChild, FrameTap, start_child
from livegen.ipc.messages import Configure, Failed, Message, Ready
from livegen.ipc.plan_receiver import PlanReceiver
from livegen.log_line import WarningLine
from livegen.midi_out.player import Player
from livegen.realtime import CARRYING, raise_thread
from livegen.settings import Play, Settings

_LOADING_NS = 30 * NS_PER_S
_SETTLED_NS = 10 * NS_PER_S  # an engine that ran for so long was healthy
_FATAL_DEATHS = 2  # in a row, on the same events, without a note of music
_FALSE_STARTS = 3  # before the first engine was ready


class Backoff:
    """The wait before the next start: 0 s, then 0.25 s, then twice as long each time, up to 30 s."""

    def __init__(self) -> None:
        self._next_s = 0.0

    def next_s(self) -> float:
        """Return the wait before the next start, in seconds."""
        wait_s, self._next_s = self._next_s, min(max(self._next_s * 2, 0.25), 30.0)
        return wait_s

    def reset(self) -> None:
        """The engine was healthy: the next wait is 0 s."""
        self._next_s = 0.0


class Supervisor:
    """Owner of the child process, which starts with the event router's current settings.

    Its own thread calls ``run``; any thread may call ``stop``.
    """

    def __init__(
        self,
        command: Sequence[str],
        player: Player,
        router: EventRouter,
        say: Callable[[str], None],
        tap: FrameTap = lambda _, __: None,
    ) -> None:
        self._tap = tap
        self._command = command
        self._receiver = PlanReceiver(player, router.role_changed, say)
        self._router = router
        self._say = say
        self._backoff = Backoff()
        self._stopping = threading.Event()
        self._changing = threading.Lock()  # the child
        self._child: EngineChild | None = None
        self._send_child: Send = lambda _: None
        self._started_ns = 0
        self._offered = router.settings.play  # this child's first settings
        self._proven: Play | None = None  # the first settings of the last engine that became ready
        self._refused: Play | None = None  # settings that an engine refused
        self._was_ever_ready = False
        self._alive_ns = 0  # when this engine last sent a message
        self._silent_restarts = 0  # engines in a row that were ready and planned nothing
        self._replaced_for = ""  # why this child was replaced
        self.restarts = 0
        self.failed: tuple[str, int] | None = None  # why the last engine ended, and when
        self.is_ready = False  # the engine is loaded

    def run(self) -> None:
        """The thread's body, until ``stop``. LivegenError when the first engine cannot start."""
        if self._router.settings.daemon.realtime:
            raise_thread(CARRYING)
        while child := self._start():
            try:
                reason = self._attend(child)
            finally:
                self.end_music()
                child.close()
            if self._stopping.is_set():
                return
            self._stopping.wait(self.handle_exit(reason))

    def stop(self) -> None:
        """Kill the child, and make ``run`` return."""
        self._stopping.set()
        with self._changing:
            if self._child:
                self._child.kill()

    def replace(self, reason: str) -> None:
        """Kill the child for this reason, so that another is started. Any thread."""
        with self._changing:
            if self._child:
                self._replaced_for = reason
                self._child.kill()

    def _start(self) -> EngineChild | None:
        with self._changing:
            if self._stopping.is_set():
                return None
            self._child, self._replaced_for = start_child(self._command, self._tap), ""
        self.begin(self._child.send)
        return self._child

    def _attend(self, child: EngineChild) -> str:
        """Handle the child's messages until it ends; return why it ended."""
        try:
            while (patience_s := self.patience_s()) > 0 and (message := child.receive(patience_s)):
                self.dispatch(message)
            return self.timeout_reason
        except EOFError as end:
            return self._replaced_for or str(end)

    # The stages of one child, without its process: for the thread above, and for simulators.

    def begin(self, send: Send) -> None:
        """A child was started: send it the settings."""
        self._send_child, self.is_ready = send, False
        self._started_ns = self._alive_ns = now_ns()
        settings = self._playable()
        self._offered = settings.play
        send(Configure(settings.model_dump_json()))

    def patience_s(self) -> float:
        """How many seconds to wait for the child's next message; 0 or less when the time is over."""
        if self.is_ready:
            return self._router.settings.daemon.silence_ms * NS_PER_MS / NS_PER_S
        return (self._started_ns + _LOADING_NS - now_ns()) / NS_PER_S

    @property
    def timeout_reason(self) -> str:
        """Why a child that sends nothing any more is replaced."""
        if self.is_ready:
            return f"was silent for {self._router.settings.daemon.silence_ms} ms"
        return "did not start within 30 s"

    def dispatch(self, message: Message) -> None:
        """Handle a message of the child."""
        self._alive_ns = now_ns()
        match message:
            case Ready():
                self._introduce()
            case Failed(reason) if not self.is_ready:
                self._refuse(reason)
            case Failed(reason):
                self._say(WarningLine(reason))
            case _ if self._receiver.receive(message):
                self._silent_restarts = 0
                self._backoff.reset()

    def end_music(self) -> None:
        """The child has ended: end its notes."""
        self._receiver.end_music(self._alive_ns)

    def handle_exit(self, reason: str) -> float:
        """The child and its notes have ended; return how many seconds to wait before the next start."""
        self.restarts += 1
        self.failed = f"the engine {reason}", now_ns()
        self.is_ready = False
        if now_ns() - self._started_ns > _SETTLED_NS:
            self._backoff.reset()
        is_poisoned = self._silent_restarts >= _FATAL_DEATHS
        self._router.engine_lost(EngineLost(self._receiver.forget(), self._alive_ns, is_poisoned))
        self._alive_ns = 0
        if is_poisoned:
            self._silent_restarts = 0
        if not self._was_ever_ready and self.restarts >= _FALSE_STARTS:
            raise LivegenError(f"the engine {reason} {_FALSE_STARTS} times before it was ready; see above")
        self._say(WarningLine(f"the engine {reason}; starting it again"))
        return self._backoff.next_s()

    def _playable(self) -> Settings:
        """The settings; where their model or key was refused, with a model and key that can be used."""
        settings = self._router.settings
        is_refused = self._refused and _named(settings.play) == _named(self._refused)
        return (self._fallback() if is_refused else None) or settings

    def _fallback(self) -> Settings | None:
        """The settings with the last ready engine's model and key, else the fallback model; None without either."""
        settings = self._router.settings
        fallback_model = settings.play.model_copy(update={"model": settings.installation.fallback_model})
        play = self._proven or fallback_model
        update = {"model": play.model, "key": play.key}
        return settings.model_copy(update={"play": settings.play.model_copy(update=update)}) if play.model else None

    def _refuse(self, reason: str) -> None:
        fallback = self._fallback()
        if fallback is None or (not self._proven and _named(fallback.play) == _named(self._offered)):
            raise LivegenError(reason)
        self._refused = self._offered
        self._say(WarningLine(f"{reason}; '{fallback.play.model}' plays instead"))

    def _introduce(self) -> None:
        if not self._was_ever_ready:
            self._say("ready: play a phrase, then pause")
        self.is_ready = self._was_ever_ready = True
        self._proven, self._refused = self._offered, None  # the next engine tries the chosen model again
        self._silent_restarts += 1
        self._router.introduce(self._send_child)


def _named(play: Play) -> tuple[str, str]:
    """The settings that an engine may refuse."""
    return play.model, play.key
