"""Bars of a MIDI file: each phrase begins on a bar line, and every note keeps its moment."""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as some

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.events import NoteOff, NoteOn, Timed
from livegen.files.bar_map import lay_bars
from livegen.files.midi_file import write_midi
from livegen.music.metre import KeyChange, Mark, Metre

QUARTER = 960
G, D_MINOR = (7, False), (2, True)


def file_of(marks: Sequence[Mark], onsets_ns: Sequence[int], *, is_fixed: bool = False) -> mido.MidiFile:
    """What mido reads of notes at these moments; with ``is_fixed`` the file begins at moment 0."""
    events = [Timed(at_ns + late, event) for at_ns in onsets_ns for late, event in ((0, NoteOn(60)), (1, NoteOff(60)))]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.mid"
        first_ns = 0 if is_fixed else min(onsets_ns)
        write_midi(path, [("player", events)], lay_bars(marks, first_ns, is_fixed=is_fixed))
        return mido.MidiFile(path)


def onsets_s(file: mido.MidiFile) -> list[float]:
    """The moments of the note-ons."""
    moments = accumulate(message.time for message in file)
    return [at_s for at_s, message in zip(moments, file, strict=True) if message.type == "note_on"]


def ticked(file: mido.MidiFile, kind: str) -> list[tuple[int, mido.MetaMessage]]:
    """The tick of each message of a kind in the first track."""
    ticks = accumulate(message.time for message in file.tracks[0])
    return [(tick, message) for tick, message in zip(ticks, file.tracks[0], strict=True) if message.type == kind]


def seconds_at(file: mido.MidiFile, tick: int) -> float:
    """The moment of a tick, by the tempos of the file."""
    tempos = [*ticked(file, "set_tempo"), (tick, None)]
    spans = pairwise(tempos)
    return sum(
        mido.tick2second(max(min(end, tick) - begin, 0), file.ticks_per_beat, tempo.tempo)
        for (begin, tempo), (end, _) in spans
    )


def bar_lines_s(file: mido.MidiFile, until_s: float) -> list[float]:
    """The moments of the bar lines, as a sequencer counts them."""
    bars, lines = ticked(file, "time_signature"), list[float]()
    for index, (begin, sign) in enumerate(bars):
        tick, length = begin, file.ticks_per_beat * 4 * sign.numerator // sign.denominator
        while (at_s := seconds_at(file, tick)) <= until_s and (index + 1 == len(bars) or tick < bars[index + 1][0]):
            lines.append(at_s)
            tick += length
    return lines


def signs(file: mido.MidiFile, kind: str, *fields: str) -> list[tuple[int, ...]]:
    return [(tick, *(getattr(message, field) for field in fields)) for tick, message in ticked(file, kind)]


def test_a_phrase_begins_the_first_bar_at_its_tempo_in_its_key() -> None:
    file = file_of([Metre(5 * NS_PER_S, 0, 560 * NS_PER_MS, 3), KeyChange(5 * NS_PER_S, *G)], [5 * NS_PER_S])

    assert signs(file, "set_tempo", "tempo") == [(0, 560_000)]
    assert signs(file, "time_signature", "numerator", "denominator") == [(0, 3, 4)]
    assert signs(file, "key_signature", "key") == [(0, "G")]
    assert onsets_s(file) == [0]


def test_a_compound_metre_has_a_beat_of_three_eighths() -> None:
    file = file_of([Metre(0, 0, NS_PER_S // 2, 3, is_compound=True), Metre(6 * NS_PER_S, 0, NS_PER_S // 2, 3)], [0])

    bars = signs(file, "time_signature", "numerator", "denominator", "clocks_per_click")
    assert bars == [(0, 6, 8, 36), (12 * QUARTER, 3, 4, 24)]
    assert bar_lines_s(file, 6) == pytest.approx([0, 1.5, 3, 4.5, 6], abs=1e-3)


def test_the_bar_before_a_phrase_is_as_many_sixteenths_long_as_fit() -> None:
    second_ns = NS_PER_S * 61 // 10  # 6.1 s: three bars of 2 s, and 0.1 s
    marks = [
        Metre(0, 0, NS_PER_S // 2, 4),
        KeyChange(0, *G),
        Metre(second_ns, 0, 600 * NS_PER_MS, 3),
        KeyChange(second_ns, *D_MINOR),
    ]

    file = file_of(marks, [0, second_ns])

    bars = signs(file, "time_signature", "numerator", "denominator")
    assert bars == [(0, 4, 4), (12 * QUARTER, 1, 16), (12 * QUARTER + 240, 3, 4)]
    assert signs(file, "key_signature", "key") == [(0, "G"), (12 * QUARTER + 240, "Dm")]
    assert signs(file, "set_tempo", "tempo")[-1] == (12 * QUARTER + 240, 600_000)
    assert bar_lines_s(file, 8) == pytest.approx([0, 2, 4, 6, 6.1, 7.9], abs=1e-3)


def test_a_rest_of_less_than_half_a_sixteenth_is_taken_up_by_the_last_bar() -> None:
    marks = [Metre(0, 0, NS_PER_S // 2, 4), Metre(6 * NS_PER_S + 30 * NS_PER_MS, 0, NS_PER_S // 2, 4)]

    file = file_of(marks, [0])

    assert signs(file, "time_signature", "numerator") == [(0, 4)]
    assert signs(file, "set_tempo", "tempo") == [(0, 500_000), (8 * QUARTER, 507_500), (12 * QUARTER, 500_000)]


def test_an_upbeat_stays_before_its_bar_line_and_the_file_begins_with_the_bar() -> None:
    file = file_of([Metre(0, 0, NS_PER_S // 2, 4)], [-NS_PER_S // 4, 0])

    assert onsets_s(file) == pytest.approx([1.75, 2], abs=1e-3)
    assert bar_lines_s(file, 2) == pytest.approx([0, 2], abs=1e-3)


@pytest.mark.parametrize(("early_ms", "tempos"), [(2, [500_000]), (40, [510_000, 500_000])])
def test_a_first_note_that_comes_a_little_early_begins_the_first_bar_all_the_same(
    early_ms: int, tempos: list[int]
) -> None:
    file = file_of([Metre(0, 0, NS_PER_S // 2, 4)], [-early_ms * NS_PER_MS, NS_PER_S])

    assert signs(file, "time_signature", "numerator") == [(0, 4)]
    assert [us for _, us in signs(file, "set_tempo", "tempo")] == tempos
    assert onsets_s(file) == pytest.approx([0, 1 + early_ms / 1000], abs=1e-3)
    assert bar_lines_s(file, 5) == pytest.approx([0, 2 + early_ms / 1000, 4 + early_ms / 1000], abs=5e-3)


def test_every_track_has_the_keys() -> None:
    marks = [Metre(0, 0, NS_PER_S, 4), KeyChange(0, *G), KeyChange(8 * NS_PER_S, *D_MINOR)]

    file = file_of(marks, [0, 8 * NS_PER_S])

    keys = [[message.key for message in track if message.type == "key_signature"] for track in file.tracks]
    assert keys == [["G", "Dm"], ["G", "Dm"]]


def test_a_file_with_a_beginning_of_its_own_begins_with_an_incomplete_bar() -> None:
    file = file_of([Metre(7 * NS_PER_S // 4, 0, NS_PER_S // 2, 4)], [7 * NS_PER_S // 4], is_fixed=True)

    assert signs(file, "time_signature", "numerator", "denominator") == [(0, 7, 8), (3360, 4, 4)]
    assert onsets_s(file) == pytest.approx([1.75], abs=1e-3)


def test_bars_follow_a_clock_whose_tempo_changes_within_a_bar() -> None:
    marks = [
        Metre(0, 0, NS_PER_S // 2, 4),
        Metre(NS_PER_S, 2 * QUARTER, NS_PER_S, 4, continues=True),
        Metre(5 * NS_PER_S, 6 * QUARTER, NS_PER_S // 2, 4, continues=True),
    ]

    file = file_of(marks, [0, NS_PER_S * 6])

    assert signs(file, "time_signature", "numerator", "denominator") == [(0, 4, 4)]
    quarters = [(tick / file.ticks_per_beat, us) for tick, us in signs(file, "set_tempo", "tempo")]
    assert quarters == [(0, 500_000), (2, 1_000_000), (6, 500_000)]
    assert bar_lines_s(file, 8) == pytest.approx([0, 3, 6, 8], abs=1e-3)


def clock(moments_ns: Sequence[int], jitter_ns: int) -> list[Metre]:
    """A mark at each quarter of a clock, in turn too early and too late."""
    return [
        Metre(at_ns + (jitter_ns if quarter % 2 else -jitter_ns), quarter * QUARTER, NS_PER_S // 2, 4, quarter > 0)
        for quarter, at_ns in enumerate(moments_ns)
    ]


def test_the_jitter_of_a_clock_is_no_tempo() -> None:
    marks = clock(range(0, 20 * NS_PER_S, NS_PER_S // 2), 2 * NS_PER_MS)

    file = file_of(marks, [0, 15 * NS_PER_S])

    assert [mido.tempo2bpm(us) for _, us in signs(file, "set_tempo", "tempo")] == pytest.approx([120] * 2, rel=1e-3)


def test_bars_are_close_to_a_clock_that_slows_down_with_few_tempos() -> None:
    beats_ns = [NS_PER_S // 2 + step * NS_PER_MS for step in range(64)]
    moments = list(accumulate(beats_ns, initial=0))

    file = file_of(clock(moments, NS_PER_MS), [0, moments[-1]])

    heard = [at_ns / NS_PER_S for at_ns in moments[::4]]
    assert bar_lines_s(file, heard[-1] + 0.01) == pytest.approx(heard, abs=7e-3)
    assert len(signs(file, "set_tempo", "tempo")) < 16


def test_what_was_told_later_replaces_what_begins_after_it() -> None:
    """An engine that has died is followed by one that hears the same phrase."""
    marks: list[Mark] = [Metre(0, 0, NS_PER_S // 2, 4), KeyChange(0, *G)]

    assert lay_bars([*marks, *marks], 0).signs == lay_bars(marks, 0).signs


def test_music_without_marks_has_no_bars_and_keeps_its_moments() -> None:
    file = file_of([], [NS_PER_S, 2 * NS_PER_S])

    assert signs(file, "time_signature") == []
    assert onsets_s(file) == pytest.approx([0, 1], abs=1e-3)


PHRASES = some.lists(
    some.tuples(
        some.integers(0, 120 * NS_PER_S),  # from the beginning of the phrase before
        some.integers(20 * NS_PER_MS, 70 * NS_PER_S),
        some.integers(1, 12),
        some.booleans(),
    ),
    max_size=8,
)
MOMENTS = some.lists(some.integers(0, 600 * NS_PER_S), min_size=1, max_size=20)


def told(phrases: Sequence[tuple[int, int, int, bool]], begin_ns: int = -NS_PER_S) -> list[Metre]:
    """Metres one after the other; those that continue have a tick that grows."""
    metres, at_ns, tick = [], begin_ns, 0
    for wait_ns, beat_ns, beats, continues in phrases:
        at_ns += wait_ns
        tick += 1 + wait_ns * QUARTER // beat_ns
        metres.append(Metre(at_ns, tick if continues else 0, beat_ns, beats, continues))
        tick = metres[-1].tick
    return metres


@given(PHRASES, MOMENTS)
def test_every_note_keeps_its_moment_whatever_the_tempos(
    phrases: list[tuple[int, int, int, bool]], moments: list[int]
) -> None:
    moments = sorted(set(moments))

    file = file_of(told(phrases), moments, is_fixed=True)

    assert onsets_s(file) == pytest.approx([at_ns / NS_PER_S for at_ns in moments], abs=1e-3, rel=0)


@given(PHRASES, MOMENTS)
def test_the_beginning_of_a_file_moves_all_notes_alike(
    phrases: list[tuple[int, int, int, bool]], moments: list[int]
) -> None:
    moments = sorted(set(moments))

    found = onsets_s(file_of(told(phrases), moments))

    expected = [(at_ns - moments[0]) / NS_PER_S for at_ns in moments]
    assert [at_s - found[0] for at_s in found] == pytest.approx(expected, abs=1e-3, rel=0)
    assert found[0] >= 0


@given(
    some.lists(
        some.tuples(
            some.integers(NS_PER_S, 60 * NS_PER_S),
            some.integers(270 * NS_PER_MS, 1500 * NS_PER_MS),
            some.integers(1, 12),
            some.just(False),  # noqa: FBT003 (a strategy)
        ),
        min_size=1,
        max_size=6,
    )
)
def test_every_phrase_begins_on_a_bar_line_of_its_metre(phrases: list[tuple[int, int, int, bool]]) -> None:
    metres = told(phrases)
    begin_ns = metres[0].at_ns

    file = file_of(metres, [metre.at_ns for metre in metres])

    lines = bar_lines_s(file, (metres[-1].at_ns - begin_ns) / NS_PER_S + 1e-3)
    for metre in metres:
        assert min(abs(line - (metre.at_ns - begin_ns) / NS_PER_S) for line in lines) < 1e-3
    (last, *_) = reversed(signs(file, "time_signature", "numerator", "denominator"))
    assert last[1:] == (metres[-1].beats_per_bar, 4)
    assert signs(file, "set_tempo", "tempo")[-1][1] == round(metres[-1].beat_ns / 1000)
