"""Answers to phrases of performances: what is taken up, how loud, and whether a judge tells them from people's."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

import numpy as np
import pytest

from export.measures import touch_answers
from export.measures.performance_openings import Opening
from export.measures.playing import Playing
from export.measures.playing_judge import FEWEST, features, told_apart
from export.measures.touch_answers import answer_of, compare, paces, people_of
from livegen.engine.engine import Engine
from livegen.events import SUSTAIN_PEDAL, ControlChange, Note, NoteOff, NoteOn, Timed
from livegen.model.bundle import load_bundle
from livegen.tools.render import converse

MS = 1_000_000
CUT_MS, END_MS = 4000, 8000


def events_of(notes: Sequence[Note]) -> list[Timed]:
    """The events of notes in ms, with a pedal that goes down with the first."""
    ons = [Timed(note.onset * MS, NoteOn(note.pitch, note.velocity)) for note in notes]
    offs = [Timed(note.end * MS, NoteOff(note.pitch)) for note in notes]
    pedal = Timed(notes[0].onset * MS, ControlChange(SUSTAIN_PEDAL, 127))
    return sorted([*offs, *ons, pedal], key=lambda each: each.at_ns)


def is_pedal(timed: Timed) -> bool:
    return isinstance(timed.event, ControlChange)


def line(seed: int, level: int, count: int = 32) -> list[Note]:
    """Four notes a second, at about this velocity."""
    random = np.random.default_rng(seed)
    pitches = (55 + np.cumsum(random.choice((-3, -1, 1, 2, 4), count)) % 30).tolist()
    louder = random.integers(-9, 10, count).tolist()
    return [Note(250 * at, pitches[at], 260, level + louder[at]) for at in range(count)]


def opening(name: str, seed: int) -> Opening:
    kind = "songs" if name.isdecimal() else "pieces"
    return Opening(name, kind, (), tuple(events_of(line(seed, 30 + 5 * seed))), CUT_MS * MS, END_MS * MS)


TOLD = [opening(f"{at:03}", at) for at in range(6)] + [opening(f"piece{at}", 6 + at) for at in range(6)]
PEOPLE = [people_of(each) for each in TOLD]


def flat(playing: Playing) -> Playing:
    """The same at the mean velocity."""
    mean = sum(note.velocity for note in playing.notes) // len(playing.notes)
    return replace(playing, notes=tuple(replace(note, velocity=mean) for note in playing.notes))


def test_an_answer_begins_with_its_first_note_and_about_as_loud_as_its_phrase_where_the_model_has_no_loudness() -> None:
    answer = answer_of(load_bundle("bach"), TOLD[0], seed=1)

    phrase = [note.velocity for note in TOLD[0].phrase.notes]
    assert answer.notes[0].onset == 0
    assert len(answer.notes) > 8
    loudness = [note.velocity for note in answer.notes]
    assert abs(fmean(loudness) - fmean(phrase)) < 12
    assert len(set(loudness)) > 4
    assert answer.length >= max(note.end for note in answer.notes)


def test_all_keys_and_the_pedal_come_up_at_the_end_of_a_phrase(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Timed] = []

    def hear(engine: Engine, events: Sequence[Timed]) -> list[Timed]:
        heard.extend(events)
        return []

    monkeypatch.setattr(touch_answers, "converse", hear)
    assert answer_of(load_bundle("bach"), TOLD[0], seed=1) == Playing((), (), 0)

    down = set()
    for each in heard:
        if isinstance(each.event, NoteOn):
            down.add(each.event.pitch)
        elif isinstance(each.event, NoteOff):
            down.discard(each.event.pitch)
    assert not down
    assert heard[-1] == Timed(CUT_MS * MS, ControlChange(SUSTAIN_PEDAL, 0))
    assert sum(isinstance(each.event, NoteOn) for each in heard) == CUT_MS // 250


def test_an_answer_begins_after_the_whole_phrase(monkeypatch: pytest.MonkeyPatch) -> None:
    early, late = Note(1000, 50, 100, 64), Note(5000, 60, 300, 64)
    monkeypatch.setattr(touch_answers, "converse", lambda engine, events: events_of([early, late]))

    answer = answer_of(load_bundle("bach"), TOLD[0], seed=1)

    assert answer.notes == (Note(0, 60, 300, 64),)
    assert answer.pedal == ((0, 300),)


def test_a_silence_within_a_phrase_does_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    notes = [note for note in line(3, 60, 16) if not 1300 < note.onset < 2800]
    paused = replace(TOLD[0], events=tuple(each for each in events_of(notes) if not is_pedal(each)))
    played: list[Timed] = []

    def kept(engine: Engine, events: Sequence[Timed]) -> list[Timed]:
        played.extend(converse(engine, events))
        return played

    monkeypatch.setattr(touch_answers, "converse", kept)
    answer_of(load_bundle("bach"), paused, seed=1)

    onsets = [each.at_ns for each in played if isinstance(each.event, NoteOn)]
    assert min(onsets) >= CUT_MS * MS


def test_a_rhythm_is_the_same_when_it_is_played_unevenly_and_slower() -> None:
    def rhythm(times: Sequence[int]) -> list[float]:
        return paces([Note(sum(times[:at]), 60, 10) for at in range(len(times) + 1)])

    assert rhythm([400, 200, 200, 600, 600]) == [-2, 0, 3, 0]
    assert rhythm([520, 245, 265, 760, 800]) == [-2, 0, 3, 0]
    assert rhythm([10, 5000]) == [6]


def test_who_answers_as_people_do_is_not_told_from_them_and_who_plays_at_one_velocity_is() -> None:
    people, level, exact, other = compare({"people again": PEOPLE, "level": list(map(flat, PEOPLE))}, TOLD)[:4]

    rows = {row["answers of"]: row for row in (people, level, exact, other)}
    same, mean, itself, stranger = (rows[name] for name in ("people again", "level", "people", "another piece"))
    assert [same[what].value for what in ("loudness", "told apart")] == [1, 0.5]
    assert [same[what].value for what in ("level", "level")] == pytest.approx([1, 1])
    assert mean["sd"].value == 0 < same["sd"].low
    assert mean["loudness"].high < 0.7
    assert mean["level"].value > 0.99
    assert mean["told apart"].value == 1
    assert [mean[what] for what in ("motif", "rhythm")] == [itself[what] for what in ("motif", "rhythm")]
    assert stranger["loudness"].value < 0.5


def test_a_phrase_that_is_played_again_is_taken_up() -> None:
    again = [each.phrase for each in TOLD]

    row = compare({"echo": again}, TOLD)[0]

    assert [row[what].value for what in ("motif", "rhythm", "copies")] == [1, 1, 1]
    assert row["answers"] == 12


def test_only_as_much_is_compared_as_the_shorter_one_has() -> None:
    loud_end = [
        replace(each, notes=tuple(replace(note, velocity=1) if note.onset >= 1000 else note for note in each.notes))
        for each in PEOPLE
    ]

    row = compare({"short": [each.until(1000) for each in loud_end]}, TOLD)[0]

    assert row["loudness"].value == 1


def test_people_s_continuations_of_another_piece_are_of_the_same_kind() -> None:
    tagged = [replace(each, events=tuple(events_of(line(0, 40 if each.kind == "songs" else 100)))) for each in TOLD]

    strangers = compare({}, tagged)[-1]

    assert strangers["answers of"] == "another piece"
    assert strangers["level"].value == pytest.approx(1)


def test_another_piece_is_never_another_part_of_the_same() -> None:
    soft, loud = (replace(opening("001", 1), events=tuple(events_of(line(0, level)))) for level in (40, 100))
    told = [soft, replace(loud, piece="002"), replace(loud, piece="002")]

    assert compare({}, told)[-1]["loudness"].value == 0


# the judge


def played(level: int, count: int = 12, *, first: int = 0) -> list[tuple[str, Playing]]:
    return [(f"{at}", Playing(tuple(line(first + at, level)), (), 8010)) for at in range(count)]


def test_a_judge_tells_the_loud_from_the_soft_in_pieces_that_it_has_not_learnt() -> None:
    verdict = told_apart(played(40), played(90, first=50))

    assert verdict
    assert verdict.both.value == 1


def test_a_judge_cannot_tell_what_is_alike() -> None:
    verdict = told_apart(played(60, 40), played(60, 40, first=50))

    assert verdict
    assert verdict.both.low < 0.5 < verdict.both.high


def test_pairs_of_which_one_is_too_short_are_left_out() -> None:
    short = [(name, replace(playing, notes=playing.notes[: FEWEST - 1])) for name, playing in played(40, 3)]

    assert told_apart([*short, *played(40)[3:6]], played(90, 6)) is None
    assert told_apart([*short, *played(40)[3:7]], played(90, 7)) is not None


def test_a_judge_sees_notes_pedal_and_touch_apart() -> None:
    notes = tuple(line(0, 60))
    plain = features(Playing(notes, (), 8010))

    for other in (
        Playing(notes, ((0, 3000),), 8010),
        Playing(tuple(replace(note, duration=100) for note in notes), (), 8010),
        Playing(tuple(replace(note, velocity=note.velocity + 20) for note in notes), (), 8010),
        Playing(tuple(replace(note, onset=note.onset // 2) for note in notes), (), 8010),
    ):
        assert features(other).shape == plain.shape
        assert not np.array_equal(features(other), plain)
