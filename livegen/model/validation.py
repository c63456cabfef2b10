"""Validates a model file before it may play: it is tested in a process of its own (``sandbox``).

Files that have passed are known by their SHA-256: those that come with livegen (``models/SHA256SUMS``), and those
listed in the cache folder for this version of onnxruntime. Only other files are tested. The port process does this for
the models that it sends to its engine, so neither numpy nor onnxruntime is imported here.
"""

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from livegen.errors import ModelError
from livegen.model.checksum import has_checksum
from livegen.own_process import module_command
from livegen.shipped import SHIPPED

Trial = subprocess.Popen[bytes]
CPU_S = 10  # seconds of a core: thirty times what the largest shipped model takes
_CHECKS = 2  # to be counted up with every new check: what passed fewer is tried again
_PATIENCE_S = 25  # real time for this on a busy machine; the port process waits 30 s for its engine
_LONGEST_REASON = 300  # characters
_REFUSED = 1  # the sandbox's exit status when it has given the reason


def validate_model(where: str, content: bytes, on_trial: Callable[[Trial], None] = lambda _: None) -> None:
    """Validate the ``content`` of a model file; ModelError says in one line why the model may not play.

    ``on_trial`` gets the process that tests it, where one is needed; whoever kills it has the model refused.
    """
    digest = hashlib.sha256(content).hexdigest()
    if digest not in _known():
        _check_shipped(where, content)
        _try_elsewhere(where, content, on_trial)
        _remember(digest)


def _check_shipped(where: str, content: bytes) -> None:
    """A model that comes with livegen is what it was, or was exported anew, with a checksum."""
    with suppress(ValueError):  # the trial says why
        if Path(where).parent == SHIPPED.resolve() and not has_checksum(content):
            raise ModelError(f"{where}: is not what came with livegen; the file is damaged: install livegen again")


def _try_elsewhere(where: str, content: bytes, on_trial: Callable[[Trial], None]) -> None:
    command = module_command("livegen.model.sandbox", where, str(len(content)))
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL) as trial:
        on_trial(trial)
        try:
            said, _ = trial.communicate(content, timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise ModelError(f"{where}: its test did not end within {_PATIENCE_S} s; it may run forever") from None
        finally:
            trial.kill()
    if trial.returncode == 0:
        return
    reason = " ".join(said.decode(errors="replace").split())
    if trial.returncode != _REFUSED or not reason:
        reason = f"{where}: its test {_ended(trial.returncode)}"
    raise ModelError(reason[: len(where) + _LONGEST_REASON])


def _ended(status: int) -> str:
    """How a test ended that gave no reason."""
    if sys.platform != "win32" and -status in (signal.SIGXCPU, signal.SIGKILL):
        return f"took more than {CPU_S} s of CPU time, or all the memory; it may run forever"
    return f"ended with signal {-status}" if status < 0 else f"ended with exit status {status}"


def _known() -> set[str]:
    """The SHA-256 of the files that have passed."""
    known = set()
    for path in (SHIPPED / "SHA256SUMS", _remembered()):
        with suppress(OSError):
            known |= {line.split()[0] for line in path.read_text("ascii", "replace").splitlines() if line.strip()}
    return known


def _remember(digest: str) -> None:
    """Keep the SHA-256 for the next start; where nothing can be written, the next start tests the file again."""
    path = _remembered()
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="ascii") as file:
            file.write(f"{digest}\n")


def _remembered() -> Path:
    """The list of files that have passed."""
    return cache_folder() / f"models-tried-{_CHECKS}-{_runtime_version()}"


def cache_folder() -> Path:
    """livegen's cache folder (XDG base directories)."""
    folder = os.environ.get("XDG_CACHE_HOME")
    return (Path(folder) if folder else Path.home() / ".cache") / "livegen"


def _runtime_version() -> str:
    for name in ("onnxruntime", "onnxruntime-gpu"):
        with suppress(metadata.PackageNotFoundError):
            return metadata.version(name)
    return "unknown"
