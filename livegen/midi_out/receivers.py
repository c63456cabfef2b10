"""What each receiver at a port of ours was sent and is owed, in files that outlive the process.

A receiver whose connection goes in mid-note is owed the ends of what it was playing, and so is every receiver of a
process that was killed, until it is connected again, however late that is. Nothing is owed to a receiver that never
heard the note begin.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path

from livegen.errors import LivegenError
from livegen.events import from_bytes, to_bytes
from livegen.midi_out.ledger import Ledger, blank_ledger, map_cells, map_ledger
from livegen.midi_ports.names import Peer, is_device
from livegen.private_folder import make_private

_MOST_FILES = 64  # receivers that have gone and are owed something; the oldest are forgotten

Pay = Callable[[Peer, Sequence[bytes]], bool]  # sends messages to one receiver; False when it has gone


class Receivers:
    """The receivers at one port. ``sending``: any thread; the rest: the daemon's main thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with suppress(OSError):
            make_private(folder)
        self._unseen = self._map_unseen()  # sent since the last look: who connected meanwhile has heard it, too
        self._lock = threading.Lock()
        self._connected: dict[Peer, Ledger] = {}
        self._owing: dict[Peer, Ledger] = {}  # connected, and owed something still
        self._gone: dict[Peer, Ledger] = {}

    @contextmanager
    def sending(self, message: bytes) -> Iterator[None]:
        """Around the sending of a message to all receivers that are connected."""
        event = from_bytes(message)
        with self._lock:
            if event is None:
                yield
                return
            ledgers = (*self._connected.values(), self._unseen)
            for ledger in ledgers:
                ledger.leaves(event)
            yield
            for ledger in ledgers:
                ledger.has_left(event)

    def see(self, peers: Iterable[Peer], pay: Pay) -> None:
        """These are connected now: those that have come back get what they are owed, and only they."""
        peers = frozenset(peers)
        self._keep_files()
        for peer in self._connected.keys() - peers:
            self._part(peer)
        for peer in peers - self._connected.keys():
            self._meet(peer)
        for peer, ledger in list(self._owing.items()):
            self._repay(peer, ledger, pay)
        with self._lock:
            for ledger in self._connected.values():
                ledger.confirm_delivery()
            self._unseen.clear_sounding()

    def close(self) -> None:
        """All that sounded has been ended: nothing is owed to those that are connected."""
        with self._lock:
            for peer in self._connected.keys() - self._owing.keys():
                self._delete(peer)
            self._connected.clear()
            self._unseen.clear_sounding()

    def _keep_files(self) -> None:
        """Where the folder was removed, make it anew, with all that is owed."""
        if self._folder.is_dir():
            return
        with self._lock, suppress(OSError):
            make_private(self._folder)
            self._unseen.move_to(map_cells(self._unseen_path))
            for peer, ledger in {**self._gone, **self._connected}.items():
                ledger.move_to(map_cells(self._path(peer)))

    def _part(self, peer: Peer) -> None:
        with self._lock:
            ledger = self._connected.pop(peer)
            self._owing.pop(peer, None)
            ledger.mark_pending_off()
            if ledger.is_owing:
                self._gone[peer] = ledger
            else:
                self._delete(peer)

    def _meet(self, peer: Peer) -> None:
        """What a killed process sent after its last look is owed to the first that it may not have seen."""
        is_known = peer in self._gone or self._path(peer).exists()
        ledger = self._gone.pop(peer, None) or self._open(peer)
        with self._lock:
            ledger.add(self._unseen)
            if not is_known:
                self._unseen.clear_pending()
            self._connected[peer] = ledger
        if ledger.is_owing:
            self._owing[peer] = ledger

    def _repay(self, peer: Peer, ledger: Ledger, pay: Pay) -> None:
        """A note that has begun again since is left until it ends: a strict receiver counts both beginnings."""
        with self._lock:
            owed = ledger.pending_offs()
        if owed and not pay(peer, [to_bytes(ending) for ending in owed]):
            return
        with self._lock:
            ledger.repaid(owed)
            if not ledger.is_owing:
                del self._owing[peer]

    def _delete(self, peer: Peer) -> None:
        with suppress(OSError):
            self._path(peer).unlink()

    def _path(self, peer: Peer) -> Path:
        """A file for each receiver: of a device its name is enough, a program that is started anew is another one."""
        known_by = (peer[0], "" if is_device(peer[0]) else str(peer[1]))
        return self._folder / f"{blake2b(repr(known_by).encode(), digest_size=12).hexdigest()}.ledger"

    @property
    def _unseen_path(self) -> Path:
        return self._folder.with_suffix(".unseen")

    def _map_unseen(self) -> Ledger:
        try:
            return map_ledger(self._unseen_path)
        except (LivegenError, OSError):
            return blank_ledger()

    def _open(self, peer: Peer) -> Ledger:
        try:
            for path in sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime)[:-_MOST_FILES]:
                path.unlink(missing_ok=True)
            return map_ledger(self._path(peer))
        except (LivegenError, OSError):
            return blank_ledger()
