"""Watches the settings file and the model that it names for changes while playing."""

from collections.abc import Callable
from pathlib import Path

from livegen.daemon.event_router import EventRouter
from livegen.daemon.systemd_notify import notify, notify_reloading
from livegen.errors import SettingsError
from livegen.file_version import GONE, stamp
from livegen.log_line import WarningLine
from livegen.settings import Settings
from livegen.shipped import model_path


class FileWatch:
    """Reads the file again when it has changed; a file that is refused is reported, and changes nothing."""

    def __init__(self, path: Path, read: Callable[[], Settings], say: Callable[[str], None]) -> None:
        self._path = path
        self._read = read
        self._say = say
        self._seen = stamp(path)
        self._is_asked = False
        self._model = ""
        self._model_seen = self._model_before = GONE

    def ask(self) -> None:
        """Read the file at the next poll, whether it has changed or not. Any thread."""
        self._is_asked = True

    def poll(self, router: EventRouter) -> None:
        """Check for changes; to be called a few times a second."""
        found, is_asked, self._is_asked = stamp(self._path), self._is_asked, False
        if found != self._seen or is_asked:
            self._seen = found
            if found != GONE or is_asked:
                notify_reloading()
                self._take(router)
                notify("READY=1")
        self._look_at_model(router)

    def _take(self, router: EventRouter) -> None:
        try:
            router.take(self._read())
        except SettingsError as error:
            self._say(WarningLine(f"{error}; playing on as before"))

    def _look_at_model(self, router: EventRouter) -> None:
        """Report a changed model once it is equal at two polls: before, it may still be being copied."""
        model = router.settings.play.model
        found = stamp(model_path(model))
        if model != self._model:
            self._model, self._model_seen = model, found
        elif found != self._model_seen and found == self._model_before and found != GONE:
            self._model_seen = found
            self._say(f"{model} has changed")
            router.reload_model()
        self._model_before = found
