"""What the service manager is told, over a real socket, and when the watchdog is fed."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from livegen.clock import NS_PER_MS, now_ns
from livegen.daemon.controls import Controls
from livegen.daemon.event_router import EventRouter
from livegen.daemon.health import HealthMonitor
from livegen.daemon.supervisor import Supervisor
from livegen.daemon.systemd_notify import notify, notify_reloading, watchdog_ns
from livegen.midi_out.ledger import blank_ledger
from livegen.midi_out.player import Player
from livegen.settings import load

WATCHDOG_MS = 200


class Manager:
    """The other end: what it was told, a list of states for each message."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(20)

    def heard(self) -> list[str]:
        """All that is there already."""
        self._socket.settimeout(0)
        found: list[str] = []
        try:
            while True:
                found += self._socket.recv(4_096).decode().split("\n")
        except BlockingIOError:
            self._socket.settimeout(20)
            return found

    def wait_for(self, state: str) -> list[str]:
        """Everything up to the message that has this."""
        found: list[str] = []
        until = time.monotonic() + 20
        while not any(part.startswith(state) for part in found):
            assert time.monotonic() < until, f"waited for {state}; told {found}"
            found += self._socket.recv(4_096).decode().split("\n")
        return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    path = tmp_path / "notify"
    monkeypatch.setenv("NOTIFY_SOCKET", str(path))
    monkeypatch.setenv("WATCHDOG_USEC", str(WATCHDOG_MS * 1_000))
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    found = Manager(path)
    yield found
    found.close()


def test_states_are_told_in_one_message_and_a_reload_with_its_moment(manager: Manager) -> None:
    before_us = time.monotonic_ns() // 1_000

    assert notify("READY=1", "STATUS=playing")
    assert notify_reloading()

    told = manager.wait_for("MONOTONIC_USEC")
    assert told[:3] == ["READY=1", "STATUS=playing", "RELOADING=1"]
    assert before_us <= int(told[3].split("=")[1]) <= time.monotonic_ns() // 1_000


def test_an_abstract_socket_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"livegen-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(f"\0{name}")
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")

        assert notify("READY=1")
        assert other.recv(100) == b"READY=1"


def test_where_nobody_listens_nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    to_nobody = notify("READY=1")
    monkeypatch.delenv("NOTIFY_SOCKET")

    assert (to_nobody, notify("READY=1")) == (False, False)


def test_a_watchdog_for_another_process_is_not_ours(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = watchdog_ns()
    monkeypatch.setenv("WATCHDOG_PID", "1")

    assert (ours, watchdog_ns()) == (WATCHDOG_MS * NS_PER_MS, 0)


class House:
    """A health monitor with a real player, whose thread runs or does not."""

    def __init__(self) -> None:
        settings = load(None, {"play": {"role": "solo"}, "installation": {"max_silence_s": 0.1}})
        self.player = Player(blank_ledger(), lambda _: None)
        self.notes_out = 0
        router = EventRouter(lambda _: None, lambda: None, Controls(settings, lambda _: None))
        supervisor = Supervisor((), self.player, router, lambda _: None)
        supervisor.is_ready = True
        self.health = HealthMonitor(
            self.player, router, supervisor, lambda: self.notes_out, lambda _: None, time.localtime
        )

    def poll(self, times: int, *, is_playing: bool = True) -> None:
        for _ in range(times):
            self.notes_out += is_playing
            self.health.poll(None, now_ns())
            time.sleep(WATCHDOG_MS / 1_000 / 4)


def test_the_watchdog_is_fed_while_the_playing_thread_comes_round_and_there_is_music(manager: Manager) -> None:
    house = House()
    thread = threading.Thread(target=house.player.run)
    thread.start()
    house.poll(8)
    house.player.stop()
    thread.join()
    fed = manager.heard()

    house.poll(8)

    assert fed[0] == "READY=1"
    assert fed.count("WATCHDOG=1") >= 6
    assert "STATUS=solo, bach; engine restarts 0" in fed
    assert manager.heard().count("WATCHDOG=1") <= 1  # the last round of the thread


def test_the_watchdog_starves_when_no_engine_brings_music(manager: Manager) -> None:
    house = House()
    thread = threading.Thread(target=house.player.run)
    thread.start()
    house.poll(20, is_playing=False)
    manager.heard()

    house.poll(4, is_playing=False)
    starved = manager.heard()
    house.poll(4)
    fed = manager.heard()
    house.player.stop()
    thread.join()

    assert starved == []
    assert "WATCHDOG=1" in fed


def test_a_daemon_tells_when_it_is_ready_reads_its_settings_again_and_stops(manager: Manager, tmp_path: Path) -> None:
    config = tmp_path / "box.toml"
    config.write_text('[ports]\nsystem = "memory"\n[daemon]\nrealtime = false\n')
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "livegen.cli", "run", str(config)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment, text=True) as box:
        try:
            manager.wait_for("READY=1")
            manager.wait_for("WATCHDOG=1")
            config.write_text('[ports]\nsystem = "memory"\n[play]\nrole = "sollo"\n')
            box.send_signal(1)  # SIGHUP
            reloading = manager.wait_for("RELOADING=1")
            ready = manager.wait_for("READY=1")
            box.terminate()
            manager.wait_for("STOPPING=1")
            status = box.wait(10)
        finally:
            box.kill()
        said = box.stdout.read() if box.stdout else ""

    assert "READY=1" not in reloading + ready[:-1]
    assert status == 0
    assert said.count("did you mean 'solo'?; playing on as before") >= 1
