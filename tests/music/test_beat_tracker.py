"""The beat of music while somebody plays it."""

import random
from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import log

import pytest

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.music.beat_tracker import BeatTracker
from livegen.music.metre import Metre
from livegen.music.metre_detection import HeardMetre
from livegen.music.phrase_capture import HeardNote
from livegen.music.tempo_map import SteadyTempo

HYMN = (67, 67, 66, 64, 62, 67, 69, 71, 71, 71, 71, 69, 67, 72, 71, 69)  # a beat each
BEGIN_NS = 100 * NS_PER_S
BEAT_NS = 600 * NS_PER_MS
Notes = list[tuple[int, int]]  # onset in ns, pitch


class Player:
    """Plays to a tracker, which listens whenever it may; ``tempos`` are its tempos before each note."""

    def __init__(self, before: HeardMetre | None = None) -> None:
        self.notes: list[HeardNote] = []
        self.fixed_ns = 0
        self.lines: list[str] = []
        self.tempos: list[SteadyTempo] = []
        self.metres: list[Metre] = []
        self.tracker = BeatTracker(
            Metre(BEGIN_NS, 0, BEAT_NS, 4),
            before,
            newest=lambda count, _: self.notes[-count:],
            counted=lambda heard: heard,
            fixed_ns=lambda: self.fixed_ns,
        )

    def play(self, notes: Notes, rest_ms: int = 400) -> SteadyTempo:
        """Play notes in order of their onsets; return the tempo a while after the last one."""
        ends = [*(at_ns for at_ns, _ in notes[1:]), notes[-1][0] + rest_ms * NS_PER_MS]
        for (at_ns, pitch), end_ns in zip(notes, ends, strict=True):
            self.tempos.append(self.tracker.tempo)
            self.notes.append(HeardNote(at_ns, at_ns, pitch, 64))
            self.tracker.note_on(at_ns)
            for now_ns in range(at_ns, end_ns, NS_PER_MS):
                if self.tracker.is_behind(now_ns):
                    self.lines += self.tracker.advance(now_ns)
                    if self.metres[-1:] != [self.tracker.metre]:
                        self.metres.append(self.tracker.metre)
        return self.tracker.tempo

    @property
    def changes(self) -> int:
        """How often the tempo went over to another one."""
        every = [*self.tempos, self.tracker.tempo]
        return sum(abs(log(after.beat_ns / before.beat_ns)) > 0.04 for before, after in pairwise(every))


def melody(gaps_ms: Sequence[float], begin_ns: int = BEGIN_NS, spread_ms: float = 12, seed: int = 0) -> Notes:
    """Notes of a hymn with these times between them, each onset off by a normal error."""
    chance = random.Random(seed)
    moments = [begin_ns + round((at + chance.gauss(0, spread_ms)) * NS_PER_MS) for at in accumulate((0, *gaps_ms))]
    return [(at_ns, HYMN[index % len(HYMN)]) for index, at_ns in enumerate(moments)]


def even(bpm: float, count: int, begin_ns: int = BEGIN_NS, spread_ms: float = 12, seed: int = 0) -> Notes:
    return melody([60_000 / bpm] * (count - 1), begin_ns, spread_ms, seed)


def off_ms(tempo: SteadyTempo, at_ns: int) -> float:
    """From a moment to the nearest beat."""
    return abs(tempo.ns_at(round(tempo.tick_at(at_ns) / 960) * 960) - at_ns) / NS_PER_MS


@pytest.mark.parametrize("bpm", [60, 70, 88, 112, 130])
@pytest.mark.parametrize("seed", range(2))
def test_the_beat_of_a_melody_is_found_within_eight_notes_and_kept(bpm: float, seed: int) -> None:
    player = Player()

    early = player.play(even(bpm, 8, seed=seed))
    late = player.play(even(bpm, 40, seed=seed)[8:])

    assert early.tempo_bpm == pytest.approx(bpm, rel=0.03)
    assert late.tempo_bpm == pytest.approx(bpm, rel=0.01)
    assert off_ms(late, BEGIN_NS + round(39 * 60 * NS_PER_S / bpm)) < 25
    assert player.changes <= 1
    assert len(player.lines) == 1
    assert player.lines[0].startswith("heard ")


def test_nothing_is_believed_before_it_is_heard_twice() -> None:
    player = Player()

    assert player.play(even(70, 4)) == SteadyTempo(BEGIN_NS, BEAT_NS)
    assert player.play(even(70, 5)[4:]).tempo_bpm == pytest.approx(70, rel=0.03)


def test_the_bars_begin_with_the_first_note_once_they_are_heard() -> None:
    player = Player()

    player.play(even(70, 12))

    anew = [metre for metre in player.metres[1:] if not metre.continues]
    assert anew
    assert all(metre.at_ns <= BEGIN_NS + 30 * NS_PER_MS for metre in anew)
    assert [metre.tick % 960 for metre in player.metres] == [0] * len(player.metres)


def test_another_tempo_is_followed_and_said() -> None:
    player = Player()
    before = even(80, 24)

    player.play(before)
    after = player.play(even(108, 24, before[-1][0] + 600 * NS_PER_MS))

    assert min(abs(after.tempo_bpm / 108 - octave) for octave in (0.5, 1)) < 0.02  # both are right
    assert 1 <= player.changes <= 3
    assert len(player.lines) >= 2


def test_a_tempo_that_drifts_is_followed_in_small_steps() -> None:
    player = Player()
    gaps = [60_000 / (84 + index / 4) for index in range(48)]  # from 84 to 96 bpm

    tempo = player.play(melody(gaps))

    assert tempo.tempo_bpm == pytest.approx(95, rel=0.02)
    heard = [each for each in player.tempos if each.beat_ns != BEAT_NS]
    assert max(abs(after.beat_ns / before.beat_ns - 1) for before, after in pairwise(heard)) < 0.03


def test_a_bend_begins_at_a_beat_and_leaves_it_near_its_place() -> None:
    player = Player()
    notes = even(90, 40)

    player.play(notes)

    bent = [(index, *two) for index, two in enumerate(pairwise(player.tempos)) if index > 20 and two[0] != two[1]]
    assert bent
    for index, before, after in bent:
        assert off_ms(after, before.ns_at((before.tick_at(notes[index][0]) // 960 + 1) * 960)) < 25


def test_a_pause_keeps_the_tempo_and_the_beat_is_heard_anew() -> None:
    player = Player()
    player.play(even(72, 16))
    later_ns = BEGIN_NS + 60 * NS_PER_S + 271 * NS_PER_MS

    assert player.play(even(72, 3, later_ns)).tempo_bpm == pytest.approx(72, rel=0.01)
    tempo = player.play(even(72, 8, later_ns)[3:])

    assert off_ms(tempo, later_ns + round(7 * 60 * NS_PER_S / 72)) < 25
    assert len(player.lines) == 1


@pytest.mark.parametrize("count", [1, 4])
def test_a_note_alone_and_a_chord_change_nothing(count: int) -> None:
    player = Player()

    tempo = player.play([(BEGIN_NS + index * 9 * NS_PER_MS, 60 + 4 * index) for index in range(count)], rest_ms=5_000)

    assert tempo == SteadyTempo(BEGIN_NS, BEAT_NS)
    assert player.lines == player.metres[1:] == []


@pytest.mark.parametrize("gap_ms", [20, 62, 90, 125, 200, 3_000])
@pytest.mark.parametrize("steps", [1, 12])
def test_even_notes_of_any_speed_have_one_tempo_in_reason(gap_ms: int, steps: int) -> None:
    """A trill, forty fast notes, 300 bpm, 20 bpm."""
    player = Player()

    player.play([(BEGIN_NS + index * gap_ms * NS_PER_MS, 60 + 2 * (index % (steps + 1))) for index in range(40)])

    assert all(35 <= tempo.tempo_bpm <= 250 for tempo in player.tempos)
    assert player.changes <= 2


@pytest.mark.parametrize("seed", range(4))
def test_what_has_no_rhythm_seldom_changes_the_tempo(seed: int) -> None:
    chance, player = random.Random(seed), Player()
    moments = accumulate(chance.randrange(60, 1_500) for _ in range(60))

    player.play([(BEGIN_NS + at * NS_PER_MS, chance.randrange(40, 90)) for at in moments])

    assert all(35 <= tempo.tempo_bpm <= 250 for tempo in player.tempos)
    assert player.changes <= 7


def test_a_set_tempo_is_kept() -> None:
    player = Player()
    player.fixed_ns = BEAT_NS

    assert player.play(even(70, 20)) == SteadyTempo(BEGIN_NS, BEAT_NS)
    assert player.lines == []


def test_a_tempo_that_is_set_while_somebody_plays_begins_at_a_beat() -> None:
    player = Player()
    notes = even(70, 16)
    before = player.play(notes[:12])
    player.fixed_ns = NS_PER_S // 2

    after = player.play(notes[12:])

    assert after.beat_ns == NS_PER_S // 2
    beats = [tick * 960 for tick in range(200) if before.ns_at(tick * 960) == after.ns_at(tick * 960)]
    assert len(beats) == 1
    assert notes[11][0] < before.ns_at(beats[0]) < notes[15][0]


def test_what_was_heard_before_is_expected_and_believed_at_once() -> None:
    first = Player()
    first.play(even(132, 12))
    assert first.tracker.belief is not None

    again = Player(first.tracker.belief)
    again.tracker.tempo = SteadyTempo(BEGIN_NS, round(60 * NS_PER_S / 132))

    assert again.play(even(132, 4)).tempo_bpm == pytest.approx(132, rel=0.03)
    assert len(again.lines) == 1


def test_it_listens_in_many_short_steps_and_not_while_keys_are_pressed() -> None:
    player = Player()
    player.play(even(90, 4), rest_ms=50)

    calls = 0
    for now_ns in range(player.notes[-1].onset_ns, player.notes[-1].onset_ns + NS_PER_S, NS_PER_MS):
        if player.tracker.is_behind(now_ns):
            assert now_ns - player.notes[-1].onset_ns >= 50 * NS_PER_MS
            player.tracker.advance(now_ns)
            calls += 1

    assert calls >= 8
