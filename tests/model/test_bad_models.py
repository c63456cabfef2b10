"""Model files that may not play are refused in one line each; what has passed is not tried again."""

import hashlib
import os
import signal
from itertools import pairwise
from pathlib import Path

import pytest

from livegen.clock import NS_PER_MS, NS_PER_S, now_ns
from livegen.errors import ModelError
from livegen.events import NoteOn
from livegen.model.bundle import load_bundle
from livegen.shipped import SHIPPED, shipped_models
from tests.support.bad_models import BACH, BadModel, bad_models
from tests.support.jack_stage import hanging, stage, wait_for, wait_for_chord

ALL = bad_models()
WHILE_PLAYING = ALL if os.environ.get("LIVEGEN_BAD_MODELS") == "all" else ALL[:20:3]
_LONGEST_PAUSE_MS = 5_000  # between two onsets of a solo: a last chord, held, and the rest after it


@pytest.mark.parametrize("bad", ALL, ids=lambda bad: bad.name)
def test_a_model_that_may_not_play_is_refused_in_one_line(bad: BadModel, tmp_path: Path) -> None:
    name = bad.build(tmp_path)

    with pytest.raises(ModelError) as refused:
        load_bundle(name)

    line = str(refused.value)
    assert line.isprintable()
    assert bad.refusal in line
    assert len(line) < 500


@pytest.mark.jack
@pytest.mark.usefixtures("jack_server")
def test_the_old_model_plays_on_when_a_new_one_is_refused(tmp_path: Path) -> None:
    settings = tmp_path / "solo.toml"
    settings.write_text('play.role = "solo"\n')
    refusals = []
    with stage("refusing", tmp_path, "--config", str(settings)) as on:
        for number, bad in enumerate(WHILE_PLAYING):
            folder = tmp_path / str(number)
            folder.mkdir()
            name = bad.build(folder)
            if not name.isprintable():
                continue  # no settings file can say it
            said = len(on.daemon.lines())
            settings.write_text(f'play.role = "solo"\nplay.model = "{name}"\n')
            refusals.append(wait_for(lambda said=said: _refusal(on.daemon.lines()[said:]), bad.name, patience_s=60))
            assert bad.refusal in refusals[-1]
        refused_ns = now_ns()
        wait_for(lambda: on.receiver.events()[-1].at_ns > refused_ns + NS_PER_S, "more music")
        onsets = [timed.at_ns for timed in on.receiver.events() if isinstance(timed.event, NoteOn)]
        restarts = [line for line in on.daemon.lines() if "starting it again" in line]
        os.kill(wait_for(on.daemon.engine_pid, "an engine"), signal.SIGKILL)
        killed_ns = now_ns()
        wait_for_chord(on.receiver, after_ns=killed_ns)  # the next engine does not insist on what was refused
        status = on.daemon.stop()
        wait_for(lambda: not hanging(on.receiver.events()), "silence")

    assert len(refusals) >= len(WHILE_PLAYING) - 1
    assert max(after - before for before, after in pairwise(onsets)) < _LONGEST_PAUSE_MS * NS_PER_MS
    assert (restarts, status) == ([], 0)


def test_the_shipped_models_are_known_by_their_hashes() -> None:
    listed = dict(line.split()[::-1] for line in (SHIPPED / "SHA256SUMS").read_text().splitlines())

    assert listed == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in shipped_models().values()}, (
        "cd livegen/models && sha256sum *.onnx > SHA256SUMS"
    )


def test_a_model_that_has_passed_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    slow = next(bad for bad in ALL if bad.name == "a slow step").build(tmp_path)
    good = tmp_path / "good.onnx"
    good.write_bytes(BACH.read_bytes() + bytes((0x08, 0x0A)))  # its version once more: another file, the same model

    load_bundle(str(good))

    (remembered,) = (tmp_path / "cache" / "livegen").iterdir()
    assert remembered.read_text() == hashlib.sha256(good.read_bytes()).hexdigest() + "\n"
    remembered.write_text(hashlib.sha256(Path(slow).read_bytes()).hexdigest() + "\n")
    assert load_bundle(slow).card.name == "bach"  # had it been tried, it would have been refused


def test_a_cache_that_cannot_be_written_costs_no_more_than_a_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    good = tmp_path / "good.onnx"
    good.write_bytes(BACH.read_bytes() + bytes((0x08, 0x0A)))

    assert load_bundle(str(good)).card.name == "bach"


def _refusal(lines: list[str]) -> str | None:
    return next((line for line in lines if line.endswith("the previous model plays on")), None)
