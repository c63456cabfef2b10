"""What the doctor says to a musician, and what to a technician."""

import re
from pathlib import Path

import pytest

from livegen.settings import load
from livegen.shipped import PLAYS, shipped_models
from livegen.tools.doctor import Finding, Report, _sound, describe_models, examine
from tests.test_cli import livegen

TECHNICAL = "SCHED_FIFO|Landlock|seccomp|rtmidi|onnxruntime|CPUExecution|daemon|swap|GRU|LSTM|ABC|nats|codec"

GOOD = Finding("priority", is_ok=True, says="notes go before other programs", details="SCHED_FIFO 50")
DETAIL = Finding("engine", is_ok=True, says="shut in", details="Landlock", is_detail=True)
SLOW = Finding("priority", is_ok=False, says="late", remedy="allow it", details="normal")
SILENT = Finding("sound", is_ok=False, says="no sound")
NO_KEYS = Finding("keyboards", is_ok=False, says="none", is_awaited=True, is_fault=False)
NO_MIDI = Finding("MIDI system", is_ok=False, says="no answer", is_awaited=True)
BROKEN = Finding("model bach", is_ok=False, says="damaged", is_needed=True, is_detail=True)


@pytest.mark.parametrize(
    ("findings", "said"),
    [
        ((GOOD, DETAIL), "livegen can play here: everything is there"),
        ((SLOW, DETAIL), "livegen can play here; 1 thing to repair: priority"),
        ((SLOW, SILENT), "livegen can play here; 2 things to repair: priority, sound"),
        ((NO_KEYS, GOOD), "livegen can play here, once somebody plays and something listens"),
        ((NO_KEYS, NO_MIDI), "livegen can start here, but nobody can play yet: 1 thing to repair: MIDI system"),
        ((NO_KEYS, BROKEN), "livegen cannot play here: 1 thing to repair: model bach"),
    ],
)
def test_the_last_line_says_whether_livegen_can_play_and_what_to_repair(
    findings: tuple[Finding, ...], said: str
) -> None:
    report = Report(findings, {})

    assert report.as_text().splitlines()[-1] == report.as_dict()["summary"] == said


def test_details_are_shown_where_they_are_asked_for_and_what_is_wrong_always() -> None:
    report = Report((GOOD, DETAIL, SLOW, BROKEN), {"cores": 2})

    assert report.as_text().splitlines()[:-1] == [
        "ok    priority: notes go before other programs",
        "MISS  priority: late",
        "      → allow it",
        "MISS  model bach: damaged",
    ]
    assert report.as_text(details=True).splitlines()[:-1] == [
        "ok    priority: notes go before other programs (SCHED_FIFO 50)",
        "ok    engine: shut in (Landlock)",
        "MISS  priority: late (normal)",
        "      → allow it",
        "MISS  model bach: damaged",
        "      cores: 2",
    ]


def test_a_keyboard_that_is_not_plugged_in_is_no_fault() -> None:
    assert Report((NO_KEYS,), {}).as_text().splitlines()[0] == "wait  keyboards: none"


def test_sound_is_in_order_only_where_it_was_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "none-of-this-name")
    monkeypatch.chdir(tmp_path)  # the driver 'file' writes one
    played = {driver: _sound(load(None, {"sound": {"driver": driver}})) for driver in ("file", "jack")}

    assert played["file"].is_ok
    assert played["file"].says == "livegen jam --sound is heard, through file"
    assert not played["jack"].is_ok
    assert played["jack"].says.startswith("FluidSynth cannot play through 'jack': ")
    assert "'sound.driver' names another" in played["jack"].remedy


def test_what_is_in_order_is_said_without_technical_words() -> None:
    report = examine(load())
    fine = Report(tuple(finding for finding in report.findings if finding.is_ok), report.conditions)

    assert not re.search(TECHNICAL, fine.as_text())
    assert "onnxruntime" in fine.as_text(details=True)
    assert "models: 7, all of them whole" in fine.as_text()


def test_a_fallback_model_that_is_not_there_is_found_before_it_is_needed() -> None:
    report = examine(load(None, {"installation": {"fallback_model": "bahc"}}))

    assert not report.is_healthy
    assert "MISS  model bahc: unknown model 'bahc'; did you mean 'bach'?" in report.as_text()


def test_each_model_says_what_it_plays_and_names_its_network_only_where_it_is_asked_for() -> None:
    listed, figures = livegen("models").stdout, livegen("models", "--figures").stdout

    assert PLAYS.keys() == shipped_models().keys()
    assert [row["plays"] for row in describe_models()] == [PLAYS[name] for name in shipped_models()]
    assert all(words in listed for words in PLAYS.values())
    assert not re.search(TECHNICAL, listed.replace("-lstm", ""))
    assert "(GRU)" in figures
