"""The ABC codec: tunes as characters, in both directions, and a grammar whose bars fill."""

import os
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livegen.codecs.abc import grammar
from livegen.codecs.abc.codec import END, START, UNKNOWN, AbcCodec
from livegen.codecs.abc.reading import AbcCursor
from livegen.events import Note, NoteOff, NoteOn, Ticked
from livegen.music.key import Key
from livegen.music.metre import Bars
from tests.support.amounts import amounts

CODEC = AbcCodec()
HEAD = "X: 1\nM:4/4\nL:1/8\nK:G\n"


def heard(text: str) -> tuple[AbcCursor, list[Ticked]]:
    cursor, events = CODEC.begin(), list[Ticked]()
    for token in (START, *CODEC.characters(text).tolist()):
        cursor, settled = CODEC.step(cursor, token)
        events += settled
    return cursor, events


def notes(text: str) -> list[tuple[int, int, int]]:
    """Onset, pitch and duration, in ticks."""
    decoded = CODEC.decode([START, *CODEC.characters(text).tolist(), END])
    return [(note.onset, note.pitch, note.duration) for note in decoded]


def allowed(text: str) -> set[str]:
    cursor, _ = heard(text)
    return {CODEC.vocabulary.text(token) for token in np.flatnonzero(CODEC.mask(cursor)).tolist()}


def some_melody(seed: int) -> list[Note]:
    """Notes one after the other, on sixteenths or on sixths of a beat."""
    draw = random.Random(seed)
    step = draw.choice((160, 240))
    melody, at = [Note(0, 60, step), Note(step, 62, step)], 2 * step
    for _ in range(draw.randint(2, 60)):
        at += step * draw.choice((0, 0, 0, 1, 2, 4))
        duration = step * draw.randint(1, 16)
        melody.append(Note(at, draw.randint(40, 100), duration))
        at += duration
    return melody


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("GA", [(0, 67, 480), (480, 69, 480)]),
        ("F^F=F", [(0, 66, 480), (480, 66, 480), (960, 65, 480)]),  # one sharp
        ("^cc|c", [(0, 73, 480), (480, 73, 480), (960, 72, 480)]),  # an accidental lasts for its bar
        ("C,c'", [(0, 48, 480), (480, 84, 480)]),
        ("G2A/B/4c3/2d", [(0, 67, 960), (960, 69, 240), (1200, 71, 120), (1320, 72, 720), (2040, 74, 480)]),
        ("G>AB<c", [(0, 67, 720), (720, 69, 240), (960, 71, 240), (1200, 72, 720)]),
        ("(3GABc", [(0, 67, 320), (320, 69, 320), (640, 71, 320), (960, 72, 480)]),
        ("G2-|G2A", [(0, 67, 1920), (1920, 69, 480)]),
        ("G2-A", [(0, 67, 960), (960, 69, 480)]),  # no tie, for it is another note
        ("zG", [(480, 67, 480)]),
        ('"Am"G|"D7"[1A:|', [(0, 67, 480), (480, 69, 480)]),
        ("[GBd]A", [(0, 67, 480), (480, 69, 480)]),  # of a chord the first note
        ("[GB]2A", [(0, 67, 960), (960, 69, 480)]),  # a chord's length stands after it
        ("[G2B]3/2-[GB]A", [(0, 67, 1920), (1920, 69, 480)]),
        ("[G-B-][GB]>A", [(0, 67, 1200), (1200, 69, 240)]),
        ("[.GB]A", [(0, 67, 480), (480, 69, 480)]),
        ("G>>AB<<c", [(0, 67, 840), (840, 69, 120), (960, 71, 120), (1080, 72, 840)]),
        ("G>>>AB", [(0, 67, 900), (900, 69, 60), (960, 71, 480)]),
        ("G<GG", [(0, 67, 240), (240, 67, 720), (960, 67, 480)]),
        ("(3:2:2G2AB", [(0, 67, 640), (640, 69, 320), (960, 71, 480)]),
        ("(3:2GABc", [(0, 67, 320), (320, 69, 320), (640, 71, 320), (960, 72, 480)]),
        ("(4:3:2GAB", [(0, 67, 360), (360, 69, 360), (720, 71, 480)]),
        ("^c2-|c2c", [(0, 73, 1920), (1920, 72, 480)]),  # a tie keeps its accidental over the bar line, no other note
        ("^c-c|c", [(0, 73, 960), (960, 72, 480)]),
        ("F[K:C]F[L:1/4]F|", [(0, 66, 480), (480, 65, 480), (960, 65, 960)]),
        ("[M:6/8]GAB[M:4/4]c", [(0, 67, 320), (320, 69, 320), (640, 71, 320), (960, 72, 480)]),
        ("[MGB]A", [(0, 67, 480), (480, 69, 480)]),  # a decoration, and no field
        ("G~A{gf}B!trill!c", [(0, 67, 480), (480, 69, 480), (960, 71, 480), (1440, 72, 480)]),
        ("G|\nK:D\nP:B\nF|", [(0, 67, 480), (480, 66, 480)]),
    ],
)
def test_what_is_written_sounds(body: str, expected: list[tuple[int, int, int]]) -> None:
    assert notes(HEAD + body) == expected


def test_a_beat_of_a_jig_is_three_eighths() -> None:
    assert notes("X: 1\nM:6/8\nK:C\nCDE") == [(0, 60, 320), (320, 62, 320), (640, 64, 320)]


def test_five_notes_are_played_in_the_time_of_three_in_a_compound_metre() -> None:
    assert notes("X: 1\nM:6/8\nK:C\n(5CDEFGA")[4:] == [(768, 67, 192), (960, 69, 320)]


def test_a_metre_within_a_tune_leaves_the_unit_as_it_is() -> None:
    assert notes("X: 1\nM:2/4\nK:C\nC|\nM:4/4\nC") == [(0, 60, 240), (240, 60, 240)]


def test_a_note_before_a_broken_rhythm_ends_when_its_length_is_certain() -> None:
    plain, double = heard(HEAD + "G>A"), heard(HEAD + "G>>A")

    assert heard(HEAD + "G>")[1] == heard(HEAD + "G>>")[1] == [Ticked(0, NoteOn(67))]
    assert (heard(HEAD + "G>")[0].tick, heard(HEAD + "G>")[0].sounding) == (720, (67,))
    assert (plain[0].tick, plain[1]) == (720, [Ticked(0, NoteOn(67)), Ticked(720, NoteOff(67))])
    assert (double[0].tick, double[1]) == (840, [Ticked(0, NoteOn(67)), Ticked(840, NoteOff(67))])


def test_a_tied_note_is_not_taken_for_a_new_one_of_its_name() -> None:
    after_the_tie, in_the_tie = heard(HEAD + "^c2-|")[0], heard(HEAD + "^c2-|c2")[0]
    no_c_sharp = np.arange(128) != 73
    c = CODEC.vocabulary.token("c")

    assert [bool(CODEC.disallowed(cursor, no_c_sharp)[c]) for cursor in (after_the_tie, in_the_tie)] == [True, False]


def test_a_note_sounds_as_soon_as_it_is_complete() -> None:
    before, early = heard(HEAD + "G2")
    after, late = heard(HEAD + "G2A")

    assert (before.tick, before.is_whole, early) == (0, False, [])
    assert (after.tick, after.is_whole, late) == (960, True, [Ticked(0, NoteOn(67)), Ticked(960, NoteOff(67))])


@amounts("melodies", everyday=100, whole=1000)
def test_melodies_are_the_same_after_encoding_and_decoding(melodies: int) -> None:
    pieces = [some_melody(seed) for seed in range(melodies)]

    again = [CODEC.decode(CODEC.encode(piece, Key(seed % 12, seed % 2 == 1))) for seed, piece in enumerate(pieces)]

    assert again == pieces


def test_of_what_sounds_together_the_highest_is_kept() -> None:
    kept = CODEC.decode(CODEC.encode([Note(0, 60, 960), Note(0, 67, 960), Note(480, 72, 480)]))

    assert kept == [Note(0, 67, 480), Note(480, 72, 480)]


@pytest.mark.skipif("LIVEGEN_MUSIC" not in os.environ, reason="LIVEGEN_MUSIC names no folder of music")
def test_every_tune_of_the_corpus_is_the_same_after_encoding_and_decoding() -> None:
    from export import corpora

    corpus = corpora.load("folk-plus", "abc", Path(os.environ["LIVEGEN_MUSIC"]))

    for piece in (*corpus.split.train, *corpus.split.valid, *corpus.split.test):
        text = CODEC.text_of(piece.tokens.tolist())
        assert [START, *CODEC.characters(text).tolist(), END] == piece.tokens.tolist()
        melody = CODEC.decode(piece.tokens.tolist())
        onsets = [tick.tick for tick in heard(text)[1] if isinstance(tick.event, NoteOn)]
        assert [note.onset for note in melody] == sorted(onsets)


@settings(max_examples=20)
@given(st.integers(0, 10**9))
def test_music_by_the_mask_fills_its_bars_and_never_stands_still_for_ever(seed: int) -> None:
    draw, cursor, since = random.Random(seed), CODEC.begin(), 0

    for _ in range(700):
        choices = np.flatnonzero(CODEC.mask(cursor)).tolist()
        tick = cursor.tick
        cursor, _ = CODEC.step(cursor, draw.choice(choices))
        since = since + 1 if cursor.tick == tick else 0
        assert cursor.is_head or cursor.position <= cursor.metre
        assert since < 900


@pytest.mark.parametrize(
    ("body", "may", "may_not"),
    [
        ("G8", {"|"}, {"A", "z", "2", "\n", "<end>"}),  # the bar is full
        ("G7A", {"|", "/"}, {"2", "B"}),
        ("G8|A4", {"A", "/"}, {"|", "8"}),
        ("G4|", {"A", ":", "|", "\n"}, {"<end>"}),  # a pickup
        ("G4|A8|B4", {":"}, {"|"}),  # the short bar that completes it
        ("G4|A8|B4:|G2", {"|"}, {"\n"}),  # a part of its own begins with a pickup of its own
        ("G4|A8|B4:|G8|A4", {"A"}, {"|", ":"}),
        ("(3G", {"A", "^"}, {"|", " ", "2"}),
        ('"A', {"m", '"'}, {"|", "z"}),
        ("G8|\nA8|\nB8|\nc8|\n", {"<end>", "G", "P"}, {"|", "\n"}),
    ],
)
def test_the_grammar_knows_where_the_bar_stands(body: str, may: set[str], may_not: set[str]) -> None:
    found = allowed(HEAD + body)

    assert may <= found
    assert not may_not & found


@pytest.mark.parametrize("bar", ["G8|", "G8:|", '"G"G8|', "G8||"])
def test_a_tune_that_finds_no_end_is_ended(bar: str) -> None:
    line = HEAD + "G8|\n" * (grammar.MOST_BARS - 1)

    assert "G" in allowed(line)
    assert allowed(line + bar) == {"\n"}
    assert allowed(line + bar + "\n") == {"<end>"}


def test_only_the_start_mark_begins_a_tune() -> None:
    ended, _ = CODEC.step(heard(HEAD + "G8|\n")[0], END)

    assert [np.flatnonzero(CODEC.mask(cursor)).tolist() for cursor in (CODEC.begin(), ended)] == [[START], [START]]


def test_a_head_begins_with_its_number_and_ends_with_its_key_after_its_metre() -> None:
    assert allowed("") == {"X"}
    assert "K" not in allowed("X: 1\n")
    assert "K" in allowed("X: 1\nM:6/8\n")
    assert allowed("X: 1\nM:6/8\nK:B") == {"\n", "#", "b", "m", "d"}


def test_a_phrase_becomes_the_first_bars_of_a_tune() -> None:
    phrase = [Note(0, 67, 960), Note(960, 71, 960), Note(1920, 73, 480), Note(2400, 74, 1440)]
    prompt = CODEC.prompt(phrase, CODEC.begin(), Key(7))
    cursor, told = prompt.begin(AbcCursor(tick=5000, is_inside=True, note="G")), list[int]()

    while (mask := prompt.mask(cursor)) is not None:
        told.append(int(mask.argmax()))
        cursor, _ = CODEC.step(cursor, told[-1])

    assert CODEC.text_of(told) == HEAD + "G2B2^cd3|"
    assert cursor.tick == 5000 + 3840


def told(notes: list[Note], bars: Bars, tick: int = 0) -> tuple[str, AbcCursor]:
    """The text of a prompt, and the cursor after it."""
    prompt = CODEC.prompt(notes, CODEC.begin(), Key(7), bars)
    cursor, tokens = prompt.begin(AbcCursor(tick=tick, is_inside=True)), list[int]()
    while (mask := prompt.mask(cursor)) is not None:
        tokens.append(int(mask.argmax()))
        cursor, _ = CODEC.step(cursor, tokens[-1])
    return CODEC.text_of(tokens), cursor


def test_a_phrase_is_written_in_the_metre_that_was_heard() -> None:
    waltz = [Note(0, 67, 1920), Note(1920, 69, 960), Note(2880, 71, 2880)]
    jig = [Note(320 * eighth, 67, 320) for eighth in range(6)]

    assert told(waltz, Bars(3))[0] == HEAD.replace("4/4", "3/4") + "G4A2|B6|"
    assert told(jig, Bars(2, is_compound=True))[0] == HEAD.replace("4/4", "6/8") + "GGGGGG|"


def test_one_triplet_makes_no_jig_of_a_hornpipe() -> None:
    notes = [
        Note(0, 67, 320),
        Note(320, 69, 320),
        Note(640, 71, 320),
        *(Note(960 * beat, 74, 960) for beat in (1, 2, 3)),
    ]

    assert "M:4/4" in told(notes, Bars(4))[0]


def test_a_tune_begins_with_its_upbeat() -> None:
    notes = [Note(480, 62, 480), Note(960, 67, 960), Note(1920, 71, 2880)]  # an eighth before the bar

    text, cursor = told(notes, Bars(4, upbeat=960), tick=5_000)

    assert text == HEAD + "D|G2B6|"
    assert cursor.tick == 5_000 + 960 + 3_840


@pytest.mark.parametrize(("key", "expected"), [(Key(2), 0), (Key(6), -1), (Key(1), -1), (Key(3, is_minor=True), -1)])
def test_a_key_with_many_sharps_or_flats_goes_to_one_with_few(key: Key, expected: int) -> None:
    assert CODEC.shift(key, [72]) == expected


def test_unknown_characters_are_marked() -> None:
    tokens = CODEC.characters("Gé")

    assert tokens.tolist() == [CODEC.vocabulary.token("G"), UNKNOWN]
    assert CODEC.text_of(tokens.tolist()) == "G?"


def test_a_transposed_tune_sounds_higher() -> None:
    tune = np.concatenate([[START], CODEC.characters('X: 1\nM:6/8\nK:D\n"D"fed "A7/c+"=c^AB|\n'), [END]])

    up = CODEC.transposed(tune, 5)

    assert CODEC.text_of(up.tolist()) == 'X: 1\nM:6/8\nK:G\n"G"bag "D7/f+"=f^de|\n'
    assert [note.pitch for note in CODEC.decode(up.tolist())] == [n.pitch + 5 for n in CODEC.decode(tune.tolist())]


def test_a_key_within_a_line_is_transposed_with_its_tune() -> None:
    tune = CODEC.characters("X: 1\nM:4/4\nK:D\nF[K:A]G|[L:1/4]A\n")

    up = CODEC.transposed(tune, 5)

    assert CODEC.text_of(up.tolist()) == "X: 1\nM:4/4\nK:G\nB[K:D]c|[L:1/4]d\n"


def test_a_vocabulary_that_cannot_write_a_tune_is_refused() -> None:
    with pytest.raises(ValueError, match="'characters' must contain"):
        AbcCodec("ABC")
