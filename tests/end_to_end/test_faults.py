"""Processes that are killed, stopped and ended at bad moments, on real ports, judged by a receiver of its own.

A few of each by default; the full counts by LIVEGEN_ENGINE_KILLS=500, LIVEGEN_PORT_KILLS=100, LIVEGEN_ENGINE_STOPS=50,
LIVEGEN_SPARE_KILLS=100, LIVEGEN_SIGNALS=100, LIVEGEN_MODEL_LOSSES=60. Durations are judged from 50 on (``-s`` shows
them).
"""

import json
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path
from threading import Thread

import pytest

from livegen.clock import NS_PER_MS, now_ns
from livegen.events import NoteOff, NoteOn, Transport, to_bytes
from livegen.recording.format import read_session
from livegen.session.replay import model_opener, replay
from livegen.shipped import shipped_models
from tests.support.jack_stage import (
    Daemon,
    Stage,
    hanging,
    is_running,
    melody,
    notes,
    percentile,
    report,
    silence_ms,
    stage,
    wait_for,
    wait_for_chord,
    wait_for_notes,
    wait_for_quiet,
)

pytestmark = [pytest.mark.jack, pytest.mark.timed, pytest.mark.usefixtures("jack_server")]

ENGINE_KILLS = int(os.environ.get("LIVEGEN_ENGINE_KILLS", "4"))
PORT_KILLS = int(os.environ.get("LIVEGEN_PORT_KILLS", "2"))
ENGINE_STOPS = int(os.environ.get("LIVEGEN_ENGINE_STOPS", "2"))
MODEL_LOSSES = int(os.environ.get("LIVEGEN_MODEL_LOSSES", "3"))
SPARE_KILLS = int(os.environ.get("LIVEGEN_SPARE_KILLS", "2"))
SIGNALS = int(os.environ.get("LIVEGEN_SIGNALS", "3"))
JUDGED = 50  # of each, at the least, for durations to mean something

SHORT = melody((72, 71, 69, 67), beat_ms=150)
TRILL = melody((72, 74) * 150, beat_ms=5)  # a message is always on its way


def test_a_killed_engine_leaves_nothing_hanging_and_its_answer_is_played_again(tmp_path: Path):
    silences, returns = [], []
    kills = (ENGINE_KILLS + 1) // 2
    with stage("engine", tmp_path, "--record", str(tmp_path / "sessions")) as on:
        on.player.play(SHORT)
        killed_ns = 0
        for kill in range(kills):
            wait_for_chord(on.receiver, after_ns=killed_ns)
            killed_ns = fell(on, signal.SIGKILL, random.Random(kill).uniform(0, 0.4))
            returns.append((wait_for_chord(on.receiver, after_ns=killed_ns) - killed_ns) / NS_PER_MS)
            silences.append(silence_ms(on.receiver.events(), killed_ns))
        wait_for_quiet(on.receiver)
        events = on.receiver.events()
        on.daemon.stop()

    (session,) = (tmp_path / "sessions").iterdir()
    replayed = replay(read_session(session), model_opener(()), lambda *_: None)  # it raises where a byte differs
    assert (replayed.lives, replayed.cut) == (kills + 1, 0)
    assert replayed.frames > kills
    assert hanging(events) == Counter()
    judge("engine kills", silences, returns, silence_p99_ms=30, silence_ms=100, return_p99_ms=2_000)


def test_a_model_that_is_lost_before_its_engine_is_killed_is_missed_by_nobody(tmp_path: Path):
    """Deleted, broken, replaced by a slow one, in turns; the next engine plays what played before."""
    bach = shipped_models()["bach"].read_bytes()
    path, settings, returns = tmp_path / "own.onnx", tmp_path / "box.toml", []
    path.write_bytes(bach)
    settings.write_text(f'play.model = "{path}"\nplay.role = "solo"\ninstallation.fallback_model = "elise-gru"\n')
    lose = (path.unlink, lambda: path.write_bytes(bach[:100_000]), lambda: path.write_bytes(bytes(len(bach))))
    with stage("losing", tmp_path, "--config", str(settings)) as on:
        wait_for_chord(on.receiver, after_ns=0)
        for loss in range(MODEL_LOSSES):
            lose[loss % len(lose)]()
            killed_ns = fell(on, signal.SIGKILL, random.Random(loss).uniform(0, 3))
            again_ns = wait_for_chord(on.receiver, after_ns=killed_ns)
            returns.append((again_ns - killed_ns) / NS_PER_MS)
            path.write_bytes(bach)
        status = on.daemon.stop()
        wait_for(lambda: not hanging(on.receiver.events()), "silence")

    report("models lost", returns_ms=returns)
    assert (status, hanging(on.receiver.events())) == (0, Counter())
    assert not any("elise-gru' plays instead" in line for line in on.daemon.lines())
    if len(returns) >= JUDGED:
        assert max(returns) < 5_000


def test_a_spare_takes_over_from_a_killed_engine_and_the_session_replays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LIVEGEN_DAEMON__SPARE", "on")
    silences, returns = [], []
    with stage("spare", tmp_path, "--role", "harmonise", "--record", str(tmp_path / "sessions")) as on:
        for kill in range(SPARE_KILLS):
            wait_for(lambda: spare_state(tmp_path) == "ready", "a spare", patience_s=60)
            engine, spare = wait_for(lambda: pids if len(pids := on.daemon.engine_pids()) == 2 else None, "two engines")
            begun_ns = now_ns()
            on.player.play([(0, list(to_bytes(NoteOn(67 + kill % 8, 80))))])
            wait_for_chord(on.receiver, after_ns=begun_ns)
            killed_ns = fell(on, signal.SIGKILL, random.Random(kill).uniform(0, 0.4))
            returns.append((wait_for_chord(on.receiver, after_ns=killed_ns) - killed_ns) / NS_PER_MS)
            silences.append(silence_ms(on.receiver.events(), killed_ns))
            on.player.play([(0, list(to_bytes(NoteOff(67 + kill % 8))))])
            wait_for(lambda pid=engine: not is_running(pid), "the end of the killed engine")
            assert on.daemon.engine_pids()[0] == spare
            time.sleep(1.1)  # the status is written once a second
        wait_for(lambda: not hanging(on.receiver.events()), "silence")
        on.daemon.stop()

    (session,) = (tmp_path / "sessions").iterdir()
    replayed = replay(read_session(session), model_opener(()), lambda *_: None)  # it raises where a byte differs
    assert (replayed.lives, replayed.cut) == (SPARE_KILLS + 1, 0)
    assert hanging(on.receiver.events()) == Counter()
    judge("spare", silences, returns, silence_p99_ms=30, silence_ms=100, return_p99_ms=150)


def test_however_many_notes_a_killed_engine_leaves_they_end_at_once(tmp_path: Path):
    silences, returns = [], []
    with stage("chords", tmp_path, script="echo") as on:
        for kill in range(ENGINE_KILLS // 2):
            chance = random.Random(kill)
            chord = chance.sample(range(36, 90), chance.randint(1, 32))
            begun_ns = now_ns()
            # At velocities of their own: octaves would come back as the echo did, and be taken for a loop.
            on.player.play([(1, list(to_bytes(NoteOn(pitch, 40 + n)))) for n, pitch in enumerate(chord)])
            wait_for_notes(on.receiver, len(chord), after_ns=begun_ns)
            killed_ns = fell(on, signal.SIGKILL, chance.uniform(0, 0.2))
            again_ns = wait_for_notes(on.receiver, len(chord), after_ns=killed_ns)
            returns.append((again_ns - killed_ns) / NS_PER_MS)
            silences.append(silence_ms(on.receiver.events(), killed_ns))
            on.player.play([(1, list(to_bytes(NoteOff(pitch)))) for pitch in chord])
            on.player.play([(1, [Transport.RESET.value])])
            wait_for(lambda: not hanging(on.receiver.events()), "silence")
        on.daemon.stop()

    assert hanging(on.receiver.events()) == Counter()
    judge("chords", silences, returns, silence_p99_ms=30, silence_ms=100, return_p99_ms=2_000)


def test_a_stopped_engine_is_silenced_and_replaced(tmp_path: Path):
    silences, returns = [], []
    with stage("stopped", tmp_path) as on:
        on.player.play(SHORT)
        stopped_ns = 0
        for stop in range(ENGINE_STOPS):
            wait_for_chord(on.receiver, after_ns=stopped_ns)
            engine = wait_for(on.daemon.engine_pid, "an engine")
            stopped_ns = fell(on, signal.SIGSTOP, random.Random(stop).uniform(0, 0.4))
            wait_for(lambda pid=engine: not is_running(pid), "the end of the stopped engine")
            again_ns = wait_for_chord(on.receiver, after_ns=stopped_ns + 700 * NS_PER_MS)
            returns.append((again_ns - stopped_ns) / NS_PER_MS)
            silences.append(silence_ms(on.receiver.events(), stopped_ns))
        wait_for_quiet(on.receiver)
        events = on.receiver.events()
        on.daemon.stop()

    assert hanging(events) == Counter()
    judge("engine stops", silences, returns, silence_p99_ms=700, silence_ms=700, return_p99_ms=3_000)


@pytest.mark.usefixtures("realtime_jack_server")
@pytest.mark.parametrize("is_named", [False, True], ids=["unnamed receiver", "named receiver"])
def test_a_killed_port_process_leaves_nothing_hanging_after_its_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_named: bool
):
    if is_named:
        monkeypatch.setenv("LIVEGEN_PORTS__OUTPUT", "port-receiver:in")
    releases, of_ports = [], []  # ms after the process was started, and after its ports were there
    with stage("port", tmp_path, is_named=is_named) as on:
        begun_ns = 0
        for kill in range(PORT_KILLS):
            on.player.play(SHORT)
            begun_ns = wait_for_chord(on.receiver, after_ns=begun_ns)
            time.sleep(random.Random(kill).uniform(0, 0.1))
            engine = wait_for(on.daemon.engine_pid, "an engine")
            on.restart()
            left = hanging(on.receiver.events())
            on.daemon.wait_for_line("listening at")
            there_ns = now_ns()
            wait_for(lambda: not hanging(on.receiver.events()), "the end of the notes of the killed process")
            if left:
                ended_ns = max(note.end_ns or 0 for note in notes(on.receiver.events()))
                releases.append((ended_ns - on.daemon.begun_ns) / NS_PER_MS)
                of_ports.append(max(ended_ns - there_ns, 0) / NS_PER_MS)
            wait_for(lambda pid=engine: not is_running(pid), "the end of the orphaned engine")
            on.daemon.wait_for_line("loaded")
        on.daemon.stop()

    assert releases
    assert hanging(on.receiver.events()) == Counter()
    if len(releases) >= JUDGED:
        report("port kills", releases=releases, of_ports=of_ports)
        assert max(releases if is_named else of_ports) <= 500  # a receiver takes a while to find the port anew


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_whenever_it_comes(tmp_path: Path, number: signal.Signals):
    exits = []
    name = f"ended-{number.name.lower()}"
    with stage(name, tmp_path) as on:
        for ending in range(SIGNALS):
            hands = Thread(target=on.player.play, args=(SHORT if ending % 2 else TRILL,))
            hands.start()
            time.sleep(random.Random(ending).uniform(0.2, 1.5))
            sent_ns = now_ns()
            on.daemon.process.send_signal(number)
            assert on.daemon.process.wait(20) == 0
            exits.append((now_ns() - sent_ns) / NS_PER_MS)
            hands.join()
            wait_for(lambda: not hanging(on.receiver.events()), "silence")
            on.restart()
            on.daemon.wait_for_line("listening at")  # the next may be ended while its model is loaded

    if len(exits) >= JUDGED:
        report(name, exits=exits)
        assert max(exits) <= 1_000


def test_a_second_instance_is_refused_in_one_line_and_the_first_plays_on(tmp_path: Path):
    with stage("twice", tmp_path) as on:
        second = Daemon("twice", tmp_path / ".")
        status = second.process.wait(20)
        on.player.play(SHORT)
        wait_for_chord(on.receiver, after_ns=0)

    assert status == 1
    assert [line for line in second.lines() if line.startswith("livegen: ")] == [
        f"livegen: livegen is already running as 'twice' (process {on.daemon.process.pid}); "
        "stop it, or give this one another name: --name twice-2"
    ]


def test_memory_that_runs_out_takes_the_engine_first(tmp_path: Path):
    with stage("memory", tmp_path) as on:
        engine = wait_for(on.daemon.engine_pid, "an engine")
        scores = [int(Path(f"/proc/{pid}/oom_score_adj").read_text()) for pid in (on.daemon.process.pid, engine)]

    assert scores[1] >= scores[0] + 500


def spare_state(home: Path) -> str:
    """The spare, as ``livegen status`` shows it."""
    found = [json.loads(path.read_text()) for path in home.rglob("spare.status.json")]
    return str(found[0]["spare"]) if found else ""


def fell(on: Stage, number: signal.Signals, delay_s: float) -> int:
    """Send the engine a signal after a while; when it was sent."""
    engine = wait_for(on.daemon.engine_pid, "an engine")
    time.sleep(delay_s)
    sent_ns = now_ns()
    os.kill(engine, number)
    return sent_ns


def judge(
    title: str,
    silences: list[float],
    returns: list[float],
    *,
    silence_p99_ms: float,
    silence_ms: float,
    return_p99_ms: float,
) -> None:
    """Hold durations against their bounds, where there are enough of them."""
    if len(silences) * 2 >= JUDGED:
        report(title, silences=silences, returns=returns)
        assert percentile(silences, 99) <= silence_p99_ms
        assert max(silences) <= silence_ms
        assert percentile(returns, 99) <= return_p99_ms
