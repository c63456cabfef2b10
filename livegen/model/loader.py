"""Loads the models that the engine is given, the first at once, the others while one plays."""

import threading
from hashlib import sha256
from queue import Empty, SimpleQueue

from livegen.errors import LivegenError, ModelError
from livegen.model.bundle import Bundle, open_warm
from livegen.realtime import raise_process


class Loader:
    """Loads in its own thread. It keeps loaded models: onnxruntime never returns a session's memory.

    All other methods belong to the engine's thread.
    """

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._given: dict[str, str] = {}  # name → the SHA-256 of the file that it means
        self._files: dict[str, bytes] = {}  # SHA-256 → the content of a file that is not loaded yet
        self._loaded: dict[str, Bundle] = {}  # by SHA-256
        self._loading = ""
        self._done: SimpleQueue[tuple[str, Bundle | LivegenError]] = SimpleQueue()

    def take_part(self, content: bytes) -> None:
        """Take the next part of a file."""
        self._parts.append(content)

    def take_name(self, name: str, digest: str) -> None:
        """The parts before are the file that ``name`` means; without a part, it is one that was given before."""
        if self._parts:
            self._files[digest] = b"".join(self._parts)
            self._parts.clear()
        self._given[name] = digest

    def sha256(self, name: str) -> str | None:
        """The SHA-256 of the file that a name means; None when it was not given."""
        return self._given.get(name)

    def load(self, name: str) -> Bundle:
        """Load a model now; ModelError says why it cannot be loaded."""
        bundle = self._open(name, self._given.get(name, ""))
        self._loaded[bundle.sha256] = bundle
        return bundle

    def ask(self, name: str) -> None:
        """Begin to load a model that was given."""
        digest = self._given[name]
        if digest in self._loaded:
            self._done.put((name, self._loaded[digest]))
        elif digest != self._loading:
            self._loading = digest
            threading.Thread(target=self._run, args=(name, digest), name="loader", daemon=True).start()

    def take(self) -> Bundle | LivegenError | None:
        """A model that has been loaded since the last call, or why it was refused; None when there is nothing new."""
        try:
            name, found = self._done.get_nowait()
        except Empty:
            return None
        self._loading = ""
        if isinstance(found, LivegenError):
            self._given.pop(name, None)
        else:
            self._loaded[found.sha256] = found
        return found

    def _run(self, name: str, digest: str) -> None:
        raise_process()  # above ordinary processes, though not as high as the thread that plays
        try:
            self._done.put((name, self._open(name, digest)))
        except LivegenError as error:
            self._done.put((name, error))

    def _open(self, name: str, digest: str) -> Bundle:
        content = self._files.pop(digest, b"")
        if sha256(content).hexdigest() != digest:
            raise ModelError(f"{name}: the engine was not given this model")
        return open_warm(name, content)
