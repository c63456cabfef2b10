"""Models that are loaded while another one plays."""

import threading
from queue import Empty, SimpleQueue

from livegen.errors import LivegenError
from livegen.imagine.bundle import Bundle, load_bundle


class Loader:
    """Loads in a thread of its own; keeps what it has loaded, for a session never gives its memory back."""

    def __init__(self) -> None:
        self._kept: dict[str, Bundle] = {}
        self._done: SimpleQueue[Bundle | LivegenError] = SimpleQueue()

    def ask(self, model: str) -> None:
        """Begin to load a model, by a shipped one's name or by a path."""
        if model in self._kept:
            self._done.put(self._kept[model])
        else:
            threading.Thread(target=self._load, args=(model,), name="loader", daemon=True).start()

    def take(self) -> Bundle | LivegenError | None:
        """What has been loaded since, or why it was refused; None when there is nothing new."""
        try:
            return self._done.get_nowait()
        except Empty:
            return None

    def _load(self, model: str) -> None:
        try:
            self._kept[model] = load_bundle(model)
            self._done.put(self._kept[model])
        except LivegenError as error:
            self._done.put(error)
