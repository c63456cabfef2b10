"""Codecs by the name that a model's card gives."""

from collections.abc import Mapping
from typing import Any

from livegen.codecs.chorale import ChoraleCodec
from livegen.codecs.codec import Codec
from livegen.errors import ModelError, did_you_mean

_CODECS = {ChoraleCodec.name: ChoraleCodec}


def make_codec(name: str, parameters: Mapping[str, Any]) -> Codec[Any]:
    """The codec called ``name``; ModelError when it is unknown or refuses the parameters."""
    if name not in _CODECS:
        raise ModelError(f"unknown codec '{name}'{did_you_mean(name, _CODECS)}")
    try:
        return _CODECS[name](**parameters)
    except (TypeError, ValueError) as error:
        raise ModelError(f"codec '{name}': {error}") from error
