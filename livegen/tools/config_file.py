"""Writes a settings file to begin with: every setting commented out with its default, or one of the examples."""

import os
import re
import shutil
from pathlib import Path

from livegen.errors import SettingsError, TargetError, did_you_mean
from livegen.files.target import written
from livegen.settings_file import own_file

_EXAMPLES = Path(__file__).parents[1] / "configs"
_DEFAULT = "default"
_HEAD = """\
# The settings of livegen: `livegen jam` reads this file. Each setting stands here with its default, commented out.
# To change one, take away the # before it. A setting that stays commented out follows livegen: when a later livegen has
# a better default, you have it too.
"""
_SETTING = re.compile(r"^(?!version\b)(?=\w+ *=)", re.MULTILINE)  # the beginning of its line


def examples() -> list[str]:
    """The names of the settings files that come with livegen."""
    return sorted(path.stem for path in _EXAMPLES.glob("*.toml"))


def config_text(name: str) -> str:
    """The text of a settings file to begin with; SettingsError when there is none of that name."""
    if name not in examples():
        raise SettingsError(f"no example '{name}'{did_you_mean(name, examples())}")
    text = (_EXAMPLES / f"{name}.toml").read_text(encoding="utf-8")
    return commented_out(text) if name == _DEFAULT else text


def commented_out(text: str) -> str:
    """The file with all defaults, each setting commented out, for a value in the player's file outlives a default."""
    _, rest = text.split("\n", 1)  # its first line says what it is
    return _HEAD + _SETTING.sub("#", rest)


def write_config(name: str, to: Path | None, *, is_forced: bool) -> str:
    """Write a settings file, by default the player's own; return lines that say where it is and how to use it.

    TargetError where there is a file already, unless ``is_forced``: a copy of it is kept then.
    """
    path, text, kept = to or own_file(), config_text(name), ""
    if os.path.lexists(path) and not is_forced:
        other = "" if name == _DEFAULT else f"write to another file: --to {name}.toml; or "
        remedy = f"{other}see what would be written with --show; --force writes it, and keeps a copy of this file"
        raise TargetError(f"{path}: is there already; {remedy}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written(path) as file:
            file.write(text.encode())
            if path.exists():
                copy = _free_name(path)
                shutil.copy2(path, copy)
                kept = f"kept: {copy}\n"
    except OSError as error:
        raise TargetError(f"{path}: cannot be written ({error.strerror}); choose another file with --to") from None
    use = "livegen jam reads it" if path == own_file() else f"to use it: livegen jam --config {path}"
    remark = "\nevery setting is commented out with its default: take away the # before one to change it"
    return f"{kept}written: {path}; {use}{remark if name == _DEFAULT else ''}"


def _free_name(path: Path) -> Path:
    """A name for a copy that is not taken."""
    number = 1
    while os.path.lexists(copy := path.with_name(f"{path.name}.{number}.bak")):
        number += 1
    return copy
