"""Sessions played again: the same bytes, or where they differ.

Two of ten by default, recorded from a real daemon with a real engine; all of them by LIVEGEN_REPLAYS=10.
"""

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import mido
import pytest

from livegen.errors import SessionError
from livegen.events import NoteOff, NoteOn, Timed
from livegen.ipc.marks import marks_of
from livegen.ipc.messages import CallLog, Loaded, Message, PlayEvents, Ready, decode, encode
from livegen.music.metre import KeyChange, Metre
from livegen.recording.format import Kind, Record, Session, decode_session, encode_frames, read_session
from livegen.recording.opening import read_opening, this_livegen
from livegen.recording.tracks import track
from livegen.session.replay import Replayed, model_opener, replay
from tests.support.recital import (
    BEAT_S,
    PHRASE,
    Recital,
    answers,
    interrupted,
    killed_in_mid_answer,
    left_alone,
    played_along,
    recital,
    under_the_hands,
)
from tests.test_cli import livegen

REPLAYS = int(os.environ.get("LIVEGEN_REPLAYS", "2"))
ATTEMPTS = 5  # on a busy machine late note-ons are left out, and their note-offs are not

Scene = tuple[Callable[[Recital], None], dict[str, dict[str, Any]]]
SCENES: dict[str, Scene] = {
    "killed": (killed_in_mid_answer(), {"play": {"seed": 1, "model": "folk-char"}}),
    "hands": (
        under_the_hands,
        {
            "play": {"seed": 2},
            "controls": {"programs": ("respond", "solo", "folk-lstm"), "soft_takeover": False, "cc": {1: "density"}},
        },
    ),
    "answers": (answers(2), {"play": {"seed": 3}}),
    "interrupted": (interrupted, {"play": {"seed": 4}}),
    "harmonise": (played_along, {"play": {"seed": 5, "role": "harmonise"}}),
    "accompany": (played_along, {"play": {"seed": 6, "role": "accompany"}}),
    "solo": (left_alone, {"play": {"seed": 7, "role": "solo"}}),
    "clock": (answers(), {"play": {"seed": 8}, "time": {"clock": "internal", "begin_on": "bar", "tempo_bpm": 140}}),
    "piano": (answers(), {"play": {"seed": 9, "model": "piano-lstm"}}),
    "touch": (answers(), {"play": {"seed": 11, "model": "touch"}}),
    "together": (played_along, {"play": {"seed": 12, "model": "touch", "role": "accompany"}}),
    "killed touch": (killed_in_mid_answer(), {"play": {"seed": 13, "model": "touch"}}),
    "killed solo": (killed_in_mid_answer(2), {"play": {"seed": 10, "role": "solo", "role_after_touch": "solo"}}),
}


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a session with one answer, all of whose notes were in time."""
    for _ in range(ATTEMPTS):
        folder = tmp_path_factory.mktemp("recorded")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_RUNTIME_DIR", str(folder / "run"))
            _, figures = recital(folder / "sessions", answers(), play={"seed": 11})
        if not figures.late_note_ons:
            break
    (path,) = (folder / "sessions").iterdir()
    return path


def played_again(session: Session) -> Replayed:
    return replay(session, model_opener(()), lambda *_: None)


def said(records: Sequence[Record]) -> list[tuple[int, Message]]:
    """What the engines said, and which records it is in."""
    return [(index, decode(record.content)) for index, record in enumerate(records) if record.kind is Kind.SAID]


def onsets(events: list[Timed]) -> list[Timed]:
    return [timed for timed in events if isinstance(timed.event, NoteOn)]


@pytest.mark.parametrize("scene", list(SCENES)[:REPLAYS])
def test_a_session_played_again_gives_the_same_bytes(scene: str, tmp_path: Path):
    program, sections = SCENES[scene]
    made, figures = recital(tmp_path / "sessions", program, **sections)
    (path,) = (tmp_path / "sessions").iterdir()
    session = read_session(path)

    done = played_again(session)

    frames = [decode(record.content) for record in session.records if record.kind is Kind.SAID]
    assert done.frames >= sum(isinstance(frame, PlayEvents) for frame in frames) > 0
    assert done.calls == sum(len(frame.calls) for frame in frames if isinstance(frame, CallLog))
    assert done.lives == figures.engine_restarts + 1
    assert done.cut == session.damaged == 0
    assert onsets(track(session, "machine")) == onsets(made.machine)
    if not figures.late_note_ons:
        assert onsets(done.machine) == onsets(made.machine)


@pytest.mark.parametrize("role", ["harmonise", "accompany"])
def test_a_session_whose_beat_was_heard_while_somebody_played_gives_the_same_bytes(role: str, tmp_path: Path):
    def slowly(on: Recital) -> None:
        for pitch in PHRASE * 2:
            on.play(NoteOn(pitch, 80))
            time.sleep(0.35)
            on.play(NoteOff(pitch))
            time.sleep(0.07)

    made, _ = recital(tmp_path / "sessions", slowly, play={"seed": 5, "role": role})
    (path,) = (tmp_path / "sessions").iterdir()
    session = read_session(path)

    done = played_again(session)

    assert done.frames > 12
    assert any(line.startswith("heard ") for line in made.lines)
    assert {mark.beat_ns for mark in done.marks if isinstance(mark, Metre)} > {600_000_000}  # 100 bpm, and others
    assert done.marks == marks_of(session)


def test_one_byte_of_music_that_differs_is_found(recorded: Path):
    session = read_session(recorded)
    records = list(session.records)
    at, planned = next((index, frame) for index, frame in said(records) if isinstance(frame, PlayEvents))
    first, *rest = planned.events
    louder = Timed(first.at_ns, replace(first.event, velocity=first.event.velocity + 1))
    records[at] = replace(records[at], content=encode(PlayEvents((louder, *rest))))

    with pytest.raises(
        SessionError, match=r"^engine 1, \d+\.\d{3} s: the engine sent PlayEvents\(.*; the replay sends Pl"
    ):
        played_again(Session(tuple(records)))


def test_music_that_is_missing_or_more_is_found(recorded: Path):
    records = list(read_session(recorded).records)
    planned = [index for index, frame in said(records) if isinstance(frame, PlayEvents)]

    with pytest.raises(SessionError, match=r"the replay sends PlayEvents\(.*; the engine sent nothing; it was made"):
        played_again(Session(tuple(records[: planned[0]] + records[planned[0] + 1 :])))
    with pytest.raises(SessionError, match=r"the engine sent PlayEvents\(.*; the replay sends nothing; it was made"):
        played_again(Session(tuple(records[: planned[0] + 1] + records[planned[0] :])))


def test_another_moment_of_hearing_is_found(recorded: Path):
    """What is compared depends on what was heard, and when."""
    records = list(read_session(recorded).records)
    at = next(
        index
        for index, record in enumerate(records)
        if record.kind is Kind.TOLD and record.content[0] == 1 and record.content[9] >> 4 == 9
    )
    content = bytearray(records[at].content)
    content[10] += 5  # the first note's pitch
    records[at] = replace(records[at], content=bytes(content))

    with pytest.raises(SessionError, match=r"^engine 1, "):
        played_again(Session(tuple(records)))


def test_a_session_cut_at_any_second_is_played_again_up_to_there(recorded: Path):
    session = read_session(recorded)
    whole = played_again(session)
    ready = next(i for i, r in enumerate(session.records) if r.kind is Kind.SAID and decode(r.content) == Ready())

    done = [
        played_again(Session(session.records[:cut])).frames
        for cut in range(ready + 3, len(session.records), len(session.records) // 7)
    ]

    assert done == sorted(done)
    assert done[0] == 0
    assert done[-1] <= whole.frames


def test_a_life_with_a_gap_is_played_again_up_to_the_gap(recorded: Path):
    records = read_session(recorded).records
    calls = [index for index, frame in said(records) if isinstance(frame, CallLog) and frame.calls]
    begin, end = calls[len(calls) // 3], calls[2 * len(calls) // 3]
    before, lost, after = map(encode_frames, (records[:begin], records[begin:end], records[end:]))
    session = decode_session(before + lost[:-1] + bytes([lost[-1] ^ 1]) + after, "damaged")

    done = played_again(session)

    assert (session.damaged, session.lost, done.cut) == (1, len(lost), 1)
    assert 0 < done.calls < played_again(read_session(recorded)).calls


def test_a_life_whose_beginning_is_missing_is_not_played_again(recorded: Path):
    records = read_session(recorded).records
    begun = next(index for index, record in enumerate(records) if record.kind is Kind.BEGUN)

    with pytest.raises(SessionError, match="no engine begins in this session; it can be exported"):
        played_again(Session(records[begun + 1 :]))


def test_a_model_that_is_not_there_is_asked_for(recorded: Path):
    records = [
        replace(r, content=encode(Loaded("0" * 64, "mine.onnx")))
        if r.kind is Kind.SAID and isinstance(decode(r.content), Loaded)
        else r
        for r in read_session(recorded).records
    ]

    with pytest.raises(SessionError, match=r"the model 'mine.onnx' \(SHA-256 0000000000000000...\) is not a model of"):
        played_again(Session(tuple(records)))


def test_the_command_replays_what_there_is_of_a_damaged_session_and_ends_with_status_1(recorded: Path, tmp_path: Path):
    content, again = recorded.read_bytes(), tmp_path / "again.mid"
    flipped, cut = tmp_path / "flipped.session", tmp_path / "cut.session"
    at = len(content) // 2
    flipped.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    cut.write_bytes(content[:-7])

    for path in (flipped, cut):
        again.unlink(missing_ok=True)
        done = livegen("replay", str(path), str(again))

        assert done.returncode == 1
        assert done.stdout.startswith("replayed: equal, byte for byte, as far as it goes\n")
        assert done.stderr.startswith(f"livegen: {path}: damaged in 1 place, first after ")
        assert done.stderr.count("\n") == 1
        assert again.exists()


def test_the_command_replays_exports_draws_and_lists(recorded: Path, tmp_path: Path):
    folder = ("--folder", str(recorded.parent))
    again, exported, picture = (str(tmp_path / name) for name in ("again.mid", "exported.mid", "roll.png"))

    done = [
        livegen("replay", recorded.stem, again, *folder),
        livegen("session", "export", recorded.stem, exported, *folder),
        livegen("session", "picture", recorded.stem, picture, *folder),
        livegen("session", "list", *folder),
        livegen("session", "show", str(recorded)),
    ]

    assert [(command.returncode, command.stderr) for command in done] == [(0, "")] * 5
    assert done[0].stdout.startswith("replayed: equal, byte for byte\nengines: 1\nincomplete: 0\n")
    assert done[0].stdout.endswith(f"\nmade by: {this_livegen()}\n")
    assert recorded.stem in done[3].stdout
    assert "engines, one after another: 1\ndamaged: 0\nbytes that cannot be read: 0" in done[4].stdout
    assert (tmp_path / "roll.png").read_bytes().startswith(b"\x89PNG")
    for path in (again, exported):
        tracks = {track.name: [m.type for m in track if not m.is_meta] for track in mido.MidiFile(path).tracks}
        assert tracks["player"].count("note_on") == 6
        assert tracks["machine"].count("note_on") == tracks["machine"].count("note_off") > 0
    assert meta(again) == meta(exported)
    assert {message.type for message in meta(exported)} == {"set_tempo", "time_signature", "key_signature"}
    parts = meta(exported)[0].tempo / 1e6 / BEAT_S  # of a quarter, for each note: a third, or a quarter of it
    assert min(abs(parts - whole) for whole in (3, 4)) < 0.3


def test_a_session_from_before_marks_were_recorded_is_exported_without_bars_and_replayed_with_them(
    recorded: Path, tmp_path: Path
):
    records = read_session(recorded).records
    marks = [index for index, frame in said(records) if isinstance(frame, Metre | KeyChange)]
    old = tmp_path / "old.session"
    old.write_bytes(encode_frames(record for index, record in enumerate(records) if index not in marks))
    again, exported = str(tmp_path / "again.mid"), str(tmp_path / "exported.mid")

    done = [livegen("replay", str(old), again), livegen("session", "export", str(old), exported)]

    assert [(command.returncode, command.stderr) for command in done] == [(0, "")] * 2
    assert len(marks) >= 2
    assert [message.type for message in meta(exported)] == ["set_tempo"]
    assert {message.type for message in meta(again)} == {"set_tempo", "time_signature", "key_signature"}


def meta(path: str) -> list[mido.MetaMessage]:
    """The signs of a file, in order of their kinds."""
    found = [message for message in mido.MidiFile(path).tracks[0] if message.type not in ("track_name", "end_of_track")]
    return sorted(found, key=lambda message: ["set_tempo", "time_signature", "key_signature"].index(message.type))


def test_a_replay_that_differs_ends_with_status_1_and_one_line(recorded: Path, tmp_path: Path):
    session = read_session(recorded)
    at = next(
        i for i, r in enumerate(session.records) if r.kind is Kind.SAID and r.content[0] == encode(PlayEvents(()))[0]
    )
    broken = tmp_path / "broken.session"
    broken.write_bytes(encode_frames((*session.records[:at], *session.records[at + 1 :])))

    done = livegen("replay", str(broken))

    assert done.returncode == 1
    assert done.stderr.startswith(f"livegen: {broken}: engine 1, ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "it was made by this very livegen "),
        ({"engine": "0123456789"}, "(engine 0123456789), and this is livegen "),
        ({"engine": ""}, "(an earlier engine), and this is livegen "),
    ],
)
def test_a_replay_that_differs_says_which_livegen_made_the_session(
    recorded: Path, change: dict[str, str], said: str
) -> None:
    records = list(read_session(recorded).records)
    at = next(index for index, record in enumerate(records) if record.kind is Kind.OPENED)
    records[at] = replace(records[at], content=json.dumps({**read_opening(records[at]), **change}).encode())
    first = next(i for i, r in enumerate(records) if r.kind is Kind.SAID and r.content[0] == encode(PlayEvents(()))[0])

    with pytest.raises(SessionError) as differs:
        played_again(Session((*records[:first], *records[first + 1 :])))

    assert said in str(differs.value)


def test_what_was_that_is_saved_after_the_fact_from_the_ring(tmp_path: Path):
    made, _ = recital(tmp_path / "sessions", answers(), play={"seed": 12})

    saved = livegen("session", "save")

    path = Path(saved.stdout.strip())
    assert (saved.returncode, saved.stderr) == (0, "")
    assert path.is_relative_to(tmp_path / "state" / "livegen" / "sessions")
    assert onsets(track(read_session(path), "machine")) == onsets(made.machine)
    assert livegen("replay", path.stem).returncode == 0


@pytest.mark.parametrize("path", ["/etc/hostname", "none.session", "tests"])
def test_what_is_no_session_is_refused_in_one_line(path: str):
    done = livegen("replay", path)

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
