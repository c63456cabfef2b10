"""The checksum in a model file, by which a flipped bit is found: ``livegen.sha256`` in its metadata.

It is the SHA-256 of all fields of the file's outermost message but the checksum's own. Files without one are older than
it, and play; the SHA-256 of those that come with livegen are in ``models/SHA256SUMS``.
"""

import hashlib

from livegen.errors import ModelError
from livegen.model.protobuf import fields, spans, texts

KEY = b"livegen.sha256"
METADATA = 14  # the field of a model that holds entries of a key (1) and a value (2)
_OWN_KEYS = (KEY, b"livegen.card", b"livegen.contract")
_OURS = b"livegen."


def with_checksum(content: bytes) -> bytes:
    """The content of a model file, with its checksum as one more entry of its metadata."""
    hashed, _ = _read(content)
    entry = b"".join((b"\x0a", bytes((len(KEY),)), KEY, b"\x12", bytes((len(hashed),)), hashed))
    return content + bytes((METADATA << 3 | 2, len(entry))) + entry


def has_checksum(content: bytes) -> bool:
    """Is there a checksum? ValueError for what is no model file."""
    return KEY in (key for key, _ in _read(content)[1])


def check_metadata(where: str, content: bytes) -> None:
    """ModelError for a wrong checksum, and for keys that are doubled or that livegen does not know."""
    hashed, metadata = _read(content)
    keys = [key for key, _ in metadata]
    for key in keys:
        if keys.count(key) > 1:
            raise ModelError(f"{where}: its metadata has '{_shown(key)}' twice; export it again")
        if key.startswith(_OURS) and key not in _OWN_KEYS:
            raise ModelError(f"{where}: its metadata has '{_shown(key)}', which this livegen does not know")
    if dict(metadata).get(KEY, hashed) != hashed:
        raise ModelError(
            f"{where}: is not what its checksum says; the file is damaged, or was changed: export it again"
        )


def _read(content: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """The SHA-256 (hex) of everything but the checksum, and the entries of the metadata."""
    hashing = hashlib.sha256()
    metadata = []
    for number, value, whole in spans(memoryview(content)):
        if number == METADATA and isinstance(value, memoryview):
            entry = list(fields(value))
            key, text = (next(reversed(texts(entry, part)), b"") for part in (1, 2))
            metadata.append((key, text))
            if key == KEY:
                continue
        hashing.update(whole)
    return hashing.hexdigest().encode(), metadata


def _shown(key: bytes) -> str:
    return key.decode(errors="replace")[:80]
