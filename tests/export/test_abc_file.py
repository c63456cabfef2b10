"""ABC files of anybody's, read by the standard."""

import logging
from pathlib import Path

import pytest

from export.corpora import abc_file
from export.corpora.abc_tune import notes_of
from livegen.errors import SettingsError
from livegen.events import TICKS_PER_QUARTER

HEAD = "X:1\nM:4/4\nL:1/4\nK:C\n"
SCALE = "M:4/4\nL:1/4\nK:C\nCDEF|GABc|\n"
LOWER = "M:4/4\nL:1/4\nK:F\nFGAB|cdef|\n"


def sounding(tune: str) -> list[tuple[float, int, float]]:
    """Onset, pitch and duration, in quarters."""
    return [(note.onset / TICKS_PER_QUARTER, note.pitch, note.duration / TICKS_PER_QUARTER) for note in notes_of(tune)]


def pitches(body: str, head: str = HEAD) -> list[int]:
    """In the order of their onsets, low before high."""
    return [note.pitch for note in notes_of(head + body)]


def durations(body: str, head: str = HEAD) -> list[float]:
    """In quarters."""
    return [note.duration / TICKS_PER_QUARTER for note in notes_of(head + body)]


def tunes(folder: Path, content: bytes) -> list[list[int]]:
    """The pitches of each tune of a file."""
    path = folder / "tunes.abc"
    path.write_bytes(content)
    return [[note.pitch for note in notes] for notes in abc_file.read(path)]


FIRST, SECOND = [60, 62, 64, 65, 67, 69, 71, 72], [65, 67, 69, 70, 72, 74, 76, 77]


def test_tunes_of_one_number_are_as_many_tunes(tmp_path: Path) -> None:
    assert tunes(tmp_path, f"X:1\n{SCALE}\nX:1\n{LOWER}\nX:1\n{SCALE}".encode()) == [FIRST, SECOND, FIRST]


def test_a_tune_without_a_number_is_a_tune(tmp_path: Path) -> None:
    assert tunes(tmp_path, f"T:One\n{SCALE}\nT:Two\n{LOWER}".encode()) == [FIRST, SECOND]


@pytest.mark.parametrize(
    "content",
    [
        f"X:1\n{SCALE}\nX:2\n{LOWER}".replace("\n", "\r\n").encode(),
        f"X:1\n{SCALE}\nX:2\n{LOWER}".replace("\n", "\r").encode(),
        f"X:1\n{SCALE}\nX:2\n{LOWER}".encode("utf-8-sig"),
        f"X:1\n{SCALE}\nX:2\n{LOWER}".encode("utf-16"),
        f"X:1\nT:Gavotte française\n{SCALE}X:2\n{LOWER}".encode("latin-1"),
    ],
    ids=["carriage return and line feed", "carriage return", "byte order mark", "UTF-16", "Latin-1"],
)
def test_line_ends_and_encodings_of_all_kinds_are_read(tmp_path: Path, content: bytes) -> None:
    assert tunes(tmp_path, content) == [FIRST, SECOND]


def test_a_broken_tune_costs_one_tune_and_is_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    broken = "X:2\nT:No unit at all\nL:1/q\nK:C\nCDE|\n"

    with caplog.at_level(logging.WARNING):
        found = tunes(tmp_path, f"X:1\n{SCALE}\n{broken}\nX:3\n{LOWER}".encode())

    assert found == [FIRST, SECOND]
    (told,) = (record.getMessage() for record in caplog.records)
    assert told == f"skipped {tmp_path}/tunes.abc: tune 2 'No unit at all': unknown unit length '1/q'"


@pytest.mark.parametrize(
    ("tune", "reason"),
    [
        ("X:1\nL:1/8\nCDE|\n", "has no K:"),
        (HEAD + "CDE [CEG|\n", r"a \[ is not closed"),
        (HEAD + 'CDE "Am|\n', 'a " is not closed'),
        (HEAD + "CDE {fg|\n", "a { is not closed"),
        (HEAD + "C/0|\n", "'/0' is no length"),
        (HEAD + "C123456|\n", "'123456' is no length"),
        (HEAD + "c''''''''|\n", "is out of MIDI's range"),
        (HEAD + "(11abc|\n", r"'\(11' is no tuplet"),
        ("X:1\nK:J\nCDE|\n", "unknown key 'J'"),
    ],
)
def test_a_tune_whose_notes_cannot_be_told_is_refused_with_the_reason(tune: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        notes_of(tune)


def test_a_file_of_no_tunes_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"tunes\.abc: has no tune in ABC"):
        tunes(tmp_path, b"Dear all,\n\nA: B is no music.\n")


def test_text_between_tunes_is_no_music_and_fields_before_the_first_are_said_of_all(tmp_path: Path) -> None:
    content = "L:1/2\n\nX:1\nK:C\nCDE|\n\nA bad egg, and a cabbage.\n\n%%begintext\nCDEF\n%%endtext\nX:2\nK:C\nEDC|\n"
    path = tmp_path / "tunes.abc"
    path.write_text(content)

    found = [[(note.pitch, note.duration // TICKS_PER_QUARTER) for note in notes] for notes in abc_file.read(path)]

    assert found == [[(60, 2), (62, 2), (64, 2)], [(64, 2), (62, 2), (60, 2)]]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("^F F f =F|F", [66, 66, 77, 65, 65]),
        ("_B B|B", [70, 70, 71]),
        ("^c-|c c", [73, 72]),  # a tie over the bar line keeps its sharp, and no note after it does
        ("^^F __B", [67, 69]),
    ],
)
def test_an_accidental_holds_to_its_bar_line_in_its_octave(body: str, expected: list[int]) -> None:
    assert pitches(body) == expected


def test_a_tie_is_one_note_in_chords_and_over_endings_too() -> None:
    assert sounding(HEAD + "[CE-]2 [EG]2|G4-|G4|") == [(0, 60, 2), (0, 64, 4), (2, 67, 2), (4, 67, 8)]
    assert sounding(HEAD + "|:^c2-|1 c2:|2 c4|]") == [(0, 73, 4), (4, 73, 6)]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("K:D mixolydian", [66, 72, 71]),
        ("K:Ador", [66, 72, 71]),
        ("K:Dmix=f", [65, 72, 71]),
        ("K:D exp _b", [65, 72, 70]),
        ("K:C clef=bass middle=d", [65, 72, 71]),
        ("K:Cm % a comment", [65, 72, 70]),
        ("K:none", [65, 72, 71]),
        ("K:HP", [66, 73, 71]),
    ],
)
def test_keys_of_all_kinds_are_read(key: str, expected: list[int]) -> None:
    assert pitches("F c B", f"X:1\nL:1/4\n{key}\n") == expected


def test_fields_within_a_line_count_from_where_they_stand() -> None:
    assert sounding(HEAD + "F2 [K:G] F2|[L:1/8] F2 [M:3/4] Z1 F2|") == [(0, 65, 2), (2, 66, 2), (4, 66, 1), (8, 66, 1)]


@pytest.mark.parametrize(
    ("head", "expected"),
    [("M:6/8\n", 0.5), ("M:2/4\n", 0.25), ("M:C|\n", 0.5), ("M:none\n", 0.5), ("", 0.5), ("M:2/4\nL:1\n", 4)],
)
def test_the_metre_says_the_unit_where_no_field_does(head: str, expected: float) -> None:
    assert durations("C", f"X:1\n{head}K:C\n") == [expected]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("C>D E<F", [1.5, 0.5, 0.5, 1.5]),
        ("G>>A B<<c", [1.75, 0.25, 0.25, 1.75]),
        ("(3CDE F", [2 / 3, 2 / 3, 2 / 3, 1]),
        ("(3:2:2C2D F", [4 / 3, 2 / 3, 1]),
        ("(3::4CDEF G", [2 / 3, 2 / 3, 2 / 3, 2 / 3, 1]),
        ("(5:4CDEFG A", [0.8, 0.8, 0.8, 0.8, 0.8, 1]),
        ("(5CDEFG A", [0.4, 0.4, 0.4, 0.4, 0.4, 1]),
        ("[M:6/8](5CDEFG", [0.6] * 5),  # in a compound metre five are played in the time of three
        ("C3/2D/E//F3", [1.5, 0.5, 0.25, 3]),
        ("{ab}C{/g}D", [1, 1]),
    ],
)
def test_lengths_are_those_of_the_standard(body: str, expected: list[float]) -> None:
    assert durations(body) == pytest.approx(expected, abs=1e-3)


def test_a_chord_has_its_own_length_and_that_after_it() -> None:
    assert sounding(HEAD + "[CE]2[C2E2]2[C2E]F") == [
        (0, 60, 2),
        (0, 64, 2),
        (2, 60, 4),
        (2, 64, 4),
        (6, 60, 2),
        (6, 64, 1),
        (8, 65, 1),
    ]


def test_what_is_not_used_is_passed_over() -> None:
    body = (
        '"Am7/G"C .D ~E !fermata!F uG vA "^slowly"(B c) | y2 z ["coda" x `C\\ % comment CDE\nw:la la\nW: a bad verse\n'
    )

    assert pitches(body) == [60, 62, 64, 65, 67, 69, 71, 72, 60]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("|:CD|1 E2:|2 F2||G2|", "CDECDFG"),
        ("CD:|EF:|", "CDCDEFEF"),
        ("C|:D::E:|F", "CDDEEF"),
        ("|::C::|D", "CCCD"),
        ("|:C|1,3 D:|2 E:|F", "CDCECDF"),
        ("|:C |[1-2 D :|[3 E |]", "CDCDCE"),
        ("C|1 D:|2 E:|F|1 G:|2 A|]", "CDCEFGFA"),
        ("C|D||E|F:|G|", "CDEFEFG"),  # back to the double bar line
        ("|:C||D:|E|", "CDCDE"),
        ("|:C|1 D:|[2 E|]F|G:|A|", "CDCEFGFGA"),
        ("|:C:|\n|:D\nG:|", "CCDGDG"),
    ],
)
def test_repeats_and_endings_are_played_out(body: str, expected: str) -> None:
    played = dict(zip((60, 62, 64, 65, 67, 69), "CDEFGA", strict=True))

    assert "".join(played[pitch] for pitch in pitches(body)) == expected


TOGETHER = [(0, 48, 2), (0, 72, 2), (2, 50, 2), (2, 74, 2), (4, 52, 4), (4, 76, 4)]


@pytest.mark.parametrize(
    "body",
    [
        "V:1\nc2d2|e4|\nV:2 clef=bass\nC,2D,2|E,4|\n",
        "[V:1]c2d2|\n[V:2]C,2D,2|\n[V:1]e4|\n[V:2]E,4|\n",
        "c2d2 & C,2D,2|e4 & E,4|\n",
    ],
    ids=["lines", "within lines", "overlay"],
)
def test_voices_sound_together(body: str) -> None:
    assert sounding(HEAD + body) == TOGETHER


def test_a_repeat_that_one_voice_writes_counts_for_all() -> None:
    assert sounding(HEAD + "V:1\n|:c4:|e4|\nV:2\nC4|E4|\n") == [
        (0, 60, 4),
        (0, 72, 4),
        (4, 60, 4),
        (4, 72, 4),
        (8, 64, 4),
        (8, 76, 4),
    ]


def test_a_voice_sounds_where_its_instrument_does_and_drums_are_left_out() -> None:
    head = "X:1\nL:1/4\nV:1 transpose=-2\nV:2 clef=treble-8\nV:3 clef=perc\nK:C\n"

    assert pitches("V:1\nd|\nV:2\ne|\nV:3\nf|\n", head) == [64, 72]
