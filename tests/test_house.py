"""The rules of the house. Each is a function from sources to complaints, and each is shown a house that breaks it."""

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
Sources = Mapping[str, str]  # path below the root → text

WEB = {"fastapi", "starlette", "uvicorn", "aiohttp", "flask", "websockets"}
TRAINING = {"torch", "onnx", "onnxscript", "music21", "safetensors", "tensorboard", "matplotlib"}
PORT_PROCESS = "livegen/daemon/daemon.py"
KEPT_OUT_OF_THE_PORT_PROCESS = {"numpy", "onnxruntime", *WEB}


def house() -> Sources:
    """livegen's own sources."""
    return {str(path.relative_to(ROOT)): path.read_text() for path in sorted((ROOT / "livegen").rglob("*.py"))}


def imported(text: str) -> set[str]:
    """Dotted names that a source imports, wherever in it; for ``from a import b`` both ``a`` and ``a.b``."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def packages(text: str) -> set[str]:
    """The outermost packages that a source imports."""
    return {name.split(".")[0] for name in imported(text)}


def neighbours(sources: Sources) -> dict[str, set[str]]:
    """For each file the files of the house that it imports."""
    files = {path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): path for path in sources}
    return {path: {files[name] for name in imported(text) if name in files} for path, text in sources.items()}


def reached(graph: Mapping[str, set[str]], start: str) -> set[str]:
    """Every file that importing ``start`` can import, ``start`` included."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += graph.get(path, set())
    return found


def ports_and_engine_stay_apart(sources: Sources) -> Iterator[str]:
    for path, text in sources.items():
        for part in ("midi_in", "engine", "midi_out"):
            others = {"midi_in", "engine", "midi_out"} - {part}
            for name in imported(text):
                if path.startswith(f"livegen/{part}/") and any(name.startswith(f"livegen.{o}") for o in others):
                    yield f"{path} imports {name}"


def rtmidi_is_in_the_two_port_files(sources: Sources) -> Iterator[str]:
    allowed = {"livegen/midi_in/port.py", "livegen/midi_out/port.py"}
    yield from (path for path, text in sources.items() if "rtmidi" in packages(text) and path not in allowed)


def onnxruntime_is_in_model(sources: Sources) -> Iterator[str]:
    for path, text in sources.items():
        if "onnxruntime" in packages(text) and not path.startswith("livegen/model/"):
            yield path


def the_web_is_in_one_file(sources: Sources) -> Iterator[str]:
    yield from (path for path, text in sources.items() if packages(text) & WEB and path != "livegen/console/web.py")


def training_stays_outside(sources: Sources) -> Iterator[str]:
    yield from (path for path, text in sources.items() if packages(text) & TRAINING)


def the_port_process_stays_small(sources: Sources) -> Iterator[str]:
    for path in reached(neighbours(sources), PORT_PROCESS):
        heavy = packages(sources.get(path, "")) & KEPT_OUT_OF_THE_PORT_PROCESS
        if heavy:
            yield f"{path} imports {heavy}"


def no_import_goes_in_a_circle(sources: Sources) -> Iterator[str]:
    graph = neighbours(sources)
    for path in sources:
        if any(path in reached(graph, neighbour) for neighbour in graph[path]):
            yield path


def no_file_is_over_300_lines(sources: Sources) -> Iterator[str]:
    yield from (path for path, text in sources.items() if len(text.splitlines()) > 300)


def the_map_is_true(sources: Sources) -> Iterator[str]:
    drawn = set(
        re.findall(r"^ +([\w/]+\.py)  ", ast.get_docstring(ast.parse(sources["livegen/__init__.py"])) or "", re.M)
    )
    there = {path.removeprefix("livegen/") for path, text in sources.items() if text.strip()} - {"__init__.py"}
    yield from (f"{path} is not in the map" for path in sorted(there - drawn))
    yield from (f"the map names {path}, which is not there" for path in sorted(drawn - there))


MAP = "livegen/__init__.py"
RULES: dict[Callable[[Sources], Iterator[str]], Sources] = {  # each with a house that breaks it
    ports_and_engine_stay_apart: {"livegen/midi_in/a.py": "from livegen.midi_out import ledger"},
    rtmidi_is_in_the_two_port_files: {"livegen/daemon/a.py": "def f():\n    import rtmidi"},
    onnxruntime_is_in_model: {"livegen/engine/a.py": "import onnxruntime as ort"},
    the_web_is_in_one_file: {"livegen/daemon/daemon.py": "from fastapi import FastAPI"},
    training_stays_outside: {"livegen/model/a.py": "from torch import nn"},
    the_port_process_stays_small: {
        PORT_PROCESS: "from livegen.midi_out.a import b",
        "livegen/midi_out/a.py": "from livegen.midi_out import c",
        "livegen/midi_out/c.py": "import numpy as np",
    },
    no_import_goes_in_a_circle: {
        "livegen/a.py": "from livegen.b import x",
        "livegen/b.py": "def f():\n    import livegen.a",
    },
    no_file_is_over_300_lines: {"livegen/a.py": "pass\n" * 301},
    the_map_is_true: {MAP: '"""Map.\n\n    gone.py  nothing\n"""', "livegen/new.py": "x = 1"},
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_our_house_keeps_the_rule(rule: Callable[[Sources], Iterator[str]]) -> None:
    assert list(rule(house())) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_house_that_breaks_the_rule_is_found(rule: Callable[[Sources], Iterator[str]]) -> None:
    assert list(rule(RULES[rule])) != []


def test_the_port_process_has_no_numpy_in_it() -> None:
    program = f"import livegen.daemon.daemon, sys; print(sorted({KEPT_OUT_OF_THE_PORT_PROCESS!r} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_the_base_needs_neither_torch_nor_onnx_nor_music21() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    base = project.split("dependencies = [")[1].split("\n]")[0]

    assert not [name for name in TRAINING if re.search(rf'"{name}\W', base)]
