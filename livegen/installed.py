"""How livegen was installed: so it is removed, and so a library is added to it."""

import json
import shlex
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from livegen.own_process import module_command


def removal() -> str:
    """The command that removes livegen."""
    prefix = Path(sys.prefix)
    if _is_by_uv():
        return "uv tool uninstall livegen"
    if _is_by_pipx():
        return "pipx uninstall livegen"
    if (clone := _clone()) and clone in prefix.parents:
        return shlex.join(["rm", "-r", str(prefix)])
    return shlex.join(module_command("pip", "uninstall", "livegen"))


def addition(library: str) -> str:
    """The command that adds a library to livegen."""
    if _is_by_uv():
        return shlex.join(["uv", "pip", "install", "--python", sys.prefix, library])
    if _is_by_pipx():
        return shlex.join(["pipx", "inject", "livegen", library])
    return shlex.join(module_command("pip", "install", library))


def _is_by_uv() -> bool:
    return (Path(sys.prefix) / "uv-receipt.toml").exists()


def _is_by_pipx() -> bool:
    return (Path(sys.prefix) / "pipx_metadata.json").exists()


def _clone() -> Path | None:
    """The folder of the source, when livegen runs from there (direct_url.json, PEP 610)."""
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    with suppress(PackageNotFoundError, ValueError, KeyError):
        origin = json.loads(distribution("livegen").read_text("direct_url.json") or "{}")
        if origin["dir_info"].get("editable"):
            return Path(url2pathname(urlsplit(origin["url"]).path))
    return None
