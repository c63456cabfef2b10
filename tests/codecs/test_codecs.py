"""The table of codecs, which model cards choose from."""

import pkgutil
from importlib import import_module

import livegen.codecs
from livegen.codecs import CODECS

_PREFIX = f"{livegen.codecs.__name__}."
_OF_SEVERAL = {  # protocols and a base
    *(("codec", name) for name in ("Codec", "FrameCodec", "PlayedCodec")),
    ("pitch_range", "PitchRangeCodec"),
}


def test_each_codec_of_the_folder_has_a_name() -> None:
    modules = [import_module(found.name) for found in pkgutil.walk_packages(livegen.codecs.__path__, _PREFIX)]
    codecs = {
        (module.__name__.removeprefix(_PREFIX), name)
        for module in modules
        for name, thing in vars(module).items()
        if name.endswith("Codec") and thing.__module__ == module.__name__
    }

    assert codecs - _OF_SEVERAL == set(CODECS.values())
