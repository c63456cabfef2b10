"""The rules of the house. Each is a function from sources to complaints, and each is shown a house that breaks it."""

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import get_args

import pytest

from livegen.settings import Role

ROOT = Path(__file__).parents[1]
Sources = Mapping[str, str]  # path below the root → text

WEB = {"fastapi", "starlette", "uvicorn", "aiohttp", "flask", "websockets"}
TRAINING = {"torch", "onnx", "onnxscript", "music21", "safetensors", "tensorboard", "matplotlib"}
PORT_PROCESS = "livegen/daemon/daemon.py"
MIDI_LIBRARIES = {  # each in one file
    "rtmidi": "livegen/midi_ports/rtmidi_client.py",
    "alsa_midi": "livegen/midi_ports/alsa_midi_client.py",
}
KEPT_OUT_OF_THE_PORT_PROCESS = {"numpy", "onnxruntime", *WEB}

PORT = {"midi_ports", "midi_in", "midi_out", "sync", "sound", "recording", "daemon"}  # folders of the port process
ENGINE = {"model", "engine", "codecs", "music"}  # of the engine; of music/ the port process takes what has no numpy
ON_TOP = {"session", "tools", "appliance", "bench"}
MAY_IMPORT = {  # folder → the folders below it; "" are the files of livegen/ itself, but for cli.py
    "": set(),
    "music": {""},
    "files": {"", "music"},
    "codecs": {"", "music"},
    "midi_ports": {""},
    "model": {"", "music", "codecs"},
    "engine": {"", "music", "codecs", "model"},
    "midi_in": {"", "midi_ports", "sync"},
    "midi_out": {"", "midi_ports"},
    "sync": {"", "music", "midi_out"},
    "sound": {""},
    "recording": {"", "midi_out"},
    "ipc": {"", "music", "codecs", "recording", "midi_out", "model", "engine"},
    "daemon": {"", "music", "ipc", "model", *(PORT - {"daemon"})},  # of model/ what has no numpy: reading and checking
    "bench": {"", "music", "files", "ipc", *PORT, *ENGINE},
    "session": {"", "music", "files", "ipc", *PORT, *ENGINE},
    "tools": {"", "files", "bench", "ipc", *PORT, *ENGINE},
    "appliance": {"", "files", "tools", "bench", "session", "ipc", *PORT, *ENGINE},
}
OF_A_CODEC = {"Codec", "FrameCodec", "Prompt", "TokenPrompt", "FramePrompt", "Checkpoint", "Candidate", "TokenStream"}
LONGEST_FUNCTION = 40  # lines
MOST_PUBLIC_METHODS = 20


def words(text: str) -> set[str]:
    return set(text.split())


# What things were called before they had the field's words, in lower case and without underscores at the ends.
OLD_MODULES = words(
    """courier conversation caretaker vigil attendant sitting onlookers said standing wiring timekeeper link performer
    gate trial structure model_file continuation place futures guard ensemble wire lane since caps rendition lateness
    keyboard feedback pulse_train pulse_line served_train clock_follower memory tape ring again session_file
    sounds telling given frames file_stamp port_names register meter song hear imagine play serve roles"""
)
OLD_CLASSES = words(
    """Courier Loss Renew Door Attract Performance Conversation Link Did Became Beat Planned Witness Watch Caretaker
    Vigil Attendant Room Silence Said Standing Wiring Timekeeper Song Wire Lane Since Caps Rendition Lateness Control
    Program Position Reader Keyboard Allowance Feedback PulseTrain ServedTrain Meter Voices Continuation Place Way
    Setting Ensemble Manner Trail Guard Happening Tape Onlookers"""
)
OLD_FUNCTIONS = words(
    """attract renew lose hold look wire mourn obey complaint owe settle assure doubted endings find_meter find_bar tell
    lean allow faults beyond outside busyness guess voice touch gather foresee dress restyle conduct tune comfortable
    warmth admit fruitless lessons wishes jumps"""
)
OLD_SETTINGS = {"mute_s", "stand_in", "touched_role", "outside", "futures", "guard"}


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


def folder(path: str) -> str:
    """The folder of livegen that a file is in; "" for the files of livegen itself."""
    parts = path.split("/")
    return parts[1] if len(parts) > 2 else ""


def definitions(sources: Sources, *kinds: type[ast.AST]) -> Iterator[tuple[str, ast.AST]]:
    for path, text in sources.items():
        yield from ((path, node) for node in ast.walk(ast.parse(text)) if isinstance(node, kinds))


def a_folder_imports_only_what_lies_below_it(sources: Sources) -> Iterator[str]:
    for path, others in neighbours(sources).items():
        if path == "livegen/cli.py":
            continue
        for other in sorted(others):
            here, there = folder(path), folder(other)
            if here != there and there not in MAY_IMPORT.get(here, set()):
                yield f"{path} imports {other}"


def no_import_goes_in_a_circle(sources: Sources) -> Iterator[str]:
    graph = neighbours(sources)
    for path in sources:
        if any(path in reached(graph, neighbour) for neighbour in graph[path]):
            yield path


def no_folders_go_in_a_circle(sources: Sources) -> Iterator[str]:
    folders: dict[str, set[str]] = {}
    for path, others in neighbours(sources).items():
        if path != "livegen/cli.py":
            folders.setdefault(folder(path), set()).update(map(folder, others))
    for name, others in folders.items():
        others.discard(name)
        if any(name in reached(folders, other) for other in others):
            yield f"livegen/{name}"


def each_midi_library_is_in_one_file(sources: Sources) -> Iterator[str]:
    for path, text in sources.items():
        yield from (path for name in packages(text) & MIDI_LIBRARIES.keys() if path != MIDI_LIBRARIES[name])


def onnxruntime_is_in_model(sources: Sources) -> Iterator[str]:
    for path, text in sources.items():
        if "onnxruntime" in packages(text) and folder(path) != "model":
            yield path


def the_web_is_in_console_and_server(sources: Sources) -> Iterator[str]:
    for path, text in sources.items():
        if packages(text) & WEB and folder(path) not in ("console", "server"):
            yield path


def training_stays_outside(sources: Sources) -> Iterator[str]:
    """But for livegen train, a command that imports it when it runs."""
    for path, text in sources.items():
        used = packages(text) & {*TRAINING, "export"}
        if used - ({"export"} if path == "livegen/cli.py" else set()):
            yield path


def the_command_line_imports_no_training_at_its_top(sources: Sources) -> Iterator[str]:
    tops = (node for node in ast.parse(sources["livegen/cli.py"]).body if isinstance(node, ast.Import | ast.ImportFrom))
    yield from (ast.unparse(node) for node in tops if packages(ast.unparse(node)) & {*TRAINING, "export"})


def no_folder_of_the_port_process_has_numpy(sources: Sources) -> Iterator[str]:
    yield from (path for path, text in sources.items() if folder(path) in PORT and "numpy" in packages(text))


def the_port_process_stays_small(sources: Sources) -> Iterator[str]:
    for path in reached(neighbours(sources), PORT_PROCESS):
        heavy = packages(sources.get(path, "")) & KEPT_OUT_OF_THE_PORT_PROCESS
        if heavy:
            yield f"{path} imports {heavy}"


def python_is_started_in_one_way(sources: Sources) -> Iterator[str]:
    """With ``-P``: files in the current folder are no modules."""
    for path, node in definitions(sources, ast.Attribute):
        if ast.unparse(node) == "sys.executable" and path != "livegen/own_process.py":
            yield path


def no_function_is_longer_than_a_screen(sources: Sources) -> Iterator[str]:
    for path, node in definitions(sources, ast.FunctionDef, ast.AsyncFunctionDef):
        assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (lines := (node.end_lineno or 0) - node.lineno + 1) > LONGEST_FUNCTION:
            yield f"{path}: {node.name} has {lines} lines"


def no_class_offers_too_much(sources: Sources) -> Iterator[str]:
    for path, node in definitions(sources, ast.ClassDef):
        assert isinstance(node, ast.ClassDef)
        public = [each for each in node.body if isinstance(each, ast.FunctionDef) and not each.name.startswith("_")]
        if len(public) > MOST_PUBLIC_METHODS:
            yield f"{path}: {node.name} has {len(public)} public methods"


def old_words_are_gone(sources: Sources) -> Iterator[str]:
    for path in sources:
        yield from (f"{path} is called {part}" for part in path.removesuffix(".py").split("/") if part in OLD_MODULES)
    for path, node in definitions(sources, ast.ClassDef, ast.FunctionDef, ast.AnnAssign):
        match node:
            case ast.ClassDef(name=name) if name.strip("_") in OLD_CLASSES:
                yield f"{path}: class {name}"
            case ast.FunctionDef(name=name) if name.strip("_") in OLD_FUNCTIONS:
                yield f"{path}: function {name}"
            case ast.AnnAssign(target=ast.Name(id=name)) if path == "livegen/settings.py" and name in OLD_SETTINGS:
                yield f"{path}: setting {name}"


def the_engine_compares_no_role_by_name(sources: Sources) -> Iterator[str]:
    for path, node in definitions(sources, ast.Compare, ast.MatchValue):
        names = {each.value for each in ast.walk(node) if isinstance(each, ast.Constant)} & set(get_args(Role))
        if folder(path) == "engine" and names:
            yield f"{path} compares with {names}"


def codecs_and_cursors_have_types(sources: Sources) -> Iterator[str]:
    for path, node in definitions(sources, ast.Subscript, ast.arg, ast.AnnAssign, ast.FunctionDef):
        match node:
            case ast.Subscript(value=ast.Name(id=name), slice=inside) if name in OF_A_CODEC:
                is_any = any(isinstance(each, ast.Name) and each.id == "Any" for each in ast.walk(inside))
            case ast.arg(arg=name, annotation=annotation) | ast.AnnAssign(target=ast.Name(name), annotation=annotation):
                is_any = name.strip("_") in ("codec", "cursor") and is_the_type_any(annotation)
            case ast.FunctionDef(name=name, returns=returns):
                is_any = name.strip("_") in ("codec", "cursor") and is_the_type_any(returns)
            case _:
                is_any = False
        if is_any:
            yield f"{path}: {ast.unparse(node)[:80]}"


def is_the_type_any(annotation: ast.expr | None) -> bool:
    return isinstance(annotation, ast.Name) and annotation.id == "Any"


def the_map_is_true(sources: Sources) -> Iterator[str]:
    drawn = set(
        re.findall(r"^ +([\w/]+\.py)  ", ast.get_docstring(ast.parse(sources["livegen/__init__.py"])) or "", re.M)
    )
    there = {path.removeprefix("livegen/") for path, text in sources.items() if text.strip()} - {"__init__.py"}
    yield from (f"{path} is not in the map" for path in sorted(there - drawn))
    yield from (f"the map names {path}, which is not there" for path in sorted(drawn - there))


MAP = "livegen/__init__.py"
RULES: dict[Callable[[Sources], Iterator[str]], Sources] = {  # each with a house that breaks it
    a_folder_imports_only_what_lies_below_it: {
        "livegen/midi_in/a.py": "from livegen.engine import b",
        "livegen/engine/b.py": "",
    },
    no_import_goes_in_a_circle: {
        "livegen/a.py": "from livegen.b import x",
        "livegen/b.py": "def f():\n    import livegen.a",
    },
    no_folders_go_in_a_circle: {
        "livegen/ipc/a.py": "from livegen.daemon.b import x",
        "livegen/ipc/c.py": "",
        "livegen/daemon/b.py": "",
        "livegen/daemon/d.py": "from livegen.ipc import c",
    },
    each_midi_library_is_in_one_file: {
        MIDI_LIBRARIES["rtmidi"]: "import rtmidi",
        "livegen/midi_out/port.py": "def f():\n    import rtmidi",
    },
    onnxruntime_is_in_model: {"livegen/engine/a.py": "import onnxruntime as ort"},
    the_web_is_in_console_and_server: {PORT_PROCESS: "from fastapi import FastAPI"},
    training_stays_outside: {"livegen/model/a.py": "from torch import nn"},
    the_command_line_imports_no_training_at_its_top: {"livegen/cli.py": "from export.train import train"},
    no_folder_of_the_port_process_has_numpy: {"livegen/recording/a.py": "import numpy as np"},
    the_port_process_stays_small: {
        PORT_PROCESS: "from livegen.midi_out.a import b",
        "livegen/midi_out/a.py": "from livegen.music import c",
        "livegen/music/c.py": "import numpy as np",
    },
    python_is_started_in_one_way: {"livegen/bench/a.py": "import sys\nCOMMAND = [sys.executable, '-m', 'livegen']"},
    no_function_is_longer_than_a_screen: {"livegen/a.py": "def f():\n" + "    pass\n" * 40},
    no_class_offers_too_much: {"livegen/a.py": "class A:\n" + "".join(f"    def f{n}(self): ...\n" for n in range(21))},
    old_words_are_gone: {"livegen/a.py": "class Courier:\n    def _mourn(self): ..."},
    the_engine_compares_no_role_by_name: {"livegen/engine/a.py": "def f(role): return role in ('solo', 'x')"},
    codecs_and_cursors_have_types: {"livegen/engine/a.py": "def f(codec: Codec[Any]): ..."},
    the_map_is_true: {MAP: '"""Map.\n\n    gone.py  nothing\n"""', "livegen/new.py": "x = 1"},
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_our_house_keeps_the_rule(rule: Callable[[Sources], Iterator[str]]) -> None:
    assert list(rule(house())) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_house_that_breaks_the_rule_is_found(rule: Callable[[Sources], Iterator[str]]) -> None:
    assert list(rule(RULES[rule])) != []


@pytest.mark.parametrize(
    "text",
    ["def f(cursor: Any): ...", "class A:\n    codec: Any", "class A:\n    def cursor(self) -> Any: ..."],
    ids=["parameter", "field", "property"],
)
def test_a_cursor_or_codec_of_any_type_is_found(text: str) -> None:
    assert len(list(codecs_and_cursors_have_types({"livegen/codecs/a.py": text}))) == 1


@pytest.mark.parametrize(
    "broken",
    [
        {"livegen/serve/a.py": ""},
        {"livegen/a.py": "class Vigil: ..."},
        {"livegen/a.py": "def look(): ..."},
        {"livegen/settings.py": "class Play:\n    touched_role: str = ''"},
    ],
    ids=["module", "class", "function", "setting"],
)
def test_an_old_word_of_any_kind_is_found(broken: Sources) -> None:
    assert len(list(old_words_are_gone(broken))) == 1


def test_the_port_process_has_no_numpy_in_it() -> None:
    program = f"import livegen.daemon.daemon, sys; print(sorted({KEPT_OUT_OF_THE_PORT_PROCESS!r} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_the_base_needs_neither_torch_nor_onnx_nor_music21() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    base = project.split("dependencies = [")[1].split("\n]")[0]

    assert not [name for name in TRAINING if re.search(rf'"{name}\W', base)]
