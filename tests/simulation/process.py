"""The engine's process: the real service with the real engine, over a pipe in memory, and what can befall it."""

from collections import deque
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.engine.engine import Engine
from livegen.errors import LivegenError, ModelError
from livegen.ipc.engine_calls import Performer
from livegen.ipc.engine_worker import Service
from livegen.ipc.messages import Configure, Failed, Heartbeat, Loaded, Message, Ready, decode, encode
from livegen.ipc.process_times import Threads, ThreadTimes
from livegen.ipc.pulse import HEARTBEAT_NS
from livegen.model.bundle import Bundle
from livegen.model.loader import Loader
from livegen.model.stepper import Logits, State, Stepper, Tokens
from livegen.settings import Settings

from .agenda import Alarm

if TYPE_CHECKING:
    from .world import World

LATENCY_NS = 60_000  # of the pipe
_STEP_NS = 160_000  # that a step of a shipped network takes
_TURN_NS = 20_000  # that everything else takes
_BEAT_S = HEARTBEAT_NS / NS_PER_S


class CostlyStepper(Stepper):
    """A network whose steps take time, and which may be damaged."""

    def __init__(self, stepper: Stepper, process: "EngineProcess") -> None:
        self._inner = stepper
        self._process = process

    def initial(self, batch: int = 1) -> State:
        return self._inner.initial(batch)

    def step(self, tokens: Tokens, state: State) -> tuple[Logits, State]:
        self._process.spend(_STEP_NS)
        logits, after = self._inner.step(tokens, state)
        if self._process.damage == "nan":
            logits = np.full_like(logits, np.nan)
        return logits, after


class _ReadyLoader(Loader):
    """Loads without a thread what the port process holds."""

    def __init__(self, find: Callable[[str], Bundle]) -> None:
        super().__init__()
        self._find = find

    def sha256(self, name: str) -> str | None:
        try:
            return self._find(name).sha256
        except ModelError:
            return None

    def ask(self, name: str) -> None:
        self._done.put((name, self._find(name)))


class EngineProcess:
    """One child. It is also its own end of the pipe. A spare waits for its second message, and nobody is told."""

    def __init__(self, world: "World", loading_ns: int, *, is_spare: bool = False) -> None:
        self._world = world
        self._agenda = world.agenda
        self._frames: deque[bytes] = deque()  # to it
        self._said: deque[tuple[int, bytes]] = deque()  # by it, with the moment of arrival
        self._service: Service | None = None
        self._rest_s = 0.0
        self._idle_ns: int | None = None  # since when it has nothing to do but beat
        self._alarm = Alarm(self._agenda, self._run)
        self._arrival = Alarm(self._agenda, self._arrive)
        self.is_alive = True
        self.is_stopped = False
        self.is_spare = is_spare
        self._kept: deque[bytes] = deque()  # by the port process, until somebody receives it
        self._beaten_ns = 0
        self._starved_until_ns = 0
        self.slowness = 1
        self.damage = ""
        self.heard_ns = self._agenda.now_ns()  # when its last word arrived
        self.crash: Exception | None = None
        self._alarm.set(self.heard_ns + loading_ns)

    # what befalls it

    def kill(self) -> None:
        """SIGKILL: what it has said still arrives, and then its end."""
        if self.is_alive:
            self.is_alive = False
            self._alarm.set(None)
            self._wake_up_from_idleness()
            self._agenda.once(max(self._agenda.now_ns() + LATENCY_NS, self._last_arrival_ns), self._end)

    def discard(self) -> None:
        """Nobody waits for it any more."""
        self.is_alive = False
        for alarm in (self._alarm, self._arrival):
            alarm.set(None)
        self._said.clear()

    def stop(self) -> None:
        """SIGSTOP."""
        self._wake_up_from_idleness()
        self.is_stopped = True
        self._alarm.set(None)

    def go_on(self) -> None:
        """SIGCONT."""
        self.is_stopped = False
        if self.is_alive:
            self._alarm.set_by(self._agenda.now_ns() + LATENCY_NS)

    def starve(self, for_ns: int) -> None:
        """It gets no processor."""
        self._wake_up_from_idleness()
        self._starved_until_ns = self._agenda.now_ns() + for_ns
        self._alarm.set(self._starved_until_ns)

    @property
    def is_starved(self) -> bool:
        """It could go on, and gets no processor."""
        return not self.is_stopped and self._agenda.now_ns() < self._starved_until_ns

    def threads(self) -> Threads:
        """As ``EngineChild.threads``: of the one that it has."""
        now_ns = self._agenda.now_ns()
        if self.is_starved:
            return {1: ThreadTimes(0, 0, "R")}
        if self.is_stopped or (self._service and now_ns >= self._busy_until_ns):
            return {1: ThreadTimes(0, 0, "T" if self.is_stopped else "S")}
        return {1: ThreadTimes(now_ns, 0, "R")}  # it computes

    def talk_nonsense(self, frame: bytes) -> None:
        """Its memory is damaged: this comes out."""
        self._wake_up_from_idleness()
        self._post(frame)

    @property
    def is_known_to_live(self) -> bool:
        """It beats, though nobody counts."""
        return self._idle_ns is not None and self.is_alive

    @property
    def waiting(self) -> int:
        """Frames it has not read."""
        return len(self._frames)

    def spend(self, ns: int) -> None:
        """It computes."""
        self._agenda.spent_ns += ns * self.slowness

    # what the supervisor says to it

    def introduce(self, settings: Configure, *, is_realtime: bool) -> None:
        """As ``EngineChild.introduce``."""
        self.send(settings)

    def send(self, message: Message) -> None:
        """As ``EngineChild.send``."""
        if self.is_alive:
            self._frames.append(encode(message))
            if self._service and not self.is_stopped:
                soon_ns = self._agenda.now_ns() + LATENCY_NS
                self._alarm.set_by(max(soon_ns, self._busy_until_ns, self._starved_until_ns))

    def receive(self, _timeout_s: float) -> Message | None:
        """As ``EngineChild.receive``, of a spare."""
        if self._kept:
            return decode(self._kept.popleft())
        if not self.is_alive:
            raise EOFError("ended")
        return None

    def end(self) -> None:
        """As ``EngineChild.end``, of a spare."""
        self.discard()

    def hurry(self, *, is_ready: bool) -> None:
        """As ``EngineChild.hurry``: it is as fast as it is."""

    # its end of the pipe

    def send_bytes(self, frame: bytes) -> None:
        self._post(frame)

    def recv_bytes(self) -> bytes:
        return self._frames.popleft()

    def poll(self, _timeout: float | None) -> bool:
        return bool(self._frames)

    def close(self) -> None:
        self.kill()

    # how it runs

    _busy_until_ns = 0
    _last_arrival_ns = 0

    def _run(self) -> None:
        if self.is_stopped or not self.is_alive:
            return
        if self.is_starved:
            self._alarm.set(self._starved_until_ns)
            return
        self._wake_up_from_idleness()
        self._world.is_elsewhere = True
        self._agenda.spent_ns = 0
        try:
            if self._service is None:
                self._load()
            else:
                self.spend(_TURN_NS)
                self._rest_s = self._service.serve(0)
                self._beat()
        except Exception as error:  # noqa: BLE001 (as a process, it ends of whatever is raised)
            self.crash = error
            self._world.note(f"engine: {type(error).__name__}: {error}")
        self._busy_until_ns = self._agenda.now_ns()
        self._agenda.spent_ns = 0
        if not self.is_alive:
            return
        if self.crash:
            if not self.damage:
                self._world.fail(f"the engine has died by itself: {self.crash!r}")
            self.kill()
        elif self.is_spare and not self._frames:
            self._idle_ns = None  # it does not even beat
        elif self._frames:
            self._alarm.set(self._busy_until_ns)
        elif self._rest_s > _BEAT_S and self.slowness == 1:
            self._idle_ns = self._busy_until_ns
            if self._rest_s < inf:
                self._alarm.set(self._busy_until_ns + round(self._rest_s * NS_PER_S) + 1)
        else:
            self._alarm.set(self._busy_until_ns + round(min(self._rest_s, _BEAT_S) * NS_PER_S) + 1)

    def _beat(self) -> None:
        """As ``Pulse`` does."""
        now_ns = self._agenda.now_ns()
        if now_ns - self._beaten_ns >= HEARTBEAT_NS:
            self._beaten_ns = now_ns
            self.send_bytes(encode(Heartbeat(now_ns)))

    def _load(self) -> None:
        """As ``run_engine`` begins."""
        message = decode(self._frames.popleft())
        assert isinstance(message, Configure)
        settings = Settings.model_validate_json(message.settings)
        try:
            engine = Engine(self._bundle(settings.play.model), settings)
        except LivegenError as error:
            self.send_bytes(encode(Failed(str(error))))
            self.kill()
            return
        self.send_bytes(encode(Loaded(engine.sha256, settings.play.model)))
        self.send_bytes(encode(Ready()))
        self._service = Service(self, Performer(engine, settings), _ReadyLoader(self._bundle))

    def _bundle(self, name: str) -> Bundle:
        found = self._world.bundle(name)
        if found is None or not self._world.port or not self._world.port.models.has(name):
            raise ModelError(f"{name}: the engine was not given this model")
        return Bundle(found.card, CostlyStepper(found.stepper, self), found.codec, found.sha256)

    def _wake_up_from_idleness(self) -> None:
        """From here on its beats count: the last one came so long ago."""
        if self._idle_ns is not None:
            now_ns = self._agenda.now_ns()
            self.heard_ns = now_ns - (now_ns - self._idle_ns) % HEARTBEAT_NS
            self._idle_ns = None
            self._world.expect_word(self)

    def _post(self, frame: bytes) -> None:
        at_ns = max(self._agenda.now_ns() + LATENCY_NS, self._last_arrival_ns)
        self._last_arrival_ns = at_ns
        self._said.append((at_ns, frame))
        self._arrival.set_by(at_ns)

    def _arrive(self) -> None:
        now_ns = self._agenda.now_ns()
        while self._said and self._said[0][0] <= now_ns:
            _, frame = self._said.popleft()
            self.heard_ns = now_ns
            if self.is_spare:
                self._kept.append(frame)
            else:
                self._world.engine_says(self, frame)
        if self._said:
            self._arrival.set(self._said[0][0])

    def _end(self) -> None:
        self._world.engine_ended(self)


LONGEST_SILENCE_NS = 700 * NS_PER_MS
