"""The codecs, by the names that model cards use."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from livegen.codecs.codec import Codec, Cursor
from livegen.errors import ModelError, did_you_mean

CODECS = {
    "chorale": ("chorale", "ChoraleCodec"),
    "notes": ("notes", "NotesCodec"),
    "note_duration": ("note_duration", "NoteDurationCodec"),
    "abc": ("abc.codec", "AbcCodec"),
    "voices": ("voices", "VoicesCodec"),
    "performance": ("performance", "PerformanceCodec"),
}


def make_codec(name: str, parameters: Mapping[str, Any]) -> Codec[Cursor]:
    """The codec called ``name``; ModelError when it is unknown or refuses the parameters."""
    if name not in CODECS:
        raise ModelError(f"unknown codec '{name}'{did_you_mean(name, CODECS)}")
    module, kind = CODECS[name]
    try:
        codec: Codec[Cursor] = getattr(import_module(f"livegen.codecs.{module}"), kind)(**parameters)
    except (TypeError, ValueError) as error:
        raise ModelError(f"codec '{name}': {error}") from error
    return codec


def import_codecs() -> None:
    """Import every codec now, for a process that soon can read no file."""
    for module, _ in CODECS.values():
        import_module(f"livegen.codecs.{module}")
