"""Corpora by name: read once, written as tokens by a codec, cached, and split the same way every time."""

import json
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from export.corpora.work import Piece, Report, Source, Split, concatenate
from livegen.codecs import make_codec
from livegen.codecs.codec import Codec
from livegen.errors import SettingsError, did_you_mean

CACHE = Path(__file__).parents[2] / ".cache"
CORPORA = {
    "bach-chorales": ("chorales", "SOURCE"),
    "folk": ("abc", "STUDY"),
    "folk-plus": ("abc", "PLUS"),
    "piano": ("piano", "SOURCE"),
    "folder": ("folder", "SOURCE"),
}


@dataclass(frozen=True, slots=True)
class Corpus:
    """Music as tokens of a codec."""

    codec: Codec[Any]
    split: Split


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
    if found.folder and not (folder / found.folder).is_dir():
        raise SettingsError(f"corpus '{corpus}' is read from '{found.folder}' in a folder of music: --music FOLDER")
    path = CACHE / f"{corpus}-{codec}-v{found.version}-{_fingerprint(folder, found.folder):08x}.npz"
    if not path.exists():
        _keep(path, *_read(found, codec, folder, report or (lambda done, whole: None)))
    restored, pieces = _restore(path, codec)
    return Corpus(restored, found.split(pieces))


def _fingerprint(folder: Path, own: str) -> int:
    """A checksum of the names and sizes of a corpus' files; 0 when it has none."""
    files = sorted((str(path), path.stat().st_size) for path in (folder / own).rglob("*")) if own else []
    return zlib.crc32(repr(files).encode()) if own else 0


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
