"""The models that come with livegen."""

import functools
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

SHIPPED = Path(__file__).parent / "models"


@functools.cache  # who looks for a new model asks a few times a second
def shipped_models() -> Mapping[str, Path]:
    """Their files by name."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.onnx"))}


def model_path(name: str) -> Path:
    """The file of a shipped model's name or of a path, whether it is there or not."""
    found = shipped_models().get(name, Path(name))
    with suppress(RuntimeError):  # nobody of that name has a home
        return found.expanduser()
    return found
