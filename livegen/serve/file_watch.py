"""A settings file that changes while its music plays."""

from collections.abc import Callable
from pathlib import Path

from livegen.errors import SettingsError
from livegen.serve.courier import Courier
from livegen.settings import Settings


class FileWatch:
    """Reads the file again whenever it has been written; one that cannot be used is said, and changes nothing."""

    def __init__(self, path: Path, read: Callable[[], Settings], say: Callable[[str], None]) -> None:
        self._path = path
        self._read = read
        self._say = say
        self._seen_ns = self._written_ns()

    def look(self, courier: Courier) -> None:
        """Has it changed? To be asked a few times a second."""
        written_ns = self._written_ns()
        if written_ns == self._seen_ns:
            return
        self._seen_ns = written_ns
        if not written_ns:
            return
        try:
            courier.take(self._read())
        except SettingsError as error:
            self._say(f"{error}; playing on as before")

    def _written_ns(self) -> int:
        try:
            return self._path.stat().st_mtime_ns
        except OSError:
            return 0
