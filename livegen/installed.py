"""How livegen was installed: so it is removed, and so a library is added to it."""

import json
import shlex
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from livegen.errors import LivegenError
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


def addition(*libraries: str) -> str:
    """The command that adds libraries to livegen."""
    if _is_by_uv():
        return shlex.join(["uv", "pip", "install", "--python", sys.prefix, *libraries])
    if _is_by_pipx():
        return shlex.join(["pipx", "inject", "livegen", *libraries])
    return shlex.join(module_command("pip", "install", *libraries))


def check_extra(extra: str, what: str, libraries: Iterable[str]) -> None:
    """LivegenError, with the command that adds the libraries of ``extra``, where ``what`` needs one that is missing.

    They are named one by one: an index may hold another program that is called livegen.
    """
    if missing := [library for library in libraries if find_spec(library) is None]:
        wanted = (requirement.partition(";") for requirement in distribution("livegen").requires or [])
        named = [name.strip() for name, _, marker in wanted if f"extra == '{extra}'" in marker.replace('"', "'")]
        raise LivegenError(
            f"{what} needs {' and '.join(missing)}; to add what it needs, 1 GB or more: {addition(*named)}"
        )


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
