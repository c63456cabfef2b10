"""Where training finds its recipes and keeps its runs: in the clone; when installed, in the state folder."""

from pathlib import Path

from livegen.recording.library import sessions_folder

_CLONE = Path(__file__).parents[1]
_PACKED = Path(__file__).parent / "configs"  # pyproject.toml puts them there when a wheel is built

IS_PACKED = _PACKED.is_dir()
CONFIGS = _PACKED if IS_PACKED else _CLONE / "configs"
_KEPT = sessions_folder().parent / "training"
RUNS = _KEPT / "runs" if IS_PACKED else _CLONE / "runs"
CACHE = _KEPT / "cache" if IS_PACKED else _CLONE / ".cache"
