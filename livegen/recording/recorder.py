"""Records a session: to the ring of the last minutes, and to a file in the player's folder."""

from collections.abc import Callable, Sequence
from pathlib import Path

from livegen.clock import NS_PER_S
from livegen.midi_out.ledger import ledger_folder, make_ledger_folder
from livegen.recording.format import Record, encode_frames
from livegen.recording.library import free_path, prune
from livegen.recording.opening import opening
from livegen.recording.recent import PIECES, next_piece
from livegen.recording.writer import SessionWriter
from livegen.settings import Settings

_SAVE_NS = NS_PER_S
_LARGEST_PIECE = 4 * 2**20
_LARGEST_SESSION = 64 * 2**20  # bytes; the session continues in another file
_MB = 2**20


class Recorder:
    """Owner of the session writers. One thread, off the path of a note."""

    def __init__(self, writers: Sequence[SessionWriter]) -> None:
        self._writers = writers
        self._records: list[Record] = []
        self._saved_ns = 0

    def record(self, record: Record) -> None:
        """Take a record; the next ``save`` writes it to disk."""
        self._records.append(record)

    def wait_s(self, now_ns: int) -> float | None:
        """The time until the next save is due; None when there is nothing to save."""
        if not self._records and not any(writer.is_waiting for writer in self._writers):
            return None
        return max(self._saved_ns + _SAVE_NS - now_ns, 0) / NS_PER_S

    def save(self, now_ns: int, *, is_last: bool = False) -> None:
        """Write the new records, at most once a second."""
        wait_s = self.wait_s(now_ns)
        if wait_s is None or (wait_s and not is_last):
            return
        self._saved_ns = now_ns
        frames = encode_frames(self._records)
        self._records.clear()
        for writer in self._writers:
            writer.write(frames, now_ns)


def open_recorder(settings: Settings, say: Callable[[str], None]) -> Recorder | None:
    """The recorder that the settings describe; None where they record nothing. It writes nothing yet."""
    daemon, name = settings.daemon, settings.ports.name
    writers = []
    if daemon.ring_minutes:
        longest_ns = daemon.ring_minutes * 60 * NS_PER_S // (PIECES - 1)
        writers.append(
            SessionWriter(
                lambda: next_piece(ledger_folder(), name),
                lambda at_ns: opening(name, at_ns),
                say,
                longest_ns=longest_ns,
                largest=_LARGEST_PIECE,
                make_folder=make_ledger_folder,
            )
        )
    if daemon.record:
        folder, most = Path(daemon.record), daemon.record_mb * _MB
        largest = min(most // 8, _LARGEST_SESSION)

        def next_path() -> Path:
            prune(folder, most - 2 * largest)  # room for the new session, and a reserve
            return free_path(folder)

        writers.append(
            SessionWriter(next_path, lambda at_ns: opening(name, at_ns), say, largest=largest, is_synced=True)
        )
    return Recorder(writers) if writers else None
