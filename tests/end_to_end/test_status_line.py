"""The line that a musician sees in the terminal while livegen plays."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.jack_stage import LIVEGEN, OWN_FOLDERS, Voice, wait_for
from tests.support.jack_voice import connect_in_time
from tests.support.terminal import CTRL_C, CTRL_Q, CTRL_S, ENTER, Terminal

pytestmark = [pytest.mark.jack, pytest.mark.usefixtures("jack_server")]


@contextmanager
def jam(folder: Path, *options: str, columns: int = 100, term: str = "xterm") -> Iterator[Terminal]:
    fixed = ["--name", "seen", "--midi", "jack", "--model", "bach", "--tempo", "150", "--seed", "3"]
    command = [*LIVEGEN, "jam", *fixed, *options]
    environment = {**dict.fromkeys(OWN_FOLDERS, str(folder)), "COLUMNS": "120"}  # of another terminal
    with Terminal(command, environment, columns=columns, term=term) as terminal:
        yield terminal


def see(terminal: Terminal, *parts: str) -> str:
    def look() -> str | None:
        seen.append(terminal.last())
        return seen[-1] if all(part in seen[-1] for part in parts) else None

    seen = list[str]()
    try:
        return wait_for(look, " and ".join(parts))
    except AssertionError as error:
        raise AssertionError(f"{error}; seen: {list(dict.fromkeys(seen))}") from None


def phrase(*pitches: int) -> list[tuple[float, list[int]]]:
    return [each for pitch in pitches for each in ((0, [0x90, pitch, 80]), (400, [0x80, pitch, 0]))]


@contextmanager
def voices(folder: Path) -> Iterator[Voice]:
    keys, ears = Voice("play", "keys", folder, "seen:in"), Voice("hear", "ears", folder, "seen:out")
    try:
        connect_in_time("keys:out", "seen:in")
        yield keys
    finally:
        keys.close()
        ears.close()


def test_it_says_whose_turn_it_is_and_where_in_the_music(tmp_path: Path) -> None:
    with jam(tmp_path) as terminal:
        assert see(terminal, "waits for a keyboard")
        with voices(tmp_path) as keys:
            see(terminal, "your turn")
            keys.play([(0, [0x90, 60, 80]), (10, [0x90, 64, 80]), (10, [0x90, 67, 80])])
            see(terminal, "you play", "| C")
            keys.play([(1, [0x80, 60, 0]), (1, [0x80, 64, 0]), (1, [0x80, 67, 0])])
            keys.play(phrase(67, 69, 71, 72))
            playing = see(terminal, "livegen plays", "bar ", "beat ", "150 bpm")
            assert any(key in playing for key in ("C major", "G major"))
            see(terminal, "your turn")
        terminal.press(CTRL_C)
        assert terminal.process.wait(20) == 0
        shown = wait_for(lambda: terminal.lines() if "you played" in terminal.last() else None, "the summary")

    assert [line for line in shown if line.startswith(("loaded", "ready:", "not ready", "you played"))]
    assert not [line for line in shown if "your turn" in line or "livegen plays" in line]  # it left nothing behind


def test_it_says_what_was_set_and_that_a_solo_was_silenced(tmp_path: Path) -> None:
    with jam(tmp_path, "--key", "f sharp minor", "--role", "solo") as terminal:
        wait_for(lambda: "key F# minor, as you set it" in terminal.lines(), "the key")
        assert "tempo 150 bpm, as you set it" in terminal.lines()
        see(terminal, "bar ", "F# minor")
        terminal.press(ENTER)
        wait_for(lambda: "silenced: livegen plays again when you do" in terminal.lines(), "the silence")


def test_it_keeps_to_a_narrow_terminal(tmp_path: Path) -> None:
    with jam(tmp_path, columns=40) as terminal, voices(tmp_path) as keys:
        see(terminal, "your turn")
        keys.play(phrase(67, 69, 71, 72))
        assert len(see(terminal, "livegen plays", "bar ")) < 40
        terminal.resize(24)
        see(terminal, "your turn")
        assert all(len(line) <= 40 for line in terminal.lines())


def test_a_terminal_that_is_stopped_stops_no_music(tmp_path: Path) -> None:
    with jam(tmp_path) as terminal, voices(tmp_path) as keys:
        see(terminal, "your turn")
        terminal.press(CTRL_S)
        for _ in range(3):
            keys.play(phrase(67, 69, 71, 72))
            time.sleep(4)
        status = json.loads((tmp_path / "livegen" / "seen.status.json").read_text(encoding="utf-8"))
        assert (status["engine_restarts"], status["hanging"]) == (0, 0)
        assert status["notes_in"] == 12
        terminal.press(CTRL_Q)
        see(terminal, "your turn", "150 bpm")


def test_enter_leaves_one_line_only(tmp_path: Path) -> None:
    with jam(tmp_path) as terminal, voices(tmp_path):
        see(terminal, "your turn")
        terminal.press(ENTER)
        wait_for(lambda: sum("your turn" in line for line in terminal.lines()) == 2, "the line below")
        time.sleep(1.5)
        assert sum("your turn" in line for line in terminal.lines()) == 2  # the one that scrolled up, and the line


def test_a_dumb_terminal_gets_the_log_alone(tmp_path: Path) -> None:
    with jam(tmp_path, term="dumb") as terminal, voices(tmp_path):
        see(terminal, "ready: play a phrase")
        time.sleep(1)
        assert "ready: play a phrase" in terminal.last()
