"""The engine's process, seen from the port process: one child, from its start to its end."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Pipe

from livegen.ipc.messages import Connection, Heartbeat, Message, decode, encode
from livegen.own_process import module_command
from livegen.recording.format import Kind
from livegen.version import check_installed

FrameTap = Callable[[Kind, bytes], None]  # for an engine's start and end, and for the frames sent and received

ENGINE_COMMAND = module_command("livegen.ipc.engine_worker")


class EngineChild:
    """A running child and our end of the pipe to it.

    ``send`` and ``kill`` may be called by any thread; ``receive`` and ``close`` belong to the supervisor's thread.
    """

    def __init__(self, process: subprocess.Popen[bytes], connection: Connection, tap: FrameTap) -> None:
        self._process = process
        self._connection = connection
        self._tap = tap
        self._sending = threading.Lock()
        self._is_closed = False
        tap(Kind.BEGUN, b"")

    def send(self, message: Message) -> None:
        """Send a message. A message to a child that has ended is lost; ``receive`` reports the end."""
        frame = encode(message)
        with self._sending, suppress(OSError):
            if not self._is_closed:
                self._tap(Kind.TOLD, frame)  # before the engine can handle it
                self._connection.send_bytes(frame)

    def receive(self, timeout_s: float) -> Message | None:
        """The next message; None when none arrives in time; EOFError, with the reason, when the child has ended."""
        try:
            if not self._connection.poll(timeout_s):
                return None
            frame = self._connection.recv_bytes()
        except (EOFError, ConnectionError):
            raise EOFError("ended") from None
        try:
            message = decode(frame)
        except ValueError as error:
            raise EOFError(f"sent an invalid message ({error})") from None
        if not isinstance(message, Heartbeat):
            self._tap(Kind.SAID, frame)
        return message

    def kill(self) -> None:
        """Kill the child."""
        self._process.kill()

    def close(self) -> None:
        """Kill the child, and wait until it has ended."""
        self.kill()
        self._process.wait()
        with self._sending:
            self._is_closed = True
            self._connection.close()
        self._tap(Kind.ENDED, b"")


def start_child(command: Sequence[str], tap: FrameTap = lambda _, __: None) -> EngineChild:
    """Start a child with one end of a new pipe, which no other process holds: each side sees the other's end at once.

    The child has its own process group, so that Ctrl-C reaches the port process only. LivegenError when it would be of
    another version of livegen than we are.
    """
    check_installed()
    ours, theirs = Pipe()
    handle = theirs.fileno()
    command = [*command, str(handle)]
    with theirs:
        if sys.platform == "win32":
            os.set_handle_inheritable(handle, True)  # noqa: FBT003 (it takes no name)
            inherit = subprocess.STARTUPINFO(lpAttributeList={"handle_list": [handle]})
            group = subprocess.CREATE_NEW_PROCESS_GROUP
            process = subprocess.Popen(command, startupinfo=inherit, creationflags=group)
        else:
            process = subprocess.Popen(command, pass_fds=(handle,), process_group=0)
    return EngineChild(process, ours, tap)
