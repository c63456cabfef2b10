"""The models that come with livegen."""

from pathlib import Path

SHIPPED = Path(__file__).parent / "models"


def shipped_models() -> dict[str, Path]:
    """Their files by name."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.onnx"))}
