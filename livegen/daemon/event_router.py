"""The thread that passes received events to the engine, and resends them to a new engine."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Protocol

from livegen.clock import NS_PER_S, now_ns
from livegen.daemon.controls import Controls
from livegen.daemon.resend_buffer import ResendBuffer
from livegen.events import ControlChange, NoteOff, NoteOn, Timed, Transport, is_music
from livegen.ipc.messages import Configure, Follow, Message, Panic, Prepare, RoleChanged, heard
from livegen.music.transport import TransportState
from livegen.realtime import CARRYING, raise_thread
from livegen.settings import Parameter, Settings
from livegen.sync.clock_message import ClockMessage

Send = Callable[[Message], None]


class FetchModel(Protocol):
    """Gives a model, by its name, to the engine, where it is another one or its file is new."""

    def __call__(self, name: str, /, *, is_new_file: bool) -> bool: ...


@dataclass(frozen=True, slots=True)
class EngineLost:
    """The engine is gone."""

    planned_ns: int  # when the last event it planned is due; 0 when it planned none
    at_ns: int  # when it last sent a message
    is_poisoned: bool  # several engines in a row ended on the same events


@dataclass(frozen=True, slots=True)
class Learn:
    """Assign this parameter to the next controller that moves."""

    parameter: Parameter


@dataclass(frozen=True, slots=True)
class StartIdlePlay:
    """No visitor is there: play solo."""

    visited_ns: int | None  # the last visit at that time


@dataclass(frozen=True, slots=True)
class ReloadModel:
    """The model's file has changed: load it again."""


@dataclass(frozen=True, slots=True)
class ModelFetched:
    """The model that was asked for was given to the engine, or was refused."""


@dataclass(frozen=True, slots=True)
class SetOpen:
    """The opening hours begin or end."""

    is_open: bool


_Item = (
    Timed
    | ClockMessage
    | EngineLost
    | TransportState
    | Settings
    | Learn
    | RoleChanged
    | Panic
    | StartIdlePlay
    | ReloadModel
    | ModelFetched
    | SetOpen
    | Send
)


class EventRouter:
    """Handles all events in order, from one queue. Owner of the resend buffer and the controls: its thread.

    ``on_heard`` gets music, ``on_clock`` clock messages, ``on_change`` new settings; ``on_panic`` has no argument.
    ``fetch_model`` begins to give a model to the engine; it returns True when ``model_fetched`` will be called.
    """

    def __init__(
        self,
        on_heard: Callable[[Timed], None],
        on_panic: Callable[[], object],
        controls: Controls,
        *,
        on_clock: Callable[[ClockMessage], None] = lambda _: None,
        on_change: Callable[[Settings], None] = lambda _: None,
        fetch_model: FetchModel = lambda _, *, is_new_file: False,
        is_realtime: bool = False,
    ) -> None:
        self._on_heard = on_heard
        self._on_panic = on_panic
        self._on_clock = on_clock
        self._on_change = on_change
        self._fetch_model = fetch_model
        self._is_preparing = False  # settings for the end of a phrase wait for their model
        self._controls = controls
        self._is_realtime = is_realtime
        self._queue: SimpleQueue[_Item | None] = SimpleQueue()
        self._resend = ResendBuffer()
        self._transport: TransportState | None = None
        self._send: Send | None = None
        self._has_missed_settings = False  # they changed while no engine was ready
        self._is_open = True
        self._asked_ns: int | None = None  # when the last note to be answered began
        self.visited_ns: int | None = None  # when a player last began a note; any thread may read it

    @property
    def settings(self) -> Settings:
        """The settings for an engine; while closed, a solo is replaced by respond. Any thread."""
        settings = self._controls.settings
        if self._is_open or settings.play.role != "solo":
            return settings
        return settings.model_copy(update={"play": settings.play.model_copy(update={"role": "respond"})})

    @property
    def asked_ns(self) -> int | None:
        """When the last note that waits for an answer began; None while a key is down. Any thread."""
        return None if self._resend.is_held else self._asked_ns

    def hear(self, event: Timed | ClockMessage) -> None:
        """Take a played event or a clock message. Any thread; returns at once."""
        self._queue.put(event)

    def follow(self, transport: TransportState) -> None:
        """Take the clock's song position. Any thread."""
        self._queue.put(transport)

    def take(self, settings: Settings) -> None:
        """The settings file has changed: apply it from the end of a phrase on. Any thread."""
        self._queue.put(settings)

    def reload_model(self) -> None:
        """The model's file has changed: load it again. Any thread."""
        self._queue.put(ReloadModel())

    def model_fetched(self) -> None:
        """The model that was asked for was given to the engine, or was refused. Any thread."""
        self._queue.put(ModelFetched())

    def learn(self, parameter: Parameter) -> None:
        """Assign this parameter to the next controller that moves. Any thread."""
        self._queue.put(Learn(parameter))

    def role_changed(self, became: RoleChanged) -> None:
        """The engine has changed its role by itself. Any thread."""
        self._queue.put(became)

    def panic(self) -> None:
        """Silence everything. Any thread."""
        self._queue.put(Panic())

    def start_idle_play(self, visited_ns: int | None) -> None:
        """Play solo, unless somebody has played since that visit. Any thread."""
        self._queue.put(StartIdlePlay(visited_ns))

    def shut(self) -> None:
        """Silence everything, and pass no notes to the engine. Any thread."""
        self._queue.put(SetOpen(is_open=False))

    def reopen(self) -> None:
        """Undo ``shut``. Any thread."""
        self._queue.put(SetOpen(is_open=True))

    def introduce(self, send: Send) -> None:
        """Send to this engine from now on; first what it missed. Any thread."""
        self._queue.put(send)

    def engine_lost(self, lost: EngineLost) -> None:
        """Keep only what must be resent to the next engine. Any thread."""
        self._queue.put(lost)

    def run(self) -> None:
        """The thread's body, until ``stop``."""
        if self._is_realtime:
            raise_thread(CARRYING)
        while True:
            rests_ns = self._controls.rests_ns
            with suppress(Empty):
                wait_s = None if rests_ns is None else max(0, rests_ns - now_ns()) / NS_PER_S
                if (item := self._queue.get(timeout=wait_s)) is None:
                    return self._controls.say_turned()
                self._do(item)
            if rests_ns is not None and rests_ns == self._controls.rests_ns and now_ns() >= rests_ns:
                self._controls.say_turned()

    def stop(self) -> None:
        """Make ``run`` return."""
        self._queue.put(None)

    def work_off(self) -> None:
        """Handle everything that waits: in place of ``run`` where there are no threads."""
        with suppress(Empty):
            while (item := self._queue.get_nowait()) is not None:
                self._do(item)
        self._controls.say_turned()

    def _do(self, item: _Item) -> None:
        match item:
            case Timed():
                self._carry(item)
            case ClockMessage():
                self._on_clock(item)
            case EngineLost():
                self._engine_gone(item)
            case TransportState():
                self._transport = item
                self._tell_engine(Follow(item))
            case Settings():
                if self._controls.take(item):
                    self._prepare()
            case ReloadModel():
                self._prepare(is_new_file=True)
            case ModelFetched():
                kind = Prepare if self._is_preparing else Configure
                self._is_preparing = False
                self._tell_engine(kind(self.settings.model_dump_json()))
            case Learn(parameter):
                self._controls.learn(parameter)
            case RoleChanged(role):
                if self._is_open:
                    self._controls.role_changed(role)
            case StartIdlePlay(visited_ns):
                if visited_ns == self.visited_ns:
                    self._configure(is_new=self._controls.start_idle_play())
            case SetOpen(is_open):
                self._set_open(is_open=is_open)
            case Panic():
                self._be_silent()
            case _:
                self._begin(item)

    def _begin(self, send: Send) -> None:
        self._send = send
        if self._has_missed_settings:
            send(Configure(self.settings.model_dump_json()))
        self._has_missed_settings = False
        if self._transport:
            send(Follow(self._transport))
        if self._resend.is_stale(now_ns()):
            self._forget()
        if missed := self._resend.events():
            send(heard(missed))

    def _engine_gone(self, lost: EngineLost) -> None:
        self._send = None
        if lost.is_poisoned or self._resend.is_answered(lost.planned_ns, lost.at_ns):
            self._forget()

    def _forget(self) -> None:
        self._resend.forget()
        self._asked_ns = None

    def _set_open(self, *, is_open: bool) -> None:
        if not is_open:
            self._be_silent()
        self._is_open = is_open
        self._configure(is_new=True)

    def _carry(self, timed: Timed) -> None:
        event = timed.event
        if event is Transport.RESET:
            self._be_silent()
        elif self._is_open or isinstance(event, NoteOff | ControlChange):  # even when closed, keys are released
            self._on_heard(timed)
            self._configure(is_new=self._is_open and self._controls.hear(event))
            if is_music(event):
                self._resend.remember(timed)
                self._welcome(timed)
                self._tell_engine(heard((timed,)))

    def _welcome(self, timed: Timed) -> None:
        if isinstance(timed.event, NoteOn):
            self.visited_ns = timed.at_ns
            is_chord = timed.is_left_hand and self._controls.settings.limits.left_hand == "chord"
            self._asked_ns = self._asked_ns if is_chord else timed.at_ns

    def _be_silent(self) -> None:
        self._forget()
        self._on_panic()
        self._tell_engine(Panic())

    def _configure(self, *, is_new: bool) -> None:
        if is_new:
            settings = self.settings
            self._fetch_model(settings.play.model, is_new_file=False)  # until it is there, the old one plays
            self._tell_engine(Configure(settings.model_dump_json()))
            self._on_change(settings)

    def _prepare(self, *, is_new_file: bool = False) -> None:
        """Change at the end of the phrase; where the model is another one, once it is there."""
        settings = self.settings
        self._is_preparing = self._fetch_model(settings.play.model, is_new_file=is_new_file)
        if not self._is_preparing:
            self._tell_engine(Prepare(settings.model_dump_json()))
        self._on_change(settings)

    def _tell_engine(self, message: Message) -> None:
        if self._send:
            self._send(message)
        elif isinstance(message, Configure | Prepare):
            self._has_missed_settings = True
