"""Each protection taken away once: the test that speaks for it must fail.

    python -m tests.unprotected [WORD]

works on a copy of the tree and prints a table (``docs/reliability.md``); with WORD only the protections it occurs
in. It exits with 0 if every test failed without its protection.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
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


PROTECTIONS = [
    Protection(
        "a model is tried before it may play",
        "livegen/imagine/gate.py",
        "        _try_elsewhere(where, content)\n",
        "",
        "tests/test_bad_models.py::slow",
    ),
    Protection(
        "a trial's memory is limited",
        "livegen/imagine/trial.py",
        "        resource.RLIMIT_AS: room,\n",
        "",
        "tests/test_bad_models.py::all memory",
    ),
    Protection(
        "every token is tried",
        "livegen/imagine/trial.py",
        "np.arange(len(bundle.codec.vocabulary))",
        "np.arange(2)",
        "tests/test_bad_models.py::damaged weight",
    ),
    Protection(
        "no weights in other files",
        "livegen/imagine/structure.py",
        "number == _EXTERNAL_DATA or",
        "False and",
        "tests/test_bad_models.py::in another file",
    ),
    Protection(
        "no operators but ONNX's own",
        "livegen/imagine/structure.py",
        "if domain not in _STANDARD:",
        "if False:",
        "tests/test_bad_models.py::foreign operator",
    ),
    Protection(
        "no symbolic link",
        "livegen/imagine/model_file.py",
        'getattr(os, "O_NOFOLLOW", 0)',
        "0",
        "tests/test_bad_models.py::symbolic",
    ),
    Protection(
        "no way up",
        "livegen/imagine/model_file.py",
        'if ".." in path.parts:',
        "if False:",
        "tests/test_bad_models.py::a path that leads up",
    ),
    Protection(
        "a size limit",
        "livegen/imagine/model_file.py",
        "if status.st_size > LARGEST_BYTES:",
        "if False:",
        "tests/test_bad_models.py::huge",
    ),
    Protection(
        "after a refusal the next engine begins as the last",
        "livegen/serve/supervisor.py",
        "return self._begun if settings == self._refused else settings",
        "return settings",
        "tests/test_bad_models.py::plays_on",
    ),
    Protection(
        "logits are finite",
        "livegen/imagine/sampler.py",
        "if not isfinite(top):",
        "if False:",
        "tests/test_sampler.py::mean_nothing",
    ),
    Protection(
        "an engine that babbles is replaced",
        "livegen/serve/engine_child.py",
        "except ValueError as error:",
        "except ZeroDivisionError as error:",
        "tests/test_daemon.py::babble",
    ),
    Protection(
        "the notes of a lost engine are ended",
        "livegen/serve/supervisor.py",
        "if self._player.end_all():",
        "if False:",
        "tests/test_daemon.py::notes_of_an_engine_that_dies",
    ),
    Protection(
        "a silent engine is replaced",
        "livegen/serve/supervisor.py",
        "child.receive(silence_ms * NS_PER_MS / NS_PER_S)",
        "child.receive(1_000)",
        "tests/test_daemon.py::says_nothing",
    ),
    Protection(
        "what two engines died of is forgotten",
        "livegen/serve/supervisor.py",
        "_FATAL_DEATHS = 2",
        "_FATAL_DEATHS = 99",
        "tests/test_daemon.py::two_engines_died",
    ),
    Protection(
        "an answer that hung is played again",
        "livegen/serve/supervisor.py",
        "Loss(self._planned_ns, self._alive_ns, is_poisoned)",
        "Loss(self._planned_ns, now_ns(), is_poisoned)",
        "tests/test_faults.py::stopped_engine",
    ),
    Protection(
        "an answer that sounds is not over",
        "livegen/serve/supervisor.py",
        "self._planned_ns = self._alive_ns  #",
        "pass  #",
        "tests/test_daemon.py::sounds_when",
    ),
    Protection(
        "waits between starts grow",
        "livegen/serve/supervisor.py",
        "max(self._next_s * 2, 0.25)",
        "0.25",
        "tests/test_supervisor.py::hour",
    ),
    Protection(
        "what a killed process left is ended",
        "livegen/play/ledger.py",
        "            ledger.owe()\n",
        "",
        "tests/test_faults.py::killed_port",
    ),
    Protection(
        "a note is written down before it leaves",
        "livegen/play/wire.py",
        "            self._ledger.leaves(event)\n",
        "            pass\n",
        "tests/test_wire.py",
    ),
    Protection(
        "a damaged ledger floods nobody",
        "livegen/play/ledger.py",
        "        self._mend()\n",
        "",
        "tests/test_ledger.py::flipped",
    ),
    Protection(
        "a full disk is said at the start",
        "livegen/play/ledger.py",
        '    file.write(_HEADER.pack(_MAGIC, os.getpid()) + cells.ljust(_SIZE - _HEADER.size, b"\\0"))\n',
        "",
        "tests/test_ledger.py::full_disk",
    ),
    Protection(
        "one instance of a name",
        "livegen/play/ledger.py",
        "if not _lock(file):",
        "if False:",
        "tests/test_ledger.py::second_process",
    ),
    Protection(
        "nobody is let play to us while we close",
        "livegen/hear/port.py",
        "if jack and jack.is_alive():",
        "if False:",
        "tests/test_faults.py::signal_ends",
    ),
    Protection(
        "memory that runs out takes the engine",
        "livegen/serve/engine_process.py",
        "    die_first()\n",
        "",
        "tests/test_faults.py::takes_the_engine_first",
    ),
    Protection(
        "a late note-on is left out",
        "livegen/play/player.py",
        "self._clock() - written_ns > LATE_NS",
        "False",
        "tests/test_player.py::late",
    ),
    Protection(
        "floods are cut",
        "livegen/hear/keyboard.py",
        "_MOST_AT_ONCE = 1_024",
        "_MOST_AT_ONCE = 10**9",
        "tests/test_keyboard.py::flood",
    ),
    Protection(
        "a note struck twice is ended first",
        "livegen/hear/keyboard.py",
        "if (channel, pitch) in self._notes:",
        "if False:",
        "tests/test_fuzz.py::keyboard",
    ),
    Protection(
        "whatever mido raises is a damaged file",
        "livegen/midi_file.py",
        "except Exception as error:",
        "except OSError as error:",
        "tests/test_fuzz.py::key_signature",
    ),
    Protection(
        "settings cannot be endless",
        "livegen/settings.py",
        "(OSError, ValueError, RecursionError)",
        "(OSError, UnicodeDecodeError)",
        "tests/test_fuzz.py::too_much",
    ),
]


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
        for protection in PROTECTIONS:
            if word in protection.name:
                has_failed = fails_without(protection, copy)
                is_good &= has_failed
                verdict = "fails" if has_failed else "PASSES"
                sys.stdout.write(f"| {protection.name} | `{protection.test}` | {verdict} |\n")
                sys.stdout.flush()
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
