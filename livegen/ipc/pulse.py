"""The engine's heartbeat: a thread that says when the engine's loop last came round, however long a step takes."""

import threading
from types import TracebackType

from livegen.clock import NS_PER_MS, NS_PER_S, now_ns
from livegen.ipc.messages import Connection, Heartbeat, encode
from livegen.realtime import BEATING, PLANNING, ThreadShare, raise_thread

HEARTBEAT_NS = 50 * NS_PER_MS


class SharedConnection:
    """One end of the pipe, on which two threads send. One thread receives."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sending = threading.Lock()

    def send_bytes(self, frame: bytes) -> None:
        """Send one frame; OSError when the other end is gone."""
        with self._sending:
            self._connection.send_bytes(frame)

    def recv_bytes(self) -> bytes:
        """Wait for the next frame; EOFError or OSError when the other end is gone."""
        return self._connection.recv_bytes()

    def poll(self, timeout: float | None) -> bool:
        """Wait up to ``timeout`` seconds for a frame, or for the end."""
        return self._connection.poll(timeout)

    def close(self) -> None:
        """Close this end, which the other end notices."""
        with self._sending:
            self._connection.close()


class LoopProgress:
    """Where the engine's loop is. Owner: its thread; any thread may read it."""

    def __init__(self) -> None:
        self._begun_ns: int | None = None  # when this round began; None while the loop waits for something to do

    def begin(self, at_ns: int) -> None:
        """A round begins."""
        self._begun_ns = at_ns

    def rest(self) -> None:
        """The round is over."""
        self._begun_ns = None

    def at_ns(self, now_ns: int) -> int:
        """When the loop last came round: now, where it waits."""
        begun_ns = self._begun_ns
        return now_ns if begun_ns is None else begun_ns


class Pulse:
    """The thread that sends the heartbeat while the loop of the thread that begins it runs.

    With real-time priority the loop is raised above all ordinary programs, and lowered while it takes a whole core.
    """

    def __init__(self, connection: Connection, progress: LoopProgress, *, is_realtime: bool) -> None:
        self._connection = connection
        self._progress = progress
        self._share = ThreadShare(PLANNING) if is_realtime and raise_thread(PLANNING) else None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._stopping.set()

    def _run(self) -> None:
        if self._share:
            raise_thread(BEATING)
        while not self._stopping.is_set():
            try:
                self._connection.send_bytes(encode(Heartbeat(self._progress.at_ns(now_ns()))))
            except OSError:
                return  # the port process has ended: the loop finds out, too
            if self._share:
                self._share.poll(now_ns())
            self._stopping.wait(HEARTBEAT_NS / NS_PER_S)
