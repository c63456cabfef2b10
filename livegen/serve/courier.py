"""The thread that carries what is heard to the engine, and tells a new engine what the old one heard."""

from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue

from livegen.events import ALL_NOTES_OFF, ALL_SOUND_OFF, Control, Timed
from livegen.play.priority import CARRYING, raise_thread
from livegen.serve.conversation import Conversation
from livegen.serve.link import Heard, Message, Panic

Send = Callable[[Message], None]


@dataclass(frozen=True, slots=True)
class Loss:
    """The engine is gone."""

    planned_ns: int  # when the last event it planned is due; 0 when it planned none
    at_ns: int
    is_poisoned: bool  # engines have died of what they were told


class Courier:
    """Everything in its order, through one queue. Owner of the conversation: its thread."""

    def __init__(
        self,
        on_heard: Callable[[Timed], None],
        on_panic: Callable[[], None],
        *,
        is_realtime: bool = False,
    ) -> None:
        self._on_heard = on_heard
        self._on_panic = on_panic
        self._is_realtime = is_realtime
        self._queue: SimpleQueue[Timed | Loss | Send | None] = SimpleQueue()
        self._conversation = Conversation()
        self._send: Send | None = None

    def hear(self, timed: Timed) -> None:
        """Something was played. Any thread; returns at once."""
        self._queue.put(timed)

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
            match item:
                case Timed():
                    self._carry(item)
                case Loss():
                    self._part(item)
                case _:
                    self._begin(item)

    def stop(self) -> None:
        """Let ``run`` return."""
        self._queue.put(None)

    def _begin(self, send: Send) -> None:
        self._send = send
        if missed := self._conversation.events():
            send(Heard(missed))

    def _part(self, loss: Loss) -> None:
        self._send = None
        if loss.is_poisoned or self._conversation.is_answered(loss.planned_ns, loss.at_ns):
            self._conversation.forget()

    def _carry(self, timed: Timed) -> None:
        self._on_heard(timed)
        if isinstance(timed.event, Control) and timed.event.number in (ALL_SOUND_OFF, ALL_NOTES_OFF):
            self._conversation.forget()
            self._on_panic()
            message: Message = Panic()
        else:
            self._conversation.remember(timed)
            message = Heard((timed,))
        if self._send:
            self._send(message)
