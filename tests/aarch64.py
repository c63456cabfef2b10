"""livegen on a Raspberry Pi's kind of processor (aarch64), emulated: it can be installed, and plays the same bytes.

    sudo .venv-dev/bin/python -m tests.aarch64 --folder F

It needs root on Debian 12. In a new folder F it unpacks a Debian 12 for arm64; its programs run under qemu's user
emulation. There pip installs livegen with the libraries that it chooses for that processor; the same versions are
installed for this computer's processor. In both, ``livegen models`` is run, and ``livegen render`` for each model in
each role; on aarch64 twice, and ``livegen doctor``, too. It exits with 0 if all of it works, and each file of music has
the same bytes each time. Nothing here is a Pi's kernel, speed or hardware: the emulation has neither Landlock nor
seccomp, and its times mean nothing.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np

from livegen.files.midi_file import read_midi
from livegen.terminal import show
from tests.support.midi_bytes import END, header, track, tune, write

_SOURCE = Path(__file__).parents[1]
_TOOLS = {"qemu-aarch64-static": "qemu-user-static", "mmdebstrap": "mmdebstrap", "arch-test": "arch-test"}
_PACKAGES = "base-files,coreutils,dash,libstdc++6,python3,python3-venv,alsa-utils"
_BINFMT = Path("/proc/sys/fs/binfmt_misc")
_RENDERS = """
import json, sys
from livegen.cli import main
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["livegen", "render", *arguments]
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            raise
"""
_LOGITS = """
import sys
import numpy as np
from livegen.model.bundle import load_bundle
from livegen.shipped import shipped_models
tokens = np.arange(16, dtype=np.int64)[None]
steppers = {name: load_bundle(name).stepper for name in shipped_models()}
np.savez(sys.argv[1], **{name: stepper.step(tokens, stepper.initial())[0] for name, stepper in steppers.items()})
"""

Asked = list[tuple[str, str]]  # models, each with a role


@dataclass(frozen=True, slots=True)
class Debian:
    """A Debian for another processor, in a folder, and the settings that pip has on this computer."""

    root: Path
    settings: dict[str, str]

    def command(self, *command: str) -> list[str]:
        """What runs a command in it. It sees this computer's devices, and what pip's settings name."""
        seen = {"/dev", "/proc", *self._named()}  # not /sys: onnxruntime, told of another processor there, crashes
        for folder in seen:
            (self.root / folder[1:]).mkdir(parents=True, exist_ok=True)
        mounts = "; ".join(f"mount --rbind {folder} {self.root}{folder}" for folder in sorted(seen))
        variables = [f"{name}={value}" for name, value in self.settings.items()]
        enter = ["chroot", str(self.root), "env", "-i", "HOME=/srv", "PATH=/usr/bin:/bin", *variables, *command]
        return ["unshare", "--mount", "sh", "-ec", f'{mounts}; exec "$@"', "sh", *enter]

    def _named(self) -> set[str]:
        """The folders of this computer that pip's settings name."""
        paths = re.findall(r"(?:^|\s)(?:file://)?(/\S+)", "\n".join(self.settings.values()))
        return {str(Path(*Path(path).parts[:3])) for path in paths if Path(path).exists()}


@dataclass(frozen=True, slots=True)
class Installed:
    """livegen in an environment of its own."""

    debian: Debian | None  # None: this computer
    prefix: str  # of the environment, as it is called there
    work: Path  # a folder for files, as it is called here
    work_there: str  # the same folder, as it is called there

    def run(self, program: str, *arguments: str) -> str:
        """What one of its programs prints; CalledProcessError when it fails."""
        command = [f"{self.prefix}/bin/{program}", *arguments]
        return output(self.debian.command(*command) if self.debian else command)

    def render(self, asked: Asked, attempt: str) -> Path:
        """The answers to the tune: a folder of files, each called by model and role."""
        folder = self.work / attempt
        folder.mkdir()
        write(folder / "tune.mid", header(), track(tune(), END))
        there = f"{self.work_there}/{attempt}"
        options = [("--model", model, "--role", role, "--seed", "7") for model, role in asked]
        names = [f"{there}/{model}-{role}.mid" for model, role in asked]
        commands = [(f"{there}/tune.mid", name, *rest) for name, rest in zip(names, options, strict=True)]
        self.run("python", "-c", _RENDERS, json.dumps(commands))
        return folder


def output(command: Sequence[str], given: str | None = None) -> str:
    """What it prints; what it complains of is shown when it fails."""
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        show(f"{done.stdout}{done.stderr}")
        done.check_returncode()
    return done.stdout


@contextmanager
def step(name: str) -> Iterator[None]:
    """Say what is done, and how long it took."""
    begun = time.monotonic()
    yield
    show(f"{time.monotonic() - begun:6.0f} s  {name}")


@contextmanager
def emulation() -> Iterator[None]:
    """The kernel starts programs for aarch64 by qemu, as long as its folder is mounted; it is left as it was."""
    handler, rule = _BINFMT / "qemu-aarch64", Path("/usr/lib/binfmt.d/qemu-aarch64.conf")
    with ExitStack() as stack:
        if not (_BINFMT / "register").exists():
            output(["mount", "-t", "binfmt_misc", "none", str(_BINFMT)])
            stack.callback(output, ["umount", str(_BINFMT)])
        if not handler.exists():
            (_BINFMT / "register").write_text(rule.read_text())
            stack.callback(handler.write_text, "-1")
        yield


def unpack(root: Path) -> None:
    """Unpack the packages for arm64, and what they need; not configured, for that takes long, emulated."""
    hook = "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr"
    kind = ["--mode=root", "--variant=extract", "--architectures=arm64", hook, f"--include={_PACKAGES}"]
    output(["mmdebstrap", *kind, "bookworm", str(root)])
    for name in ("resolv.conf", "hosts"):
        shutil.copy(Path("/etc", name), root / "etc" / name)


def pip_settings() -> dict[str, str]:
    """This computer's settings of pip, as variables of the environment."""
    lines = output([sys.executable, "-m", "pip", "config", "list"]).splitlines()
    pairs = [line.split("=", 1) for line in lines]
    return {f"PIP_{name.split('.')[-1].replace('-', '_').upper()}": value.strip("'\"") for name, value in pairs}


def install(folder: Path) -> tuple[Installed, Installed]:
    """livegen in the Debian for aarch64, and here with the same libraries."""
    root, work = folder / "debian", folder / "work"
    debian = Debian(root, pip_settings())
    with step("a Debian for arm64 is unpacked"):
        unpack(root)
    before = size_mb(root)
    with step("livegen's wheel is built"):
        pip = [sys.executable, "-m", "pip", "--quiet"]
        output([*pip, "wheel", "--no-deps", "--wheel-dir", str(work), str(_SOURCE)])
    wheel = next(work.glob("livegen-*.whl"))
    there = Installed(debian, "/opt/livegen", root / "srv", "/srv")
    there.work.mkdir(exist_ok=True)
    shutil.copy(wheel, there.work)
    with step("livegen is installed in it, by its own pip"):
        output(debian.command("python3", "-m", "venv", there.prefix))
        there.run("pip", "install", "--quiet", "--no-cache-dir", f"{there.work_there}/{wheel.name}")
    shown = there.run("pip", "list", "--format=freeze")
    libraries = [line for line in shown.splitlines() if line.split("==")[0] not in ("livegen", "pip", "setuptools")]
    show(f"          {before} MB before, {size_mb(root)} MB after; {', '.join(libraries)}")
    here = Installed(None, str(folder / "here"), work, str(work))
    with step("and here, with the same libraries"):
        output([sys.executable, "-m", "venv", here.prefix])
        here.run("pip", "install", "--quiet", "--no-deps", *libraries, str(wheel))
    return there, here


def size_mb(folder: Path) -> int:
    """What its files take."""
    return int(output(["du", "--summarize", "--block-size=1000000", str(folder)]).split()[0])


def compare(there: Installed, here: Installed) -> bool:
    """Render in both, for each model in each role, in two processes each; are all files the same?"""
    models = json.loads(there.run("livegen", "models", "--json"))
    is_well: bool = models == json.loads(here.run("livegen", "models", "--json"))
    show(f"models: {', '.join(model['name'] for model in models)}; as here: {is_well}")
    # A note that is heard ends a solo: rendered, "solo" is "respond".
    asked = [(model["name"], role) for model in models for role in model["roles"] if role != "solo"]
    with ThreadPoolExecutor(2) as pool:
        once, again = pool.map(lambda attempt: there.render(asked, attempt), ("once", "again"))
    ours = here.render(asked, "once")
    for model, role in asked:
        first, second, other = (folder / f"{model}-{role}.mid" for folder in (once, again, ours))
        differences = [difference(first, second), difference(first, other)]
        is_well &= not any(differences)
        said = "; ".join(filter(None, differences)) or "the same"
        show(f"{model:14}{role:12}{digest(first)} and {digest(second)} on aarch64, {digest(other)} here: {said}")
    return is_well


def digest(file: Path) -> str:
    """The beginning of its checksum."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def difference(one: Path, other: Path) -> str:
    """The first event in which two files differ; "" when their bytes are the same."""
    if one.read_bytes() == other.read_bytes():
        return ""
    for index, (event, instead) in enumerate(zip_longest(read_midi(one), read_midi(other))):
        if event != instead:
            return f"event {index} of {one} is {event}, of {other} {instead}"
    return f"{one} and {other} differ, their events do not"


def distances(there: Installed, here: Installed) -> str:
    """How far the networks' outputs differ: the kernels for two processors add in another order."""
    found = []
    for place in (there, here):
        place.run("python", "-c", _LOGITS, f"{place.work_there}/logits.npz")
        found.append(np.load(place.work / "logits.npz"))
    theirs, ours = found
    far = {name: float(np.abs(theirs[name] - ours[name]).max()) for name in ours.files}
    return ", ".join(f"{name} {distance:.1e}" for name, distance in far.items())


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.aarch64", description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="a new folder; it gets about 1 GB")
    folder = parser.parse_args(arguments).folder.absolute()
    if os.getuid() != 0:
        parser.error("only root can unpack another Debian and enter it")
    (folder / "work").mkdir(parents=True)
    missing = sorted(package for tool, package in _TOOLS.items() if shutil.which(tool) is None)
    if missing:
        output(["apt-get", "install", "--yes", "--quiet", "-o", "DPkg::Lock::Timeout=300", *missing])
    with emulation():
        there, here = install(folder)
        show(there.run("livegen", "doctor"))
        with step("models are rendered"):
            is_well = compare(there, here)
        show(f"largest difference of a logit: {distances(there, here)}")
    show("the same bytes on both processors" if is_well else "NOT the same on both processors")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
