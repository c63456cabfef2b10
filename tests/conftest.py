"""What tests share: a JACK server of each worker's own, where jackd is installed, and the order in which they run."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hypothesis
import pytest

from livegen.realtime import raise_thread
from tests.support.turns import in_turn, turn

hypothesis.settings.register_profile("livegen", deadline=None)  # a busy machine is no failure of an example
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)  # the gate is the same for everybody
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "livegen")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # threads of a small network on a busy machine wait for each other
SERVER = f"livegen-test-{os.getpid()}"
_PATIENCE_S = 10
_LAST_LINES = 30  # of a log, that a failed test shows
_REGISTRY = Path("/dev/shm/jack-shm-registry")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if shutil.which("jackd") is None:
        for item in items:
            if item.get_closest_marker("jack"):
                item.add_marker(pytest.mark.skip(reason="jackd is not installed (Debian: jackd2)"))
    items[:] = in_turn(items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Beside other workers, tests that depend on time run alone."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return (yield)
    with turn(item, Path(__file__)):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails shows what its processes and its JACK server wrote last."""
    report = yield
    if report.failed and isinstance(item, pytest.Function) and (folder := item.funcargs.get("tmp_path")):
        for log in (*sorted(folder.glob("*.out")), *sorted(folder.parent.glob("jack[0-9]*/jackd.log"))):
            lines = log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
            report.sections.append((f"the end of {log.name}", "\n".join(lines)))
    return report


@pytest.fixture(scope="session", autouse=True)
def _own_surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What models have passed the gate is not remembered from one run to the next; a test asks for a spare itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("LIVEGEN_DAEMON__SPARE", "off")  # two engines a daemon are too much for many daemons on two cores
        yield


@pytest.fixture(scope="session")
def _jack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], None]]:
    """A running server with a dummy driver, the default one of all tests; to be called before each that needs it.

    It waits for its clients. A server that does not wait loses messages between any two programs whenever the machine
    stalls for longer than a period, and a test that misses a note says nothing about us. What is measured is measured
    at a server that does not wait.

    JACK 1.9 can stall for ever when a client of it is killed on a busy machine. That is one test's misfortune: for the
    next there is a new server.
    """
    environment = {"JACK_DEFAULT_SERVER": SERVER, "JACK_NO_AUDIO_RESERVATION": "1"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        log = tmp_path_factory.mktemp("jack") / "jackd.log"
        process = start_jack(log, waits=True)

        def renew_if_stalled() -> None:
            nonlocal process
            if not does_jack_answer():
                process.kill()
                process.wait()
                process = start_jack(log, waits=True)

        yield renew_if_stalled
        stop_jack(process)
        tidy_jack(log)


@pytest.fixture
def jack_server(_jack: Callable[[], None]) -> str:
    """The name of a running server, which answers, and is also the default one."""
    _jack()
    return SERVER


@pytest.fixture
def realtime_jack_server(jack_server: str) -> str:
    """A server of real-time priority: without it JACK 1.9 stalls its other clients when one of them is killed."""
    if not is_realtime_allowed():
        pytest.skip("JACK may not have real-time priority here, and stalls when a client is killed")
    return jack_server


def start_jack(
    log: Path, *more: str, frames: int = 256, waits: bool = False, is_realtime: bool = True
) -> subprocess.Popen[bytes]:
    """The default server, answering: above our own priorities, as audio drivers are; 256 frames are 5 ms a period.

    When a machine stalls for longer than a period, JACK lets its clients miss what came meanwhile, unless it is told
    to wait for them. Few ports, for JACK maps room for each into every client.
    """
    priority = ["-R", "-P", "80"] if is_realtime and is_realtime_allowed() else ["-r"]
    name = os.environ["JACK_DEFAULT_SERVER"]
    mode = ["-S"] if waits else []
    options = ["-n", name, *priority, *mode, "-p", "128", "-d", "dummy", "-r", "48000", "-p", str(frames), *more]
    with log.open("wb") as file:
        process = subprocess.Popen(["jackd", *options], stdout=file, stderr=subprocess.STDOUT)
    until = time.monotonic() + _PATIENCE_S
    while not does_jack_answer():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.05)
    return process


def does_jack_answer() -> bool:
    """Does the default server let a client in?"""
    try:
        return not subprocess.run(["jack_lsp"], capture_output=True, check=False, timeout=_PATIENCE_S).returncode
    except subprocess.TimeoutExpired:
        return False


def stop_jack(process: subprocess.Popen[bytes]) -> None:
    """End a server."""
    process.terminate()
    process.wait(_PATIENCE_S)


def tidy_jack(log: Path) -> None:
    """Strike the default server out of JACK's list of eight.

    Where a client or itself was killed, a server forgets to; the next one of its name takes the line over, and does.
    """
    if _REGISTRY.exists() and os.environ["JACK_DEFAULT_SERVER"].encode() in _REGISTRY.read_bytes():
        stop_jack(start_jack(log))


def is_realtime_allowed() -> bool:
    """May a thread be of real-time priority here?"""
    with ThreadPoolExecutor(1) as pool:  # it ends with the thread
        return pool.submit(raise_thread, 1).result() > 0
