"""The thread that takes what the inputs have queued: no Python runs on a MIDI system's own threads."""

import threading
import time
from collections.abc import Callable

from livegen.clock import NS_PER_MS, NS_PER_S, now_ns
from livegen.midi_in.arrival import ArrivalClock
from livegen.midi_ports.client import MidiClient
from livegen.realtime import CARRYING, raise_thread

OnMessage = Callable[[list[int], int], None]  # gets bytes and arrival on the poller's thread: must return at once

_FLUSH = [0xF7]
_DEAF_NS = 10 * NS_PER_S  # some flushes
_PLAYING_NS = 10 * NS_PER_S  # somebody plays: the last message was this long ago at most
_CHECK_NS = 20 * NS_PER_MS  # a cable that somebody takes out is out for longer
_PLAYING_S, _RESTING_S, _ALONE_S = 0.0005, 0.008, 0.05  # from one round to the next


class Source:
    """One input that is polled."""

    def __init__(self, client: MidiClient, on_message: OnMessage) -> None:
        self._client = client
        self._on_message = on_message
        self._clock = ArrivalClock()
        self._since_ns = now_ns()  # what is taken next arrived later
        self._flushed_ns = self._since_ns

    def take(self) -> bool:
        """Pass on what has arrived; True when there was anything but what flushes the port."""
        begun_ns, is_playing = now_ns(), False
        while received := self._client.receive():
            message, after_s = received
            at_ns = self._clock.arrived_ns(message[0], after_s, self._since_ns, now_ns())
            if message[-1:] == _FLUSH:
                self._flushed_ns = begun_ns
            if message != _FLUSH and not self._is_rest(message[0]):
                is_playing = True
                self._on_message(message, at_ns)
        self._since_ns = begun_ns
        return is_playing

    def _is_rest(self, first_byte: int) -> bool:
        """The rest of a system exclusive message that was flushed: on JACK every other message has a status byte."""
        return first_byte < 0x80 and self._client.system == "jack"

    def excuse(self, at_ns: int) -> None:
        """Nothing is sent to flush it, or not yet."""
        self._flushed_ns = at_ns

    def is_deaf(self, at_ns: int) -> bool:
        """Of a port that is being flushed: nothing has come of it for a while."""
        return at_ns - self._flushed_ns > _DEAF_NS


class InputPoller:
    """Polls all inputs, more often while somebody plays. ``add``, ``remove``, ``start`` and ``stop``: one thread."""

    def __init__(self, *, is_realtime: bool = True) -> None:
        self._is_realtime = is_realtime
        self._sources: dict[MidiClient, Source] = {}
        self._taking = threading.Lock()  # a client must not be closed while it is asked
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._played_ns = 0
        self.is_alone = False  # nobody is connected to any input
        self.check: Callable[[], bool] = lambda: True  # called many times a second; True when somebody listens to us
        self._checked_ns, self._is_heard = 0, True

    def add(self, client: MidiClient, on_message: OnMessage) -> Source:
        """From now on, call ``on_message`` for all that arrives there."""
        source = Source(client, on_message)
        with self._taking:
            self._sources = {**self._sources, client: source}
        return source

    def remove(self, client: MidiClient) -> None:
        """Ask this client no more: it may be closed."""
        with self._taking:
            self._sources = {other: source for other, source in self._sources.items() if other is not client}

    def take(self) -> float:
        """One round; the seconds to wait until the next."""
        with self._taking:
            is_playing = [source.take() for source in self._sources.values()]
        at_ns = now_ns()
        if at_ns - self._checked_ns >= _CHECK_NS:
            self._checked_ns, self._is_heard = at_ns, self.check()
        if any(is_playing):
            self._played_ns = at_ns
        if at_ns - self._played_ns < _PLAYING_NS:
            return _PLAYING_S
        return _ALONE_S if self.is_alone and not self._is_heard else _RESTING_S

    def has_taken_since(self, at_ns: int) -> bool:
        """Has anything been played since then? Any thread."""
        return self._played_ns > at_ns

    def start(self) -> None:
        """Begin to poll, at real-time priority where that is allowed."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; it takes no more."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        if self._is_realtime:
            raise_thread(CARRYING)
        while not self._stopping.is_set():
            time.sleep(self.take())
