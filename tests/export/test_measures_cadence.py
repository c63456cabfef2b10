"""Phrases to be answered, and how an answer's end is judged."""

import numpy as np

from export.corpora.work import Piece
from export.measures.cadence import asked_of, ends_with, judged_key
from livegen.codecs.abc.codec import END, START, AbcCodec
from livegen.codecs.chorale import ChoraleCodec
from livegen.codecs.chorale_frames import Frame
from livegen.events import TICKS_PER_QUARTER, Note
from livegen.music.key import Key
from livegen.music.metre import Bars

ABC = AbcCodec()
PHRASE = [False] * 12 + [True] * 4  # four beats, the last one under a fermata
BAR = 2 * TICKS_PER_QUARTER  # of 6/8, in beats of three eighths


def test_the_judge_hears_the_key_of_what_sounds_longest() -> None:
    scale = [Note(at * 480, pitch, 480) for at, pitch in enumerate((62, 64, 66, 67, 69, 71, 73, 74))]

    assert judged_key([*scale, Note(4_000, 62, 1_920), Note(4_000, 66, 960), Note(4_000, 69, 960)]) == Key(2)


def jig(bars: int) -> Piece:
    """It has an upbeat of an eighth, and ends with a cadence."""
    body = "|".join(["GBd gdB"] * (bars - 2) + ["FAc dcA", "G3 G2"])
    tokens = [START, *map(ABC.vocabulary.token, f"M:6/8\nK:G\nD|{body}|\n"), END]
    return Piece("jig", np.array(tokens, np.int64))


def test_a_tune_is_cut_after_eight_bars_before_the_upbeat() -> None:
    (asked,) = asked_of(ABC, [jig(16)])

    assert asked.length == 8 * BAR
    assert asked.bars == Bars(2, is_compound=True, upbeat=320)
    assert max(note.end for note in asked.phrase) == 8 * BAR
    assert asked.people[0].onset == 0
    assert ends_with(asked, asked.people) == "authentic"


def test_a_tune_that_is_too_short_is_left_out() -> None:
    assert not list(asked_of(ABC, [jig(12)]))


def test_a_chorale_is_cut_after_its_second_fermata_and_the_last_chord_is_held() -> None:
    codec = ChoraleCodec()
    frames = [Frame(((67, False), (64, False), (60, False), (48, False)), is_held) for is_held in PHRASE * 4]
    tokens = [codec.vocabulary.token("START"), *(token for frame in frames for token in codec.frame_tokens(frame))]
    (asked,) = asked_of(codec, [Piece("chorale", np.array([*tokens, codec.vocabulary.token("END")], np.int64))])

    assert asked.length == 8 * TICKS_PER_QUARTER
    assert max(note.end for note in asked.people) == 8 * TICKS_PER_QUARTER + 240  # its last sixteenth is doubled
