"""The models that come with livegen."""

import functools
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

SHIPPED = Path(__file__).parent / "models"


@functools.cache  # called a few times a second, to detect a changed model
def shipped_models() -> Mapping[str, Path]:
    """The models' files, by name."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.onnx"))}


def model_path(name: str) -> Path:
    """The file of a shipped model's name, or of a path, whether it exists or not."""
    found = shipped_models().get(name, Path(name))
    with suppress(RuntimeError):  # no user of that name
        return found.expanduser()
    return found
