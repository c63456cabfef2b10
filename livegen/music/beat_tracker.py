"""Follows the beat of music while somebody plays it: a belief, which each of its notes may bend.

The ear for the metre of a phrase hears the newest onsets again and again, a little at a time. The first tempo is
believed once it was heard twice, another one after three times, and half or double of the last one, of which both may
be right, after four times. Where the last tempo still holds, its next beat moves to where the newest onsets have it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from math import log

import numpy as np

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.events import TICKS_PER_QUARTER
from livegen.music.metre import Metre
from livegen.music.metre_detection import BEATS_MS, CHORD_NS, HeardMetre, Steps, hear_in_steps, in_words
from livegen.music.phrase_capture import HeardNote
from livegen.music.tempo_map import SteadyTempo, nearest, next_multiple

_ONSETS, _NOTES = 16, 96  # the newest ones, that the beat is heard from
_FEWEST = 4  # onsets
_BEATS_MS = BEATS_MS[::2]  # of the tempos that the ear tries every other one: it hears as well, in half the time
_GAP_NS = 3 * NS_PER_S  # notes before such a pause have no beat in common with those after it
_QUIET_NS = 50 * NS_PER_MS  # after a key press: its frame, and those of likely next notes, come first
_STEADY = 2  # once all is as it was believed, it is listened after so many onsets
_SURE = 0.5  # a tempo that is less likely than that is not heard
FASTEST_NS, _SLOWEST_NS = 240 * NS_PER_MS, 1_725 * NS_PER_MS  # quarters: 250 and 35 bpm
_SAME = 0.04  # tempos that are so near to each other, in natural logarithms, are the same
_FIRST, _OTHER, _OTHER_OCTAVE = 2, 3, 4  # how often a tempo must be heard to be believed
_BARS, _LATER_BARS = 2, 6  # ... and other bars: while all that was played is listened to, and later
_MEMORY = 5  # notes after which the moment of a note counts for a third
_TOLD_NS = 2 * NS_PER_MS  # beats that are further off than this from what was told are told anew
_APART = TICKS_PER_QUARTER // 6  # beats that are so far apart are not the same
_SAID = 0.1  # a tempo that has drifted so far, in natural logarithms, is said again


class BeatTracker:
    """Owner of the beat of an accompaniment, as a ``TempoMap``. Owned by the accompaniment; it is told the time.

    ``newest`` gives so many of the newest notes at a moment; ``counted`` what is heard as the settings and the codec
    count it; ``fixed_ns`` the length of a quarter where it is set, else 0: then nothing is heard.
    """

    def __init__(
        self,
        begun: Metre,
        before: HeardMetre | None,
        *,
        newest: Callable[[int, int], Sequence[HeardNote]],
        counted: Callable[[HeardMetre], HeardMetre],
        fixed_ns: Callable[[], int],
    ) -> None:
        self.tempo = SteadyTempo(begun.ns_at(0), begun.beat_ns)  # tick 0 is a bar line
        self.metre = begun  # as it is to be told
        self.belief = before  # the metre that was heard last
        self._newest, self._counted, self._fixed_ns = newest, counted, fixed_ns
        self._before = before  # what is believed without the notes that are listened to
        self._said_ns = 0  # the quarter of the tempo that was said last
        self._is_heard = False
        self._others: list[SteadyTempo] = []  # heard since the belief was right
        self._other_bars: list[tuple[int, int]] = []  # beats in a bar and tick of its line, heard since they were right
        self._steps: Steps[HeardMetre] | None = None
        self._fresh = 0  # onsets since it was listened last
        self._onsets: Sequence[int] = ()  # of the notes that are listened to
        self._is_whole = True  # it is listened to all that was played since the beginning, or since a pause
        self._last_ns: int | None = None  # when a key was last pressed

    @property
    def beat_ns(self) -> int:
        """As ``TempoMap.beat_ns``."""
        return self.tempo.beat_ns

    def ns_at(self, tick: int) -> int:
        """As ``TempoMap.ns_at``; the bars are at multiples of theirs."""
        return self.tempo.ns_at(tick)

    def tick_at(self, at_ns: int) -> int:
        """As ``TempoMap.tick_at``."""
        return self.tempo.tick_at(at_ns)

    def note_on(self, at_ns: int) -> None:
        """A key is pressed."""
        if self._last_ns is None or at_ns - self._last_ns > CHORD_NS:
            self._fresh += 1
        if self._last_ns is not None and at_ns - self._last_ns > _GAP_NS:
            self._is_heard, self._before, self._others = False, self.belief, []
        self._last_ns = at_ns

    def is_behind(self, now_ns: int) -> bool:
        """Is there anything to hear now?"""
        if self._last_ns is None or now_ns - self._last_ns < _QUIET_NS:
            return False
        is_steady = self._is_heard and not self._others
        return self._steps is not None or self._fresh >= (_STEADY if is_steady else 1)

    def advance(self, now_ns: int) -> Sequence[str]:
        """Listen for a millisecond; return lines for the person at the keyboard. ``tempo`` may be another then."""
        if fixed_ns := self._fixed_ns():
            self._steps, self._fresh = None, 0
            self._bend(SteadyTempo(self.tempo.ns_at(self._next_beat(now_ns)), fixed_ns), now_ns)
            return ()
        if self._steps is None:
            self._fresh = 0
            self._steps = self._listen(now_ns)
            return ()
        try:
            next(self._steps)
        except StopIteration as over:
            self._steps = None
            return self._take(over.value, now_ns)
        return ()

    def _listen(self, now_ns: int) -> Steps[HeardMetre] | None:
        """Begin to hear the newest onsets; None when there are too few."""
        notes = self._newest(_NOTES, now_ns)
        gaps = [later.onset_ns - note.onset_ns for note, later in pairwise(notes)]
        begins = [index for index in range(len(notes)) if not index or gaps[index - 1] > CHORD_NS]
        first = max((index + 1 for index, gap in enumerate(gaps) if gap > _GAP_NS), default=0)
        newest = [index for index in begins if index >= first][-_ONSETS:]
        if len(newest) < _FEWEST:
            return None
        self._is_whole = newest[0] == first and (first > 0 or len(notes) < _NOTES)
        heard = notes[newest[0] :]
        onsets, pitches = [note.onset_ns for note in heard], [note.pitch for note in heard]
        self._onsets = onsets
        before = self._before if self._is_whole else self.belief
        return hear_in_steps(onsets, pitches, before, beats_ms=_BEATS_MS)

    def _take(self, found: HeardMetre, now_ns: int) -> Sequence[str]:
        """Believe what was heard, or wait until it is heard again."""
        heard = self._counted(found).in_quarters()
        if found.sureness < _SURE or not FASTEST_NS <= heard.tempo.beat_ns <= _SLOWEST_NS:
            return ()
        if self._is_heard and _is_beat(self.tempo, heard.tempo, now_ns):
            self._others = []
            self._bend(_newest_tempo(heard, self._onsets), now_ns)
            self._count_bars(heard, now_ns)
        else:
            self._others = [*self._others, heard.tempo] if self._is_again(heard.tempo, now_ns) else [heard.tempo]
            if len(self._others) < self._needed(heard.tempo):
                return ()
            self._is_heard, self._others = True, []
            self.tempo = heard.tempo
            self._begin_bars(heard)
        self.belief = found
        return self._say(heard)

    def _is_again(self, heard: SteadyTempo, now_ns: int) -> bool:
        """Is it what was heard last? At the tempo that is believed, beats are to be in the same place, too."""
        if not self._others:
            return False
        last = self._others[-1]
        if self._is_heard and _is_near(self.tempo, heard):
            return _is_beat(last, heard, now_ns)
        return _is_near(last, heard) or (not self._is_heard and _is_octave(last, heard))

    def _needed(self, heard: SteadyTempo) -> int:
        """How often it must be heard, one time after another."""
        if not self._is_heard:
            return 1 if self.belief is not None and _is_near(self.tempo, heard) else _FIRST
        return _OTHER_OCTAVE if _is_octave(self.tempo, heard) else _OTHER

    def _count_bars(self, heard: HeardMetre, now_ns: int) -> None:
        """Count how often other bars than those believed are heard, one time after another; in the end believe them."""
        bars, beat = heard.bars, heard.tempo
        line = nearest(beat.tick_at(now_ns) - bars.upbeat, bars.ticks) + bars.upbeat
        tick = nearest(self.tempo.tick_at(beat.ns_at(line)), _grid(beat))
        other = bars.beats, tick % bars.ticks
        if other == (self.metre.beats_per_bar, 0):
            self._other_bars = []
            return
        self._other_bars = [*self._other_bars, other] if self._other_bars[-1:] == [other] else [other]
        if len(self._other_bars) >= (_BARS if self._is_whole else _LATER_BARS):
            self._begin_bars(heard)

    def _begin_bars(self, heard: HeardMetre) -> None:
        """Count bars as they are heard, from the first onset on or from the middle of what was listened to."""
        upbeat = heard.bars.upbeat
        middle = 0 if self._is_whole else max(heard.ticks) // 2
        line_ns = heard.tempo.ns_at(upbeat - next_multiple(upbeat - middle, heard.bars.ticks))
        tick = nearest(self.tempo.tick_at(line_ns), _grid(heard.tempo))
        self.tempo = replace(self.tempo, anchor_ns=self.tempo.ns_at(tick))
        self.metre = Metre(self.tempo.ns_at(0), 0, self.tempo.beat_ns, heard.bars.beats)
        self._other_bars = []

    def _bend(self, heard: SteadyTempo, now_ns: int) -> None:
        """Let the next beat be where it is heard, and go on from there."""
        tick = self._next_beat(now_ns)
        beat_ns = heard.ns_at(nearest(heard.tick_at(self.tempo.ns_at(tick)), _grid(heard)))
        self.tempo = replace(heard, anchor_ns=beat_ns - tick * heard.beat_ns // TICKS_PER_QUARTER)
        later = tick + self.metre.bar
        if abs(self.metre.ns_at(later) - self.tempo.ns_at(later)) > _TOLD_NS:
            self.metre = Metre(beat_ns, tick, heard.beat_ns, self.metre.beats_per_bar, continues=True)

    def _next_beat(self, now_ns: int) -> int:
        return next_multiple(self.tempo.tick_at(now_ns) + 1, TICKS_PER_QUARTER)

    def _say(self, heard: HeardMetre) -> Sequence[str]:
        """The line for a tempo that is heard first, or that is another than was said."""
        beat_ns = self.tempo.beat_ns
        if self._said_ns and abs(log(beat_ns / self._said_ns)) < _SAID:
            return ()
        self._said_ns = beat_ns
        return (f"heard {in_words(self.tempo, heard.bars)}",)


def _newest_tempo(heard: HeardMetre, onsets: Sequence[int]) -> SteadyTempo:
    """Its tempo as the newest onsets have it: least squares of how late they are, the older ones counting less."""
    tempo = heard.tempo
    beats = (np.array(heard.ticks) - heard.ticks[-1]) / TICKS_PER_QUARTER
    if beats[0] > -1:
        return tempo
    late_ns = np.array([at_ns - tempo.ns_at(tick) for at_ns, tick in zip(onsets, heard.ticks, strict=True)])
    weights = np.exp(np.arange(1 - len(onsets), 1) / _MEMORY / 2)  # they are squared
    slower_ns, at_end_ns = np.polyfit(beats, late_ns, 1, w=weights)
    most_ns = _SAME * tempo.beat_ns
    beat_ns = tempo.beat_ns + round(float(np.clip(slower_ns, -most_ns, most_ns)))
    beat_ns = min(max(beat_ns, FASTEST_NS), _SLOWEST_NS)
    end = SteadyTempo(tempo.ns_at(heard.ticks[-1]) + round(float(at_end_ns)), beat_ns, tempo.swing)
    return replace(end, anchor_ns=end.ns_at(-heard.ticks[-1]))


def _grid(tempo: SteadyTempo) -> int:
    """Where a beat may be that is taken for the other half of one: a beat of 6/8 is one quarter and a half."""
    return TICKS_PER_QUARTER // (2 if tempo.swing == 1 else 1)


def _is_near(before: SteadyTempo, after: SteadyTempo) -> bool:
    return abs(log(after.beat_ns / before.beat_ns)) < _SAME


def _is_octave(before: SteadyTempo, after: SteadyTempo) -> bool:
    return abs(abs(log(after.beat_ns / before.beat_ns)) - log(2)) < _SAME


def _is_beat(before: SteadyTempo, after: SteadyTempo, at_ns: int) -> bool:
    """Is it the same beat: the tempo, whether it swings, and where the beats, or the halves, are at a moment?"""
    tick = after.tick_at(before.ns_at(nearest(before.tick_at(at_ns), TICKS_PER_QUARTER)))
    is_in_place = abs(tick - nearest(tick, _grid(after))) < _APART
    return _is_near(before, after) and is_in_place and (before.swing != 1) == (after.swing != 1)
