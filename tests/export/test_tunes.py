"""Tunes, measured: bits per character, and bars that fill."""

from collections.abc import Sequence
from random import Random

import numpy as np
import pytest

from export.corpora import abc as folk
from export.corpora.work import Piece, Work
from export.scoring import Arrays, Logits, Tokens
from export.tunes import Tune, bars_of, bits_per_character, craft, generate
from livegen.codecs.abc.codec import END, START, AbcCodec
from livegen.music.key import Key
from livegen.settings import Sampling

CODEC = AbcCodec()
HEAD = "X: 1\nM:4/4\nL:1/8\nK:G\n"
FULL = (True, False)
PICKUP = (False, True)
SHORT = (False, False)


def no_bar(items, what):  # type: ignore[no-untyped-def]
    return items


class Reciting:
    """Knows one text by heart, and gives every other character a little."""

    def __init__(self, text: str) -> None:
        self._next = [START, *CODEC.characters(text).tolist(), END]

    def begin(self, batch: int) -> Arrays:
        return {"place": np.zeros((batch, 1), np.int64)}

    def step(self, tokens: Tokens, state: Arrays) -> tuple[Logits, Arrays]:
        places = state["place"] + np.arange(1, tokens.shape[1] + 1)
        logits = np.zeros((*tokens.shape, len(CODEC.vocabulary)), np.float32)
        known = np.array([*self._next, *[END] * 2000])[places]
        np.put_along_axis(logits, known[:, :, None], 30, axis=2)
        return logits, {"place": places[:, -1:]}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("G8|A8|", [FULL, FULL]),
        ("G2|A8|B6:|", [PICKUP, FULL, PICKUP]),
        ("G2|A8|B4|c8|", [PICKUP, FULL, SHORT, FULL]),
        ("G8|A4A4A|", [FULL, SHORT]),
        ("(3GABc2d4|", [FULL]),
    ],
)
def test_a_bar_is_full_or_a_pickup_or_completes_one(body: str, expected: list[tuple[bool, bool]]) -> None:
    assert bars_of(HEAD + body) == expected


def test_bits_are_of_the_characters_between_the_marks() -> None:
    text = HEAD + "G8|\n"
    tokens = np.array([START, *CODEC.characters(text).tolist(), END])
    strange = np.array([START, *CODEC.characters(HEAD + "A8|\n").tolist(), END])

    known, other = (bits_per_character(Reciting(text), CODEC, [Piece("one", piece)]) for piece in (tokens, strange))

    assert known == pytest.approx({"test_bits_body": 0, "test_bits_whole": 0}, abs=1e-6)
    wrong = 30 / np.log(2)
    assert other == pytest.approx({"test_bits_body": wrong / 4, "test_bits_whole": wrong / (len(HEAD) + 4)}, rel=1e-3)


def test_tunes_are_generated_to_their_end_and_read_by_others() -> None:
    text = HEAD + "GABc d4|edcB A4|GABc d4|edcB G4|\n"

    tunes = generate(Reciting(text), CODEC, Sampling(temperature=1, top_p=1), 3, 0, no_bar)
    figures = craft([*tunes, Tune("no tune at all", has_ended=False)], no_bar)

    assert tunes == [Tune(text, has_ended=True)] * 3
    assert (figures.count, figures.parsed_by_music21, figures.ended) == (4, 0.75, 0.75)
    assert (figures.full_bars, figures.strictly_full_bars) == (1, 1)


def test_a_setting_of_a_held_out_tune_is_left_out_in_any_key() -> None:
    tune = "X: 1\nT:One\nM:4/4\nK:G\nGABc dedc|BAGA BGDG|GABc dedc|BAGF G4|\n"
    other = "X: 2\nT:Two\nM:4/4\nK:G\nG2g2 a2d2|e4 B2A2|c2E2 F2G2|A4 D4|\n"
    works = [Work(str(index), str(index), other) for index in range(9)]
    works += [Work("held out", "held out", tune)]
    books = (folk_in_a(tune), tune[:24] + "D2A2 E2B2|F2c2 G2d2|A3e B3f|c2g2 d4|\n")
    works += [Work(str(index), "books", text, part="books") for index, text in enumerate(books)]

    placed = folk.divide(works)

    assert placed[9:] == ["test", "", "train"]


def test_twins_among_the_study_s_own_tunes_never_stand_on_both_sides() -> None:
    random = Random(1)
    tunes = [random_tune(random) for _ in range(10)]
    assert folk.divide(works_of(tunes)) == ["train"] * 8 + ["valid", "test"]
    tunes[2], tunes[5] = folk_in_a(tunes[9]), folk_in_a(tunes[8])  # of the one that tests, of the one that validates

    assert folk.divide(works_of(tunes)) == ["train"] * 2 + [""] + ["train"] * 2 + [""] + ["train"] * 2 + [
        "valid",
        "test",
    ]
    assert folk.divide(works_of([*tunes[:8], folk_in_a(tunes[9]), tunes[9]]))[8:] == ["", "test"]


def random_tune(random: Random) -> str:
    """Sixteen bars of any notes."""
    bars = ("".join(random.choices("DEFGABcdefg", k=8)) for _ in range(16))
    return f"X: 1\nT:One\nM:4/4\nK:G\n{'|'.join(bars)}|\n"


def works_of(tunes: Sequence[str]) -> list[Work]:
    return [Work(str(index), str(index), tune) for index, tune in enumerate(tunes)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('|:"G"G2B "D7"d/2e/2f|g3 g2:|\\\n"C"e3/2 f|', "G2Bd/e/f|g3g2:|e3/2f|"),
        ("P:A\nG3|\nK:D\nA3|\n", "G3|\nK:D\nA3|"),
        ("M:6/8\nGAB cde|[1 f3 :|[2 g3|", "GABcde|[1f3:|[2g3|"),
    ],
)
def test_a_tune_is_written_as_a_phrase_that_was_played(body: str, expected: str) -> None:
    played = folk.as_played(f"X:7\nT:A tune\nS:Somebody\nM:6/8\nK:G\n{body}\n")

    assert played == f"X: 1\nM:6/8\nL:1/8\nK:G\n{expected}\n"


@pytest.mark.parametrize("tune", ["M:6/8\nL:1/4\nK:G\nGAB|\n", "M:6/8\nK:G\n[GB]AB|\n", "K:G\nGAB|\n", "M:6/8\nGAB|\n"])
def test_a_tune_in_another_unit_with_chords_or_without_metre_or_key_is_not_written_so(tune: str) -> None:
    assert folk.as_played(f"X:7\nT:A tune\n{tune}") is None


def test_a_phrase_is_written_by_the_codec_as_the_tunes_that_are_learned_from() -> None:
    codec = AbcCodec()
    tune = "X: 1\nM:4/4\nL:1/8\nK:G\nG2ABc2d2|e3/2f/g2d4|\n"

    again = codec.text_of(codec.encode(codec.decode(codec.characters(tune).tolist()), Key(7)))

    assert folk.as_played(tune) == folk.as_played(again) == again


def folk_in_a(tune: str) -> str:
    """The tune a step higher, by its letters."""
    steps = dict(zip("GABcdefgDEF", "ABcdefgaEFG", strict=True))
    head, body = folk.head_and_body(tune)
    return head + "".join(steps.get(letter, letter) for letter in body)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("A>B c<d|", "A3/2B/2 c/2d3/2|"),
        ("~A2 .B {gf}c | (de) f |", "A2 B c|de f|"),
        ("A-|A B", "A-|A B"),
        ("A-B", "AB"),
        ("AB[K:Dmaj]c [M:3/4]d|[R:reel]e", "AB[K:D]c[M:3/4]d|e"),
        ("A|\nd:|", "A|\nd:|"),  # a note and a repeat sign, and no field
    ],
)
def test_books_are_brought_to_the_collection_s_way_of_writing(line: str, expected: str) -> None:
    written = folk.normalised(f"X:7\nT:A tune\nM:C\nK:Gmaj\n{line}\n", 3, "a book")

    assert written == f"X: 3\nT:A tune\n% a book\nM:4/4\nK:G\n{expected}\n"
