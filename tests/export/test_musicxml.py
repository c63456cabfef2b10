"""MusicXML scores, as they sound."""

from pathlib import Path
from zipfile import ZipFile

import pytest

from export.corpora import folder, musicxml
from livegen.errors import SettingsError
from livegen.events import TICKS_PER_QUARTER

ATTRIBUTES = "<attributes><divisions>2</divisions></attributes>"
BACKWARD = '<barline><repeat direction="backward"/></barline>'


def note(pitch: str, quarters: float = 1, extra: str = "") -> str:
    """A note in halves of a quarter; ``pitch`` is a letter, ``#`` or nothing, and an octave."""
    alter = "<alter>1</alter>" if "#" in pitch else ""
    at = f"<pitch><step>{pitch[0]}</step>{alter}<octave>{pitch[-1]}</octave></pitch>"
    return f"<note>{extra}{at}<duration>{round(2 * quarters)}</duration></note>"


def score(*parts: list[str], listed: str = "") -> str:
    """A score of parts, each a list of measures."""
    written = [
        "".join(f"<measure>{ATTRIBUTES if not at else ''}{measure}</measure>" for at, measure in enumerate(part))
        for part in parts
    ]
    body = "".join(f'<part id="P{number}">{part}</part>' for number, part in enumerate(written))
    return f"<score-partwise><part-list>{listed}</part-list>{body}</score-partwise>"


def sounding(folder: Path, text: str) -> list[tuple[float, int, float]]:
    """Onset, pitch and duration, in quarters."""
    path = folder / "score.musicxml"
    path.write_text(text)
    ticks = TICKS_PER_QUARTER
    return [(found.onset / ticks, found.pitch, found.duration / ticks) for found in musicxml.read(path)]


def test_a_transposing_instrument_is_read_as_it_sounds(tmp_path: Path) -> None:
    clarinet = "<attributes><transpose><chromatic>-2</chromatic></transpose></attributes>" + note("D4")
    bass = "<attributes><transpose><chromatic>0</chromatic><octave-change>-1</octave-change></transpose></attributes>"

    found = sounding(tmp_path, score([note("C4")], [clarinet], [bass + note("C4")]))

    assert found == [(0, 48, 1), (0, 60, 1), (0, 60, 1)]


def test_a_drawn_accidental_counts_where_no_alteration_is_said(tmp_path: Path) -> None:
    sharp = note("C4").replace("</duration>", "</duration><accidental>sharp</accidental>")

    assert sounding(tmp_path, score([sharp + note("C4")])) == [(0, 61, 1), (1, 60, 1)]


def test_notes_under_an_octave_sign_sound_as_they_are_encoded(tmp_path: Path) -> None:
    sign = '<direction><direction-type><octave-shift type="down" size="8"/></direction-type></direction>'

    assert sounding(tmp_path, score([sign + note("C6")])) == [(0, 84, 1)]


def test_a_tie_is_one_note_whatever_else_is_in_the_chord(tmp_path: Path) -> None:
    tied, end, chord = '<tie type="start"/>', '<tie type="stop"/>', "<chord/>"
    first = note("C4", 2, tied) + note("E4", 2, chord)
    second = note("C4", 2, end + tied) + note("G4", 2, chord)

    found = sounding(tmp_path, score([first, second, note("C4", 1, end) + note("C4")]))

    assert found == [(0, 60, 5), (0, 64, 2), (2, 67, 2), (5, 60, 1)]


@pytest.mark.parametrize(
    ("measures", "expected"),
    [
        ([note("C4"), note("D4") + BACKWARD, note("E4")], [60, 62, 60, 62, 64]),
        (
            [note("C4"), '<barline><repeat direction="forward"/></barline>' + note("D4") + BACKWARD, note("E4")],
            [60, 62, 62, 64],
        ),
        ([note("C4") + '<barline><repeat direction="backward" times="3"/></barline>', note("D4")], [60, 60, 60, 62]),
        (
            [
                note("C4"),
                '<barline><ending number="1" type="start"/></barline>'
                + note("D4")
                + '<barline><ending number="1" type="stop"/><repeat direction="backward"/></barline>',
                '<barline><ending number="2" type="start"/></barline>'
                + note("E4")
                + '<barline><ending number="2" type="discontinue"/></barline>',
                note("F4"),
            ],
            [60, 62, 60, 64, 65],
        ),
    ],
    ids=["from the beginning", "from a sign", "three times", "endings"],
)
def test_repeats_and_endings_are_played_out_in_all_parts(
    tmp_path: Path, measures: list[str], expected: list[int]
) -> None:
    other = [note("C3") for _ in measures]

    found = sounding(tmp_path, score(measures, other))

    assert found == sorted((at, pitch, 1) for at, low in enumerate(expected) for pitch in (low, 48))


def test_cue_and_grace_notes_are_left_out_and_a_cue_takes_its_time(tmp_path: Path) -> None:
    grace = "<note><grace/><pitch><step>B</step><octave>4</octave></pitch></note>"

    found = sounding(tmp_path, score([grace + note("C4") + note("G5", 1, "<cue/>") + note("D4")]))

    assert found == [(0, 60, 1), (2, 62, 1)]


def test_unpitched_percussion_and_chord_symbols_are_left_out(tmp_path: Path) -> None:
    drum = "<note><unpitched><display-step>F</display-step></unpitched><duration>2</duration></note>"
    symbol = "<harmony><root><root-step>G</root-step></root><kind>dominant</kind></harmony>"
    listed = '<score-part id="P1"><midi-instrument><midi-channel>10</midi-channel></midi-instrument></score-part>'

    found = sounding(tmp_path, score([symbol + note("C4") + drum + note("D4")], [note("C2")], listed=listed))

    assert found == [(0, 60, 1), (2, 62, 1)]


def test_voices_of_one_part_sound_together_after_a_pickup(tmp_path: Path) -> None:
    voices = note("C5", 2) + note("D5", 2) + "<backup><duration>8</duration></backup>" + note("C3", 4)

    found = sounding(tmp_path, score([note("G4"), voices, note("E5")]))

    assert found == [(0, 67, 1), (1, 48, 4), (1, 72, 2), (3, 74, 2), (5, 76, 1)]


def test_a_score_by_time_and_one_in_a_zip_are_read(tmp_path: Path) -> None:
    by_time = f'<score-timewise><measure><part id="P1">{ATTRIBUTES}{note("C4")}</part></measure></score-timewise>'
    path = tmp_path / "zipped.mxl"
    with ZipFile(path, "w") as archive:
        archive.writestr("META-INF/container.xml", '<container><rootfile full-path="music/a.xml"/></container>')
        archive.writestr("cover.xml", "<cover/>")
        archive.writestr("music/a.xml", score([note("D4")]))

    assert sounding(tmp_path, by_time) == [(0, 60, 1)]
    assert [found.pitch for found in musicxml.read(path)] == [62]


def test_a_silence_of_thousands_of_bars_is_shortened_to_sixty_four(tmp_path: Path) -> None:
    silence = "<forward><duration>99999999</duration></forward>"
    path = tmp_path / "still.musicxml"
    path.write_text(score([note("C4") * 16 + silence + note("D4") * 2]))

    (notes,) = folder.read_file(path)

    quarters = [(found.onset / TICKS_PER_QUARTER, found.duration / TICKS_PER_QUARTER) for found in notes]
    assert quarters == [*((at, 1) for at in range(16)), (272, 1), (273, 1)]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("pom.xml", b"<project/>", "is no score in MusicXML, but 'project'"),
        ("empty.musicxml", b"", "cannot be read as a score"),
        ("cut.musicxml", score([note("C4")]).encode()[:-30], "cannot be read as a score"),
        ("cut.mxl", b"PK\x03\x04", "cannot be read"),
        ("wrong.musicxml", score([note("H4")]).encode(), "cannot be read as a score"),
        ("wrong.xml", score([note("C4").replace("<duration>2", "<duration>two")]).encode(), "cannot be read as a"),
    ],
)
def test_what_is_no_score_is_refused_in_one_line_and_skipped_in_a_folder(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "whole.musicxml").write_text(score([note("C4") * 16]))

    with pytest.raises(SettingsError, match=f"{name}: {reason}") as told:
        musicxml.read(tmp_path / name)
    works = list(folder.read(tmp_path, lambda done, whole: None))

    assert "\n" not in str(told.value)
    assert [work.name for work in works] == ["whole.musicxml 1"]
    assert [record.getMessage() for record in caplog.records] == [f"skipped {told.value}"]
