"""Where training finds its recipes and keeps its runs: in the clone; when installed, in the state folder."""

from pathlib import Path

from livegen.errors import SettingsError, did_you_mean
from livegen.recording.library import sessions_folder

_CLONE = Path(__file__).parents[1]
_PACKED = Path(__file__).parent / "configs"  # pyproject.toml puts them there when a wheel is built

IS_PACKED = _PACKED.is_dir()
CONFIGS = _PACKED if IS_PACKED else _CLONE / "configs"
_KEPT = sessions_folder().parent / "training"
RUNS = _KEPT / "runs" if IS_PACKED else _CLONE / "runs"
CACHE = _KEPT / "cache" if IS_PACKED else _CLONE / ".cache"


def find_config(folder: Path, config: str, what: str) -> Path:
    """The path of a TOML file, given as a path or as the name of one in ``folder``; SettingsError names a like one."""
    named = folder / f"{config}.toml"
    if named.exists():
        return named
    if Path(config).exists():
        return Path(config)
    raise SettingsError(f"no {what} '{config}'{did_you_mean(config, (path.stem for path in folder.glob('*.toml')))}")
