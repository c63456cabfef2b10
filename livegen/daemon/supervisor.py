"""The thread that keeps an engine running: starts it, ends its notes when it dies, starts the next."""

import threading
from collections.abc import Callable, Sequence

from livegen.clock import NS_PER_MS, NS_PER_S, now_ns
from livegen.daemon.engine_silence import EngineSilence
from livegen.daemon.event_router import EngineLost, EventRouter, Send
from livegen.daemon.model_supply import Models
from livegen.daemon.spare import Spare, SpareEngine
from livegen.errors import LivegenError, ModelError
from livegen.ipc.engine_child import EngineChild, FrameTap, start_child
from livegen.ipc.given_model import GivenModel
from livegen.ipc.messages import Configure, Failed, Heartbeat, Message, Ready, TurnChanged
from livegen.ipc.plan_receiver import PlanReceiver
from livegen.ipc.process_times import Threads
from livegen.log_line import WarningLine
from livegen.midi_out.player import Player
from livegen.music.metre import Mark
from livegen.realtime import CARRYING, raise_thread
from livegen.settings import Play, Settings

_LOADING_NS = 30 * NS_PER_S
_CALM_NS = NS_PER_S  # a spare is started when an engine has been ready for so long: music comes first
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
        models: Models | None = None,
        on_told: Callable[[TurnChanged | Mark], None] = lambda _: None,
    ) -> None:
        self._tap = tap
        self._models = models or Models()
        self._command = command
        self._receiver = PlanReceiver(player, router.role_changed, say, on_told)
        self.silence = EngineSilence()
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
        self.was_ever_ready = False
        self._false_starts = 0  # engines in a row that ended before they were ready
        self._alive_ns = 0  # when this engine's loop last came round, or it last sent a message
        self._ready_ns = 0
        self._is_late = False  # this engine's notes were ended, for it was late
        self._ended: list[EngineChild] = []  # killed, and perhaps not yet gone
        self._silent_restarts = 0  # engines in a row that were ready and planned nothing
        self._replaced_for = ""  # why this child was replaced
        self.restarts = 0
        self.failed: tuple[str, int] | None = None  # why the last engine ended, and when
        self.is_ready = False  # the engine is loaded
        self.spare: Spare[EngineChild] = Spare(self._start_spare, tap, self._ended.append, self._models.version)

    def run(self) -> None:
        """The thread's body, until ``stop``. LivegenError when the first engine cannot start."""
        if self._router.settings.daemon.realtime:
            raise_thread(CARRYING)
        try:
            while child := self._start():
                try:
                    reason = self._attend(child)
                finally:
                    self.end_music()
                    child.end()
                    self._ended.append(child)
                if self._stopping.is_set():
                    return
                self._stopping.wait(self.handle_exit(reason))
        finally:
            self.spare.close()
            for child in self._ended:
                child.close()

    def stop(self) -> None:
        """Kill the child, and make ``run`` return."""
        self._stopping.set()
        self._models.give_up()
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
        """Let the spare take over; without one, start a child."""
        spare = self.take_spare()
        with self._changing:
            if self._stopping.is_set():
                self._ended += [spare.child] if spare else []
                return None
            self._child, self._replaced_for = spare.child if spare else self._start_child(), ""
        if spare:
            self.take_over(spare)
        else:
            self.begin(self._child.send)
        return self._child

    def _start_spare(self, tap: FrameTap) -> EngineChild:
        return start_child(self._command, tap, self._models.held, is_spare=True)

    def _start_child(self) -> EngineChild:
        return start_child(self._command, self._tap, self._models.held)

    def give(self, model: GivenModel) -> None:
        """Send a model to the child that there is. Any thread but those that notes wait for."""
        with self._changing:
            child = self._child
        if child:
            child.give(model)

    def _attend(self, child: EngineChild) -> str:
        """Handle the child's messages until it ends, or is silent for too long; return why it ended."""
        try:
            while True:
                message = child.receive(self.silence.wait_s)
                if message:
                    self.dispatch(message)
                if self.silence.is_noticed(now_ns()) and self.is_dead(child.threads()) and message is None:
                    return self.timeout_reason
                self._ended[:] = [ended for ended in self._ended if not ended.has_ended]
                self.poll_spare()
        except EOFError as end:
            return self._replaced_for or str(end)

    # The stages of one child, without its process: for the thread above, and for simulators.

    def begin(self, send: Send) -> None:
        """A child was started: send it the settings."""
        settings = self._obtained()
        self._meet(send, settings)
        send(Configure(settings.model_dump_json()))

    def take_spare(self) -> SpareEngine[EngineChild] | None:
        """The spare, if there is one for the settings of now."""
        return self.spare.take(self._playable(), self._fallback(), now_ns()) if self.was_ever_ready else None

    def take_over(self, spare: SpareEngine[EngineChild]) -> None:
        """The spare has become the child: its first message wakes it."""
        self._meet(spare.child.send, spare.settings)
        if spare.settings.daemon.realtime:
            spare.child.hurry(is_ready=spare.is_ready)
        spare.child.send(Configure(spare.settings.model_dump_json()))
        if spare.is_ready:
            self._introduce()

    def poll_spare(self) -> None:
        """Keep a spare beside an engine that plays."""
        at_ns = now_ns()
        if self.is_ready and at_ns - self._ready_ns > _CALM_NS and self.spare.is_due(at_ns):
            self.spare.poll(self._playable(), self._fallback(), at_ns)

    def _meet(self, send: Send, settings: Settings) -> None:
        self._send_child, self.is_ready, self._is_late = send, False, False
        self._offered = settings.play
        self._started_ns = self._alive_ns = now_ns()
        self.silence.begin(self._started_ns)

    def is_dead(self, threads: Threads) -> bool:
        """Has the child been silent for too long, by what the system has given its threads until now?

        The notes of a child that is only late are ended once it is very late; the child stays.
        """
        self.silence.count(now_ns(), threads)
        was_late, self._is_late = self._is_late, self.is_ready and self.silence.is_late
        if self._is_late and not was_late:
            self.end_music()
        return self.silence.is_too_long(self._bound_ns)

    @property
    def _bound_ns(self) -> int:
        return self._router.settings.daemon.silence_ms * NS_PER_MS if self.is_ready else _LOADING_NS

    @property
    def timeout_reason(self) -> str:
        """Why a child that sends nothing any more is replaced."""
        if self.is_ready:
            return f"was silent for {self._router.settings.daemon.silence_ms} ms"
        return "did not start within 30 s"

    def dispatch(self, message: Message) -> None:
        """Handle a message of the child."""
        self._alive_ns = message.at_ns if isinstance(message, Heartbeat) else now_ns()
        self.silence.came_round(self._alive_ns)
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
        if not self.is_ready:
            self._doubt()
        self.is_ready = False
        if now_ns() - self._started_ns > _SETTLED_NS:
            self._backoff.reset()
        is_poisoned = self._silent_restarts >= _FATAL_DEATHS
        self._router.engine_lost(EngineLost(self._receiver.forget(), self._alive_ns, is_poisoned))
        self._alive_ns = 0
        if is_poisoned:
            self._silent_restarts = 0
        if not self.was_ever_ready and self.restarts >= _FALSE_STARTS:
            raise LivegenError(f"the engine {reason} {_FALSE_STARTS} times before it was ready; see above")
        self._say(WarningLine(f"the engine {reason}; starting it again"))
        return self._backoff.next_s()

    def _playable(self) -> Settings:
        """The settings; where their model or key was refused, with a model and key that can be used."""
        settings = self._router.settings
        is_refused = self._refused and _named(settings.play) == _named(self._refused)
        is_refused = is_refused or (self._proven and not self._models.has(settings.play.model))
        return (self._fallback() if is_refused else None) or settings

    def _obtained(self) -> Settings:
        """As ``_playable``; the first engine's model is read now."""
        settings = self._playable()
        if self._proven:
            return settings
        try:
            self._models.obtain(settings.play.model)
        except ModelError as error:
            if self._stopping.is_set():
                return settings
            self._offered = settings.play
            self._refuse(str(error))
            settings = self._playable()
            self._models.obtain(settings.play.model)
        return settings

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

    def _doubt(self) -> None:
        """Engines end while they load: a model gives way to the last one with which an engine was ready."""
        self._false_starts += 1
        if self._false_starts < _FATAL_DEATHS or self._proven is None:
            return
        if not self._models.restore(self._offered.model) and _named(self._offered) != _named(self._proven):
            self._refused = self._offered

    def _introduce(self) -> None:
        if not self.was_ever_ready:
            self._say(f"loaded: {self._offered.model}")
        self.is_ready = self.was_ever_ready = True
        self._ready_ns = now_ns()
        self._false_starts = 0
        self._models.prove(self._offered.model)
        self._proven, self._refused = self._offered, None  # the next engine tries the chosen model again
        self._silent_restarts += 1
        self._router.introduce(self._send_child)


def _named(play: Play) -> tuple[str, str]:
    """The settings that an engine may refuse."""
    return play.model, play.key
