"""The player's settings file: its path, and the learnt controllers that are written into it."""

import os
from collections.abc import Mapping
from pathlib import Path

from livegen.errors import SettingsError
from livegen.regular_file import read_regular
from livegen.settings import MOST_BYTES, Parameter


def own_file() -> Path:
    """The player's settings file, which ``livegen jam`` reads when it exists (XDG base directories)."""
    folder = os.environ.get("XDG_CONFIG_HOME")
    return (Path(folder) if folder else Path.home() / ".config") / "livegen" / "jam.toml"


def bind(path: Path, cc: Mapping[int, Parameter]) -> Path:
    """Write the controllers' parameters into a settings file, and keep the rest of it; return the file.

    OSError when it cannot be written, SettingsError when it is not TOML.
    """
    import tomlkit  # its import takes 10 ms, and it is seldom needed
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(read_regular(path, MOST_BYTES).decode()) if path.exists() else tomlkit.document()
    except (UnicodeDecodeError, TOMLKitError) as error:
        raise SettingsError(f"{path}: cannot be read as TOML: {error}") from None
    table = tomlkit.inline_table()
    table.update({str(number): parameter for number, parameter in sorted(cc.items())})
    document.setdefault("controls", tomlkit.table())["cc"] = table
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    beside.write_text(tomlkit.dumps(document), encoding="utf-8")
    os.replace(beside, path)
    return path
