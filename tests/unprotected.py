"""Each protection taken away once: the test that speaks for it must fail.

    python -m tests.unprotected [WORD]

works on a copy of the tree and prints a table (``docs/reliability.md``); with WORD only the protections it occurs
in. They are listed in ``protections.toml``. It exits with 0 if every test failed without its protection.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
_COPIED = ("livegen", "tests", "configs", "export", "pyproject.toml")
_PATIENCE_S = 240


@dataclass(frozen=True, slots=True)
class Protection:
    """``kept`` in ``file`` protects; with ``instead`` in its place the test fails."""

    name: str
    file: str
    kept: str
    instead: str
    test: str  # of pytest: a file, and a word of the test's name after ::


def protections() -> list[Protection]:
    """All of them."""
    listed = tomllib.loads(Path(__file__).with_name("protections.toml").read_text(encoding="utf-8"))
    return [Protection(**protection) for protection in listed["protection"]]


def fails_without(protection: Protection, copy: Path) -> bool:
    """Take it away, run its test, put it back: did the test fail? ValueError when it is not there, or not once."""
    path = copy / protection.file
    text = path.read_text()
    if text.count(protection.kept) != 1:
        raise ValueError(f"{protection.file}: {protection.kept!r} is there {text.count(protection.kept)} times")
    file, _, word = protection.test.partition("::")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "--basetemp",
        f"{copy}-tests",
        file,
    ]
    command += ["-k", word.replace(" ", " and ")] if word else []
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    path.write_text(text.replace(protection.kept, protection.instead))
    try:
        done = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, text=True, timeout=_PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired:
        return True  # a test that hangs has not passed
    finally:
        path.write_text(text)
    if done.returncode in (4, 5):  # of pytest: no such test
        raise ValueError(f"{protection.test}: {done.stdout[-300:]}")
    return done.returncode != 0


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.unprotected", description=__doc__.splitlines()[0])
    parser.add_argument("word", nargs="?", default="")
    word = parser.parse_args().word
    is_good = True
    sys.stdout.write("| protection | test | without it |\n| --- | --- | --- |\n")
    with tempfile.TemporaryDirectory(prefix="livegen-unprotected-") as name:
        copy = Path(name) / "tree"
        copy.mkdir()
        for part in _COPIED:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, copy / part)
        for protection in protections():
            if word in protection.name:
                has_failed = fails_without(protection, copy)
                is_good &= has_failed
                verdict = "fails" if has_failed else "PASSES"
                sys.stdout.write(f"| {protection.name} | `{protection.test}` | {verdict} |\n")
                sys.stdout.flush()
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
