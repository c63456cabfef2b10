"""Loads a model while another one plays."""

import threading
from queue import Empty, SimpleQueue

from livegen.errors import LivegenError
from livegen.file_version import GONE, Stamp, stamp
from livegen.model.bundle import Bundle, load_bundle
from livegen.realtime import raise_process
from livegen.shipped import model_path


class Loader:
    """Loads in its own thread. It keeps loaded models: onnxruntime never returns a session's memory."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Stamp, Bundle]] = {}
        self._done: SimpleQueue[Bundle | LivegenError] = SimpleQueue()

    def ask(self, model: str) -> None:
        """Begin to load a model, by a shipped model's name or by a path."""
        known, bundle = self._kept.get(model, (GONE, None))
        if bundle and known == stamp(model_path(model)):
            self._done.put(bundle)
        else:
            threading.Thread(target=self._load, args=(model,), name="loader", daemon=True).start()

    def take(self) -> Bundle | LivegenError | None:
        """A model that has been loaded since the last call, or why it was refused; None when there is nothing new."""
        try:
            return self._done.get_nowait()
        except Empty:
            return None

    def _load(self, model: str) -> None:
        raise_process()  # above ordinary processes, though not as high as the thread that plays
        found = stamp(model_path(model))
        try:
            bundle = load_bundle(model)
            self._kept[model] = found, bundle
            self._done.put(bundle)
        except LivegenError as error:
            self._done.put(error)
