"""The engine's process, seen from the port process: one child, from its start to its end."""

import os
import select
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Pipe
from typing import Protocol

from livegen.ipc.given_model import GivenModel
from livegen.ipc.messages import UNRECORDED, Configure, Connection, Message, decode, encode
from livegen.ipc.process_times import Threads, thread_times
from livegen.own_process import module_command
from livegen.realtime import LOOKING_ON, PLANNING, raise_process, raise_thread
from livegen.recording.format import Kind
from livegen.settings import Settings
from livegen.version import check_installed

ModelFor = Callable[[str], GivenModel | None]  # the model that an engine begins with, by its name in the settings
FrameTap = Callable[[Kind, bytes], None]  # for an engine's start and end, and for the frames sent and received

_GLANCE_MS = 100

ENGINE_COMMAND = module_command("livegen.ipc.engine_worker")
# Without threads of numpy and onnxruntime: an engine's pipe ends with the last thread, which may wait for a processor.
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "ORT_DISABLE_TELEMETRY": "1"}
SPARE = "spare"  # the last argument of the command: the engine is loaded, and waits until it takes over


class HeldTap:
    """Keeps the frames of a spare until it takes over: then it passes them on, and all that follow. Any thread."""

    def __init__(self, tap: FrameTap) -> None:
        self._tap = tap
        self._held: list[tuple[Kind, bytes]] | None = []
        self._taking = threading.Lock()

    def __call__(self, kind: Kind, content: bytes) -> None:
        """Take an engine's start or end, or a frame."""
        with self._taking:
            if self._held is None:
                self._tap(kind, content)
            else:
                self._held.append((kind, content))

    def release(self) -> None:
        """The spare takes over."""
        with self._taking:
            held, self._held = self._held or [], None
            for kind, content in held:
                self._tap(kind, content)


class _Pipe(Connection, Protocol):
    def fileno(self) -> int: ...


class EngineChild:
    """A running child and our end of the pipe to it.

    ``send`` and ``kill`` may be called by any thread; all other methods belong to the supervisor's thread.
    """

    def __init__(self, process: subprocess.Popen[bytes], connection: _Pipe, tap: FrameTap, model_for: ModelFor) -> None:
        self._process = process
        self._connection = connection
        self._tap = tap
        self._model_for: ModelFor | None = model_for  # until it has its first message
        self._given: set[str] = set()  # the SHA-256 of the models that it has got
        self._sending = threading.Lock()
        self._is_closed = False
        self._introduced = threading.Event()
        self._introduced.set()
        tap(Kind.BEGUN, b"")

    def introduce(self, settings: Configure, *, is_realtime: bool) -> None:
        """Send the first settings, with their model, in a thread: a child that loads reads them after seconds."""
        self._introduced.clear()

        def send() -> None:
            if is_realtime:
                raise_thread(LOOKING_ON)
            try:
                self._send(settings)
            finally:
                self._introduced.set()

        threading.Thread(target=send, name="introduction", daemon=True).start()

    def send(self, message: Message) -> None:
        """Send a message. A message to a child that has ended is lost; ``receive`` reports the end."""
        self._introduced.wait()
        self._send(message)

    def _send(self, message: Message) -> None:
        model_for, self._model_for = self._model_for, None
        if model_for and isinstance(message, Configure):
            model = model_for(Settings.model_validate_json(message.settings).play.model)
            if model:
                self.give(model)
        frame = encode(message)
        with self._sending, suppress(OSError):
            if not self._is_closed:
                self._tap(Kind.TOLD, frame)  # before the engine can handle it
                self._connection.send_bytes(frame)

    def give(self, model: GivenModel) -> None:
        """Send a model's file; other threads may send other messages meanwhile. It is not recorded."""
        for message in model.messages(is_known=model.sha256 in self._given):
            frame = encode(message)
            self._await_room()
            with self._sending, suppress(OSError):
                if not self._is_closed:
                    self._connection.send_bytes(frame)
        self._given.add(model.sha256)

    def _await_room(self) -> None:
        """Wait until the pipe takes a part of a model at once: others, who send notes, do not wait for this thread."""
        if sys.platform == "win32":
            return
        room = select.poll()
        with suppress(OSError, ValueError):  # closed
            room.register(self._connection.fileno(), select.POLLOUT)
            while not self._is_closed and not room.poll(_GLANCE_MS):
                pass

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
        if not isinstance(message, UNRECORDED):
            self._tap(Kind.SAID, frame)
        return message

    def kill(self) -> None:
        """Kill the child."""
        self._process.kill()

    def hurry(self, *, is_ready: bool) -> None:
        """Raise a spare as an engine is that plays: until it has heard that it takes over, it cannot do so itself."""
        raise_process(self._process.pid)
        if is_ready:
            raise_thread(PLANNING, self._process.pid)

    def threads(self) -> Threads:
        """What the system has given the child's threads."""
        return thread_times(self._process.pid)

    def end(self) -> None:
        """Kill the child, and take no message of it any more; ``close`` is still needed."""
        self.kill()
        with self._sending:
            if not self._is_closed:
                self._is_closed = True
                self._connection.close()
                self._tap(Kind.ENDED, b"")

    @property
    def has_ended(self) -> bool:
        """Is nothing left of the child?"""
        return self._process.poll() is not None

    def close(self) -> None:
        """Kill the child, and wait until it has ended."""
        self.end()
        self._process.wait()


def start_child(
    command: Sequence[str],
    tap: FrameTap = lambda _, __: None,
    model_for: ModelFor = lambda _: None,
    *,
    is_spare: bool = False,
) -> EngineChild:
    """Start a child with one end of a new pipe, which no other process holds: each side sees the other's end at once.

    ``model_for`` gives the model of its first settings. The child has its own process group, so that Ctrl-C reaches the
    port process only. LivegenError when it would be of another version of livegen than we are.
    """
    check_installed()
    ours, theirs = Pipe()
    handle = theirs.fileno()
    command = [*command, str(handle), *([SPARE] if is_spare else ())]
    environment = {**_ENVIRONMENT, **os.environ}
    with theirs:
        if sys.platform == "win32":
            os.set_handle_inheritable(handle, True)  # noqa: FBT003 (it takes no name)
            inherit = subprocess.STARTUPINFO(lpAttributeList={"handle_list": [handle]})
            group = subprocess.CREATE_NEW_PROCESS_GROUP
            process = subprocess.Popen(command, env=environment, startupinfo=inherit, creationflags=group)
        else:
            process = subprocess.Popen(command, env=environment, pass_fds=(handle,), process_group=0)
    return EngineChild(process, ours, tap, model_for)
