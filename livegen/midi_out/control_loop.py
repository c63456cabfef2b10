"""Tells a controller that has come back to us, through a cable or a program, from one that a player repeats."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from livegen.clock import NS_PER_MS

_WINDOW_NS = 30 * NS_PER_MS  # what we sent comes back within this time
_JUDGED = 128  # of the latest messages that we sent
_ENOUGH = 112  # of them came back: a loop, or an endless knob. Of a knob's NRPNs three in four seem to come back


@dataclass(slots=True)
class _Sent:
    at_ns: int
    message: bytes
    has_returned: bool = False


class ControlLoop:
    """Decides which messages, other than notes, are passed on. Owner: the sender's lock; it is told the time.

    A player may repeat a message (NRPNs, an endless knob), and each repetition looks like the last one come back. When
    nearly all messages of late seem to have come back, returning messages are held back. A loop is silent then. If the
    same message comes though none was sent, a player sends it: those held back are passed on before it.
    """

    def __init__(self) -> None:
        self._sent: deque[_Sent] = deque()  # within the window
        self._outcomes: deque[bool] = deque(maxlen=_JUDGED)  # of earlier messages: has it returned?
        self._held: deque[tuple[int, bytes]] = deque()

    def passed(self, message: bytes, at_ns: int, *, is_needed: bool = False) -> Sequence[bytes]:
        """A message has come; return the messages to pass on now. One that ``is_needed`` is always passed on."""
        self._age(at_ns)
        returned = [sent for sent in self._sent if sent.message == message]
        for sent in [sent for sent in returned if not sent.has_returned][:1]:
            sent.has_returned = True
        if returned and not is_needed and self._is_suspected:
            self._held.append((at_ns, message))
            return ()
        messages = [message]
        if not returned and self._is_repeated(message, at_ns):
            messages = [*(held for _, held in self._held), message]
            self._held.clear()
            self._outcomes.clear()
        self._sent.extend(_Sent(at_ns, each) for each in messages)
        return messages

    @property
    def _is_suspected(self) -> bool:
        known = [*self._outcomes, *(True for sent in self._sent if sent.has_returned)]
        return sum(known[-_JUDGED:]) >= _ENOUGH

    def _is_repeated(self, message: bytes, at_ns: int) -> bool:
        """The same message was held back a moment ago: its player goes on."""
        return any(held == message and at_ns - held_ns <= _WINDOW_NS for held_ns, held in self._held)

    def _age(self, at_ns: int) -> None:
        while self._sent and at_ns - self._sent[0].at_ns > _WINDOW_NS:
            self._outcomes.append(self._sent.popleft().has_returned)
        while self._held and at_ns - self._held[0][0] > 2 * _WINDOW_NS:
            self._held.popleft()
