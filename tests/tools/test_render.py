"""From file to file."""

import re
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import mido
import pytest
from PIL import Image

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.errors import LivegenError, MidiFileError, TargetError
from livegen.events import PERCUSSION, Event, NoteOff, NoteOn, Timed
from livegen.files.midi_file import read_midi, write_midi
from livegen.settings import load
from livegen.tools.render import render_file
from tests.support.midi_bytes import END, TUNE, at, header, track, tune, write


@pytest.fixture
def melody(tmp_path: Path) -> Path:
    """A little tune in D."""
    events = []
    for index, pitch in enumerate((62, 64, 66, 67, 69, 69, 71, 69)):
        events.append(Timed(index * 500 * NS_PER_MS, NoteOn(pitch, 90)))
        events.append(Timed((index * 500 + 450) * NS_PER_MS, NoteOff(pitch)))
    write_midi(tmp_path / "tune.mid", [("player", events)])
    return tmp_path / "tune.mid"


def rendered(melody: Path, seed: int, picture: Path | None = None) -> bytes:
    target = melody.with_name(f"answer-{seed}.mid")
    render_file(melody, target, load(None, {"play": {"seed": seed}}), picture, lambda done, total: None)
    return target.read_bytes()


def test_one_seed_gives_the_same_bytes_and_another_gives_others(melody: Path) -> None:
    assert rendered(melody, 1) == rendered(melody, 1)
    assert rendered(melody, 1) != rendered(melody, 2)


def test_both_voices_are_in_the_file(melody: Path) -> None:
    rendered(melody, 1)

    events = read_midi(melody.with_name("answer-1.mid"))

    assert sum(isinstance(timed.event, NoteOn) for timed in events) > 8 + 8


def test_of_a_file_that_has_an_answer_the_players_track_alone_is_answered_and_that_is_said(
    melody: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rendered(melody, 1)
    answered = melody.with_name("answer-1.mid")
    said = render_file(answered, melody.with_name("again.mid"), load(), None, lambda done, total: None)

    assert " 8 notes by the player, " in said
    assert f"{answered}: its track 'machine' is left out: it is not the player's" in caplog.text
    assert played_by("player", melody.with_name("again.mid")) == played_by("player", answered)


def played_by(name: str, path: Path) -> list[int]:
    (found,) = (track for track in mido.MidiFile(path).tracks if track.name == name)
    return [message.note for message in found if message.type == "note_on"]


def test_where_the_machines_track_is_all_there_is_it_is_the_players(
    melody: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_midi(melody, [("machine", read_midi(melody))])

    said = render_file(melody, melody.with_name("out.mid"), load(), None, lambda done, total: None)

    assert " 8 notes by the player, " in said
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("play", "refused"),
    [
        ({"role": "harmonise"}, ["harmonise"]),
        ({"role": "solo", "role_after_touch": "accompany"}, ["accompany"]),
        ({"role": "respond", "role_after_touch": "accompany"}, []),
        ({"role": "harmonise", "model": "bach"}, []),
    ],
)
def test_a_role_that_the_model_cannot_play_is_said_with_what_is_played_instead(
    melody: Path, play: dict[str, str], refused: list[str]
) -> None:
    settings = load(None, {"play": {"model": "folk-char", **play}})

    said = render_file(melody, melody.with_name("out.mid"), settings, None, lambda done, total: None)

    *lines, last = said.splitlines()
    can = "it can respond and solo; playing 'respond' instead; livegen models shows which models can"
    assert lines == [f"the model 'folk-char' cannot {role}: {can}" for role in refused]
    assert "by the machine" in last


def test_the_file_has_the_tempo_the_bars_and_the_key_of_each_phrase(melody: Path) -> None:
    notes = read_midi(melody)
    later_ns = 30 * NS_PER_S + 70 * NS_PER_MS
    slower = [
        Timed(later_ns + timed.at_ns * 6 // 5, replace(timed.event, pitch=timed.event.pitch + 3)) for timed in notes
    ]
    write_midi(melody, [("player", [*notes, *slower])])
    before = [timed.at_ns for timed in read_midi(melody)]

    rendered(melody, 1)

    file = mido.MidiFile(melody.with_name("answer-1.mid"))
    signs, player, _ = (list(zip(accumulate(m.time for m in track), track, strict=True)) for track in file.tracks)
    bars = [(tick, m.numerator) for tick, m in signs if m.type == "time_signature"]
    onsets = [tick for tick, m in player if m.type == "note_on"]
    assert [m.tempo for _, m in signs if m.type == "set_tempo"][0::2] == pytest.approx([500_000, 600_000], abs=500)
    first, (line, key) = [(tick, m.key) for tick, m in signs if m.type == "key_signature"]
    assert (first, key) == ((0, "D"), "F")
    assert onsets[8] - line in [beat * file.ticks_per_beat for beat in range(4)]  # at the bar line before the phrase
    assert bars[-1] == (line, 4)
    assert onsets[:8] == [beat * file.ticks_per_beat for beat in range(8)]
    moments = [timed.at_ns for timed in read_midi(melody.with_name("answer-1.mid"))]
    assert all(min(abs(at_ns - moment) for moment in moments) < NS_PER_MS for at_ns in before)


def test_the_picture_shows_both_voices_in_their_colours(melody: Path) -> None:
    picture = melody.with_name("roll.png")

    rendered(melody, 1, picture)

    colours = {colour for _, colour in Image.open(picture).getcolors(1 << 16) or []}
    assert {(0, 114, 178), (213, 94, 0)} <= colours


ODD = {
    "the last note is open": (header(), track(tune()[:-5], END)),
    "only All Notes Off ends notes": (
        header(),
        track(*(at(0, 0x90, pitch, 80) + at(480, 0xB0, 123, 0) for pitch in TUNE), END),
    ),
    "a clock byte between the notes": (header(), track(tune(), at(0, 0xF8), END)),
    "sixteen days between two notes": (header(), track(tune(), at(0x0FFFFFFF, 0x90, 60, 80), END)),
    "a key of eight sharps": (header(), track(at(0, 0xFF, 0x59, 2, 8, 0), tune(), END)),
}


@pytest.mark.parametrize("what", ODD)
def test_an_odd_file_is_answered(tmp_path: Path, what: str) -> None:
    source = write(tmp_path / "odd.mid", *ODD[what])

    said = render_file(source, tmp_path / "out.mid", load(), None, lambda done, total: None)

    heard, played = map(int, re.findall(r"(\d+) (?:notes by|by the)", said))
    assert heard in (18, 19)
    assert played > 10


DRUMS = [pitch % 24 + 24 for pitch in range(60, 500, 7)]


def test_the_drums_of_a_file_are_kept_and_not_answered(tmp_path: Path) -> None:
    source, plain = tmp_path / "band.mid", tmp_path / "plain.mid"
    drums = track(*(at(0, 0x99, pitch, 80) + at(60, 0x89, pitch, 0) for pitch in DRUMS), END)
    write(source, header(tracks=2), track(tune(), END), drums)
    write(plain, header(), track(tune(), END))

    machine = []
    for path in (source, plain):
        out = path.with_suffix(".out.mid")
        render_file(path, out, load(), None, lambda done, total: None)
        machine.append([timed for timed in read_midi(out) if timed.event not in read_channel_10(out)])

    assert len(read_channel_10(source.with_suffix(".out.mid"))) > len(DRUMS)
    assert machine[0] == machine[1]


def read_channel_10(path: Path) -> list[Event]:
    return [timed.event for timed in read_midi(path) if getattr(timed.event, "channel", 0) == PERCUSSION]


def test_a_file_of_drums_alone_is_refused_unless_channel_10_is_routed(tmp_path: Path) -> None:
    source = write(tmp_path / "drums.mid", header(), track(tune(9), END))
    routed = load(None, {"ports": {"inputs": [{"channels": {10: 1}}]}})

    with pytest.raises(MidiFileError, match=r"drums.mid: none of its notes is heard; on channel 10 are drums"):
        render_file(source, tmp_path / "out.mid", load(), None, lambda done, total: None)
    said = render_file(source, tmp_path / "out.mid", routed, None, lambda done, total: None)

    assert int(re.findall(r"(\d+) by the machine", said)[0]) > 10


@pytest.mark.parametrize(
    ("out", "picture", "error"),
    [
        ("tune.mid", None, TargetError),
        ("link.mid", None, TargetError),
        ("none/out.mid", None, TargetError),
        ("out.txt", None, TargetError),
        ("out.mid", "none/roll.png", TargetError),
        ("out.mid", "roll.gif", TargetError),
        ("out.mid", None, MidiFileError),
    ],
)
def test_what_cannot_be_written_or_read_is_said_before_the_work_and_nothing_is_touched(
    melody: Path, out: str, picture: str | None, error: type[LivegenError]
) -> None:
    folder = melody.parent
    (folder / "link.mid").symlink_to(melody)
    if error is MidiFileError:
        melody.write_bytes(b"no music")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def started(done: int, total: int) -> None:
        raise AssertionError("the work has begun")

    with pytest.raises(error):
        render_file(melody, folder / out, load(), folder / picture if picture else None, started)

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
