"""Corpora by name: read once, written as tokens by a codec, cached, and split the same way every time."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import numpy as np

from export import places
from export.corpora.work import Piece, Report, Source, Split, concatenate
from livegen.codecs import make_codec
from livegen.codecs.codec import Codec
from livegen.errors import SettingsError, did_you_mean

CACHE = places.CACHE
READERS = ("music21",)  # libraries that read music, each of their versions perhaps in its own way
CORPORA = {
    "bach-chorales": ("chorales", "SOURCE"),
    "folk": ("abc", "STUDY"),
    "folk-plus": ("abc", "PLUS"),
    "piano": ("piano", "SOURCE"),
    "performances": ("performances", "SOURCE"),
    "folder": ("folder", "SOURCE"),
}


@dataclass(frozen=True, slots=True)
class Corpus:
    """Music as tokens of a codec; ``digest`` is the same for the same music, wherever it comes from."""

    codec: Codec[Any]
    split: Split
    digest: str = ""


def source(corpus: str) -> Source:
    """The source called ``corpus``."""
    if corpus not in CORPORA:
        raise SettingsError(f"unknown corpus '{corpus}'{did_you_mean(corpus, CORPORA)}")
    module, name = CORPORA[corpus]
    found: Source = getattr(import_module(f"export.corpora.{module}"), name)
    return found


def load(corpus: str, codec: str, music: Path | None = None, report: Report | None = None) -> Corpus:
    """A corpus as tokens of the codec called so, from the cache or from its files below the folder ``music``."""
    found = source(corpus)
    folder = music or Path()
    for needed in found.folders:
        if not (folder / needed).is_dir():
            raise SettingsError(f"corpus '{corpus}' is read from '{needed}' in a folder of music: --music FOLDER")
    path = cache_path(corpus, codec, folder)
    if not path.exists():
        _keep(path, *_read(found, codec, folder, report or (lambda done, whole: None)))
    restored, pieces = _restore(path, codec)
    return Corpus(restored, found.split(pieces), _digest(restored, pieces))


def cache_path(corpus: str, codec: str, folder: Path) -> Path:
    """Where the tokens of this corpus are kept: another file for other music, and for another way of reading it."""
    found = source(corpus)
    return CACHE / f"{corpus}-{codec}-v{found.version}-{_fingerprint(folder, found)}.npz"


def _fingerprint(folder: Path, found: Source) -> str:
    """A checksum of a corpus' files, by their names within the folder and their content, and of the readers."""
    seen = hashlib.sha256(repr([metadata.version(reader) for reader in READERS]).encode())
    for name in found.folders:
        for path in sorted((folder / name).rglob("*")):
            if path.is_file() and (not found.suffixes or path.suffix.lower() in found.suffixes):
                seen.update(os.fsencode(path.relative_to(folder / name)) + b"\0" + _checksum(path))
    return seen.hexdigest()[:16]


def _checksum(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return bytes(32)  # the corpus' reader says what is wrong with it


def _digest(codec: Codec[Any], pieces: Sequence[Piece]) -> str:
    """A checksum of the music as the codec writes it, and of the side that each piece stands on."""
    seen = hashlib.sha256(json.dumps([codec.name, codec.parameters()]).encode())
    for piece in pieces:
        seen.update(f"{piece.part}/{piece.side}/{len(piece.tokens)}/".encode())
        seen.update(piece.tokens.astype("<i8").tobytes())
    return seen.hexdigest()


def _read(found: Source, codec_name: str, folder: Path, report: Report) -> tuple[Codec[Any], list[Piece]]:
    works = list(found.read(folder, report))
    placed = list(zip(works, found.divide(works), strict=True))
    trained = [work.content for work, side in placed if side == "train"]
    if not trained:
        raise SettingsError(f"{folder}: holds nothing to learn from")
    codec = found.fit[codec_name](trained) if codec_name in found.fit else make_codec(codec_name, {})
    pieces = [Piece(work.name, found.encode(codec, work.content), work.part, side) for work, side in placed if side]
    return codec, pieces


def _keep(path: Path, codec: Codec[Any], pieces: Sequence[Piece]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.npz")
    np.savez_compressed(
        partial,
        allow_pickle=False,
        codec=np.array(json.dumps(codec.parameters())),
        names=np.array([piece.name for piece in pieces]),
        parts=np.array([piece.part for piece in pieces]),
        sides=np.array([piece.side for piece in pieces]),
        lengths=np.array([len(piece.tokens) for piece in pieces]),
        tokens=concatenate(pieces),
    )
    partial.replace(path)


def _restore(path: Path, codec: str) -> tuple[Codec[Any], tuple[Piece, ...]]:
    with np.load(path, allow_pickle=False) as kept:
        tokens = np.split(kept["tokens"], np.cumsum(kept["lengths"])[:-1])
        columns = zip(kept["names"], tokens, kept["parts"], kept["sides"], strict=True)
        pieces = tuple(Piece(str(name), part, str(of), str(side)) for name, part, of, side in columns)
        return make_codec(codec, json.loads(str(kept["codec"]))), pieces
