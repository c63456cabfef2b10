"""The beat of an accompaniment: the player's, as it is heard; the set one or the clock's, where there is one."""

import random
from itertools import pairwise

import pytest

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.engine.engine import Engine
from livegen.events import NoteOff, NoteOn, Timed
from livegen.model.bundle import Bundle, load_bundle
from livegen.music.key import Key
from livegen.music.metre import KeyChange, Mark, Metre
from livegen.music.transport import TransportState
from livegen.settings import load
from livegen.tools.render import converse
from tests.support.hall import Hall

HYMN = (67, 67, 66, 64, 62, 67, 69, 71, 71, 71, 71, 69, 67, 72, 71, 69)  # a beat each


@pytest.fixture(scope="module")
def bach() -> Bundle:
    return load_bundle("bach")


def play(hall: Hall, bpm: float, count: int, *, shift: int = 0) -> int:
    """Play so many beats of a hymn, each off by some ms; return the moment of the beat after the last one."""
    chance, begin_ns, beat_ns = random.Random(1), hall.now_ns, round(60 * NS_PER_S / bpm)
    for index in range(count):
        due_ns = begin_ns + index * beat_ns + round(max(chance.gauss(0, 8), -20) * NS_PER_MS)
        hall.wait((due_ns - hall.now_ns) / NS_PER_MS)
        hall.note(HYMN[index % len(HYMN)] + shift, 0.8 * beat_ns / NS_PER_MS)
    end_ns = begin_ns + count * beat_ns
    hall.wait((end_ns - hall.now_ns) / NS_PER_MS)
    return end_ns


def heard_lines(hall: Hall) -> list[str]:
    return [notice for notice in hall.notices if notice.startswith("heard ")]


@pytest.mark.parametrize("role", ["harmonise", "accompany"])
@pytest.mark.parametrize("bpm", [70, 130])
def test_voices_move_on_the_player_s_beat(bach: Bundle, role: str, bpm: float) -> None:
    hall = Hall(bach, {"play": {"role": role}})
    beat_ns = play(hall, bpm, 16)
    sixteenth_ns = round(15 * NS_PER_S / bpm)

    hall.play(NoteOn(67, 80))
    hall.wait(8_000)

    moves = {timed.at_ns - beat_ns for timed in hall.sent if timed.at_ns > beat_ns + sixteenth_ns // 2}
    off_ms = [abs((at_ns + sixteenth_ns // 2) % sixteenth_ns - sixteenth_ns // 2) / NS_PER_MS for at_ns in moves]
    assert len(moves) >= 2
    assert max(off_ms) < 30
    (line,) = heard_lines(hall)
    assert float(line.split()[1]) == pytest.approx(bpm, rel=0.03)


def test_frames_keep_their_order_and_nothing_hangs_when_the_tempo_changes(bach: Bundle) -> None:
    hall = Hall(bach, {"play": {"role": "accompany"}})
    for bpm in (70, 132, 48):
        play(hall, bpm, 20)
    frames = sorted({timed.at_ns for timed in hall.sent})
    hall.wait(6_000)

    assert min(after - before for before, after in pairwise(frames)) >= 30 * NS_PER_MS  # half a sixteenth, at the least
    assert hall.sounding == []
    assert len(heard_lines(hall)) >= 2


@pytest.mark.parametrize("sections", [{"time": {"tempo_bpm": 100}}, {}])
@pytest.mark.parametrize("role", ["harmonise", "accompany"])
def test_a_set_tempo_and_a_clock_are_kept(bach: Bundle, role: str, sections: dict[str, dict[str, object]]) -> None:
    hall = Hall(bach, {"play": {"role": role}, **sections})
    begin_ns = hall.now_ns
    if not sections:
        hall.engine.follow(TransportState(True, 0, begin_ns, 600 * NS_PER_MS, 1), begin_ns)  # noqa: FBT003 (as it is packed)
    end_ns = play(hall, 70, 16)

    hall.play(NoteOn(67, 80))
    hall.wait(4_000)

    if hall.engine.part and hall.engine.part.metre:
        begin_ns = hall.engine.part.metre.at_ns  # of its first note
    moves = {timed.at_ns - begin_ns for timed in hall.sent if timed.at_ns > end_ns + 100 * NS_PER_MS}
    assert {at_ns % (150 * NS_PER_MS) for at_ns in moves} == {0}
    assert heard_lines(hall) == []


def test_a_tempo_that_is_set_while_somebody_plays_is_taken(bach: Bundle) -> None:
    hall = Hall(bach, {"play": {"role": "harmonise"}})
    play(hall, 70, 12)

    hall.change(time={"tempo_bpm": 120.0})
    play(hall, 70, 3)

    part = hall.engine.part
    assert part is not None
    assert part.metre is not None
    assert part.metre.beat_ns == NS_PER_S // 2


def test_the_tempo_that_was_heard_of_a_phrase_is_the_accompaniment_s_first(bach: Bundle) -> None:
    hall = Hall(bach)
    play(hall, 76, 12)
    hall.wait_for_onset()
    hall.change(play={"role": "harmonise"})

    hall.play(NoteOn(67, 80))

    part = hall.engine.part
    assert part is not None
    assert part.metre is not None
    assert 60 * NS_PER_S / part.metre.beat_ns == pytest.approx(76, rel=0.02)


def test_the_tempo_of_what_was_accompanied_is_that_of_a_single_note_afterwards(bach: Bundle) -> None:
    """It is believed until another one is heard."""
    hall = Hall(bach, {"play": {"role": "harmonise"}})
    play(hall, 84, 16)
    hall.change(play={"role": "respond"})

    hall.note(67, 300)
    hall.wait_for_onset()

    line = heard_lines(hall)[-1]
    assert line.startswith("heard 1 notes, ")
    assert float(line.split(" bpm")[0].split()[-1]) == pytest.approx(84, rel=0.02)


def melody(bpm: float, count: int) -> list[Timed]:
    beat_ns = round(60 * NS_PER_S / bpm)
    return [
        Timed(NS_PER_S + index * beat_ns + late_ns, event)
        for index in range(count)
        for pitch in (HYMN[index % len(HYMN)],)
        for late_ns, event in ((0, NoteOn(pitch, 80)), (beat_ns * 4 // 5, NoteOff(pitch)))
    ]


@pytest.mark.parametrize("role", ["harmonise", "accompany"])
def test_the_same_calls_give_the_same_music_whether_work_is_given_up_or_not(bach: Bundle, role: str) -> None:
    chance = random.Random(1)
    engines = [Engine(bach, load(None, {"play": {"role": role, "seed": 3}})) for _ in range(3)]
    engines[1].is_interrupted = lambda: chance.random() < 0.2

    first, interrupted, again = (converse(engine, melody(72, 20)) for engine in engines)

    assert first == interrupted == again
    assert len(first) > 40


def test_the_bars_of_an_accompaniment_are_told_from_its_first_note_on(bach: Bundle) -> None:
    marks: list[Mark] = []
    converse(Engine(bach, load(None, {"play": {"role": "accompany"}})), melody(72, 20), mark=marks.append)

    metres = [mark for mark in marks if isinstance(mark, Metre)]
    begun, heard = metres[0], [metre for metre in metres[1:] if not metre.continues]
    assert (begun.at_ns, begun.beat_ns) == (NS_PER_S, 600 * NS_PER_MS)
    assert all(metre.at_ns <= NS_PER_S + 5 * NS_PER_MS for metre in heard)
    assert 60 * NS_PER_S / metres[-1].beat_ns == pytest.approx(72, rel=0.01)


@pytest.mark.parametrize("role", ["harmonise", "accompany"])
@pytest.mark.parametrize(("notes", "key"), [((60,), Key(0)), ((60, 64), Key(0)), (HYMN, Key(7))])
def test_the_key_is_heard_from_the_first_note_on(bach: Bundle, role: str, notes: tuple[int, ...], key: Key) -> None:
    hall = Hall(bach, {"play": {"role": role}})
    for pitch in notes:
        hall.note(pitch, 500, 50)

    assert hall.engine.key == key


def test_a_modulation_is_heard_within_half_of_the_notes_that_are_listened_to(bach: Bundle) -> None:
    hall = Hall(bach, {"play": {"role": "harmonise"}})
    play(hall, 100, 16)
    play(hall, 100, 12, shift=2)

    assert hall.engine.key == Key(9)


def test_one_note_is_answered_in_no_minor_key(bach: Bundle) -> None:
    marks: list[Mark] = []
    one_c = [Timed(NS_PER_S, NoteOn(60, 80)), Timed(2 * NS_PER_S, NoteOff(60))]

    converse(Engine(bach, load(None, {})), one_c, mark=marks.append)

    assert [mark for mark in marks if isinstance(mark, KeyChange)] == [KeyChange(NS_PER_S, 0, is_minor=False)]
