"""The thread that carries what is heard to the engine, and tells a new engine what the old one heard."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from livegen.events import ALL_NOTES_OFF, ALL_SOUND_OFF, Control, Position, Timed, Transport
from livegen.music.song import Song
from livegen.play.priority import CARRYING, raise_thread
from livegen.serve.controls import Controls
from livegen.serve.conversation import Conversation
from livegen.serve.link import Became, Configure, Follow, Heard, Message, Panic
from livegen.settings import Parameter, Settings

Send = Callable[[Message], None]


@dataclass(frozen=True, slots=True)
class Loss:
    """The engine is gone."""

    planned_ns: int  # when the last event it planned is due; 0 when it planned none
    at_ns: int
    is_poisoned: bool  # engines have died of what they were told


@dataclass(frozen=True, slots=True)
class Learn:
    """The next controller is to set this."""

    parameter: Parameter


_Item = Timed | Loss | Song | Settings | Learn | Became | Panic | Send


class Courier:
    """Everything in its order, through one queue. Owner of the conversation and of the controls: its thread.

    ``on_heard`` gets the music, ``on_clock`` pulses and positions, ``on_change`` new settings, ``on_panic`` nothing.
    """

    def __init__(
        self,
        on_heard: Callable[[Timed], None],
        on_panic: Callable[[], None],
        controls: Controls,
        *,
        on_clock: Callable[[Timed], None] = lambda _: None,
        on_change: Callable[[Settings], None] = lambda _: None,
        is_realtime: bool = False,
    ) -> None:
        self._on_heard = on_heard
        self._on_panic = on_panic
        self._on_clock = on_clock
        self._on_change = on_change
        self._controls = controls
        self._is_realtime = is_realtime
        self._queue: SimpleQueue[_Item | None] = SimpleQueue()
        self._conversation = Conversation()
        self._song: Song | None = None
        self._send: Send | None = None

    def hear(self, timed: Timed) -> None:
        """Something was played. Any thread; returns at once."""
        self._queue.put(timed)

    def follow(self, song: Song) -> None:
        """The clock stands there. Any thread."""
        self._queue.put(song)

    def take(self, settings: Settings) -> None:
        """The settings file has changed. Any thread."""
        self._queue.put(settings)

    def learn(self, parameter: Parameter) -> None:
        """Let the next controller set it. Any thread."""
        self._queue.put(Learn(parameter))

    def become(self, became: Became) -> None:
        """The engine has taken another role. Any thread."""
        self._queue.put(became)

    def panic(self) -> None:
        """Be silent. Any thread."""
        self._queue.put(Panic())

    def introduce(self, send: Send) -> None:
        """From now on tell this engine; first of all what it missed. Any thread."""
        self._queue.put(send)

    def lose(self, loss: Loss) -> None:
        """Keep what is to be told to the next engine, and only that. Any thread."""
        self._queue.put(loss)

    def run(self) -> None:
        """The thread's body, until ``stop``."""
        if self._is_realtime:
            raise_thread(CARRYING)
        while (item := self._queue.get()) is not None:
            self._do(item)

    def stop(self) -> None:
        """Let ``run`` return."""
        self._queue.put(None)

    def work_off(self) -> None:
        """Do what waits, without waiting for more: in place of ``run`` where there are no threads."""
        with suppress(Empty):
            while (item := self._queue.get_nowait()) is not None:
                self._do(item)

    def _do(self, item: _Item) -> None:
        match item:
            case Timed():
                self._carry(item)
            case Loss():
                self._part(item)
            case Song():
                self._song = item
                self._tell(Follow(item))
            case Settings():
                self._configure(is_new=self._controls.take(item))
            case Learn(parameter):
                self._controls.learn(parameter)
            case Became(role):
                self._controls.become(role)
            case Panic():
                self._silence()
            case _:
                self._begin(item)

    def _begin(self, send: Send) -> None:
        self._send = send
        if self._song:
            send(Follow(self._song))
        if missed := self._conversation.events():
            send(Heard(missed))

    def _part(self, loss: Loss) -> None:
        self._send = None
        if loss.is_poisoned or self._conversation.is_answered(loss.planned_ns, loss.at_ns):
            self._conversation.forget()

    def _carry(self, timed: Timed) -> None:
        event = timed.event
        if event is Transport.RESET:
            self._silence()
        elif isinstance(event, Transport | Position):
            self._on_clock(timed)
        else:
            self._on_heard(timed)
            self._configure(is_new=self._controls.hear(event))
            if isinstance(event, Control) and event.number in (ALL_SOUND_OFF, ALL_NOTES_OFF):
                self._silence()
            else:
                self._conversation.remember(timed)
                self._tell(Heard((timed,)))

    def _silence(self) -> None:
        self._conversation.forget()
        self._on_panic()
        self._tell(Panic())

    def _configure(self, *, is_new: bool) -> None:
        if is_new:
            settings = self._controls.settings
            self._tell(Configure(settings.model_dump_json()))
            self._on_change(settings)

    def _tell(self, message: Message) -> None:
        if self._send:
            self._send(message)
