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
class Introduction:
    """A new engine, and what became of the one before it."""

    send: Send
    planned_ns: int  # when the last event of the engine before was due; 0 when it had none
    lost_ns: int  # when the engine before ended
    is_poisoned: bool  # engines have died of what was heard


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
        self._queue: SimpleQueue[Timed | Introduction | None] = SimpleQueue()
        self._conversation = Conversation()
        self._send: Send | None = None

    def hear(self, timed: Timed) -> None:
        """Something was played. Any thread; returns at once."""
        self._queue.put(timed)

    def introduce(self, engine: Introduction) -> None:
        """From now on tell this engine; first of all what it missed. Any thread."""
        self._queue.put(engine)

    def run(self) -> None:
        """The thread's body, until ``stop``."""
        if self._is_realtime:
            raise_thread(CARRYING)
        while (item := self._queue.get()) is not None:
            if isinstance(item, Introduction):
                self._begin(item)
            else:
                self._carry(item)

    def stop(self) -> None:
        """Let ``run`` return."""
        self._queue.put(None)

    def _begin(self, engine: Introduction) -> None:
        if engine.is_poisoned or self._conversation.is_answered(engine.planned_ns, engine.lost_ns):
            self._conversation.forget()
        self._send = engine.send
        if missed := self._conversation.events():
            self._send(Heard(missed))

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
