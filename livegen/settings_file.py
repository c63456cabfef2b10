"""The settings file of whoever plays: where it is, and what learning writes into it."""

import os
from collections.abc import Mapping
from pathlib import Path

from livegen.errors import SettingsError
from livegen.settings import Parameter


def own_file() -> Path:
    """The settings file of whoever plays: ``livegen jam`` begins with it when it is there (XDG base directories)."""
    folder = os.environ.get("XDG_CONFIG_HOME")
    return (Path(folder) if folder else Path.home() / ".config") / "livegen" / "jam.toml"


def bind(path: Path, cc: Mapping[int, Parameter]) -> Path:
    """Write what the controllers set into a settings file, the rest of which stays as it is; the file.

    OSError when it cannot be written, SettingsError when it is no settings file.
    """
    import tomlkit  # 10 ms of a start, and seldom needed
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(path.read_text(encoding="utf-8")) if path.exists() else tomlkit.document()
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
