"""Gives the notes of an answer or a solo their loudness, and presses the pedal, where the model writes neither.

Loudness is centred on the player's. What the player's own notes had beyond what was foretold of them goes on for some
seconds: a phrase that grew louder is answered louder, and comes back to its mean. It is decided once, when the notes
are planned; a retraction goes back to the state before them. Chance comes from the seed and the position alone.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import groupby
from math import exp
from statistics import NormalDist

from livegen.clock import NS_PER_S
from livegen.engine.part import PlaybackStyle
from livegen.events import SUSTAIN_PEDAL, TICKS_PER_QUARTER, ControlChange, NoteOn, Ticked
from livegen.music.metre import Bars
from livegen.music.note_features import BarPosition, Onset
from livegen.music.pedalling import CHANGE_S, PRESS_S, Pedal, PedalMove
from livegen.music.phrase import Phrase
from livegen.music.phrasing import Floats, Heard, Phrasing, load_phrasing
from livegen.music.tempo_map import TempoMap

PIANO_CODECS = frozenset(("notes", "note_duration"))  # their music is a pianist's, without the pedal
PRESS, LIFT = ControlChange(SUSTAIN_PEDAL, 127), ControlChange(SUSTAIN_PEDAL, 0)
_MIDDLING = 64.0
_LOUDEST_CENTRE = 104.0  # room for accents
_LOUDEST_UNTOUCHED = 92.0  # ... where the keyboard sends the same velocity for every note
_RECENT_S = 1.5  # the end of a phrase counts, by its age
_CARRIED_S = 3.0  # what it was beyond the mean fades in
_MOST_BEND = 20.0  # velocities
_MEAN_OF = 64  # onsets
_MOST_STATES = 128
CHANCE = 0.8  # of people's spread around what is foretold
_NORMAL = NormalDist()
_WORD = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Centre:
    """The loudness that a part's is centred on, as a velocity; ``bend`` beyond it from ``begin_s`` on, and fading."""

    velocity: float = _MIDDLING
    bend: float = 0.0
    begin_s: float = 0.0

    def at(self, at_s: float) -> float:
        """The centre at a moment."""
        return self.velocity + self.bend * exp(-max(0.0, at_s - self.begin_s) / _CARRIED_S)


@dataclass(frozen=True, slots=True)
class _State:
    """After the onsets before ``tick``: an immutable value."""

    tick: int  # of the beat; what begins from it on has not been phrased
    heard: Heard
    pedal: Pedal
    count: int = 0  # onsets
    mean: float = 0.0  # of what was foretold, a velocity
    drift: float = 0.0  # what chance adds, in standard deviations

    def foretold(self, heard: Heard, loudness: float, tick: int) -> "_State":
        """After one more onset of this mean loudness."""
        count = min(self.count + 1, _MEAN_OF)
        return replace(self, tick=tick + 1, heard=heard, count=count, mean=self.mean + (loudness - self.mean) / count)


@dataclass(frozen=True, slots=True)
class Told:
    """The player's notes that a part's phrasing begins from, in ticks of the beat."""

    onsets: tuple[tuple[int, tuple[int, ...], float], ...] = ()  # (tick, pitches, mean velocity)

    @property
    def centre(self) -> float:
        """The mean velocity, a little lower where there is no room above it."""
        found = [velocity for _, _, velocity in self.onsets]
        if not found:
            return _MIDDLING
        most = _LOUDEST_UNTOUCHED if max(found) == min(found) else _LOUDEST_CENTRE
        return min(sum(found) / len(found), most)


def told(phrase: Phrase, origin: int) -> Told:
    """A phrase whose tick 0 is ``origin`` of the beat."""
    found = []
    for onset, notes in groupby(phrase.notes, key=lambda note: note.onset):
        together = list(notes)
        velocity = sum(note.velocity for note in together) / len(together)
        found.append((origin + onset, tuple(sorted({note.pitch for note in together}, reverse=True)), velocity))
    return Told(tuple(found))


@dataclass(frozen=True, slots=True)
class Lines:
    """Where the bar lines are: one at tick ``line`` of the beat; None: only the beats are known."""

    bars: Bars | None = None
    line: int = 0

    def place(self, tick: int, beat_s: float) -> BarPosition:
        """The place of a tick in its bar."""
        if not self.bars:
            return BarPosition(tick % TICKS_PER_QUARTER / TICKS_PER_QUARTER, 0, beat_s)
        beat = (tick - self.line) % self.bars.ticks / TICKS_PER_QUARTER
        return BarPosition(beat, self.bars.beats, beat_s, self.bars.is_compound)


class Phraser:
    """Owner of the loudness and the pedal of one part."""

    def __init__(
        self,
        seed: int,
        place: Callable[[int, float], BarPosition | None],
        said: Told = Told(),
        *,
        is_loud: bool,
        is_pedalled: bool,
        chance: float = CHANCE,
        phrasing: Callable[[], Phrasing] = load_phrasing,
    ) -> None:
        """``place``: of a tick, where a beat lasts so many seconds.

        ``is_loud``: the notes get a loudness; else the model's own stays. ``is_pedalled``: for a piano. ``chance``: how
        much of people's spread around what is foretold is drawn.
        """
        self._phrasing = phrasing()
        self._seed, self._place, self._chance = seed, place, chance
        self._is_loud, self.is_pedalled = is_loud, is_pedalled
        self._waiting = deque(said.onsets)
        self._said = said
        self._goes_on_from = -1  # the tick after a phrase that had our foot on the pedal
        self._centre = Centre(said.centre)
        self._off: list[tuple[float, float]] = []  # (moment, velocities beyond what was foretold)
        self._states: deque[_State] = deque([_State(0, self._phrasing.begin(), Pedal())], maxlen=_MOST_STATES)

    def prime(self, beat: TempoMap, most: int) -> bool:
        """Hear up to ``most`` onsets of the player's phrase; True when it was heard.

        The foot goes along as if it were ours: where it was down at last, it presses anew with the first notes.
        """
        for _ in range(min(most, len(self._waiting))):
            tick, pitches, velocity = self._waiting.popleft()
            onset = self._onset(beat, tick, pitches)
            state = self._states.pop()
            heard, loudness = self._phrasing.hear(state.heard, onset)
            mean = float(loudness.mean())
            self._off.append((onset.at_s, velocity - mean))
            pedal = state.pedal if state.count else Pedal(since_s=onset.at_s)
            pedal = pedal.after(onset, self._move(heard, pedal, onset, tick, is_rest=not self.is_pedalled))
            if not self._waiting:
                self._centre = self._carried()
                self._goes_on_from = tick + 1 if pedal.is_down else -1
                pedal = Pedal(since_s=onset.at_s)
            self._states.append(replace(state.foretold(heard, mean, tick), pedal=pedal))
        return not self._waiting

    def _carried(self) -> Centre:
        """The mean loudness, and how much the end of the phrase was beyond it."""
        end_s = self._off[-1][0]
        ages = [exp((at_s - end_s) / _RECENT_S) for at_s, _ in self._off]
        recent = sum(age * off for age, (_, off) in zip(ages, self._off, strict=True)) / sum(ages)
        bend = recent - sum(off for _, off in self._off) / len(self._off)
        return Centre(self._said.centre, max(-_MOST_BEND, min(_MOST_BEND, bend)), end_s)

    def retract(self, tick: int) -> None:
        """Go back to the state before the beat's tick; the scheduler has lifted the pedal."""
        while len(self._states) > 1 and self._states[-1].tick > tick:
            self._states.pop()
        last = self._states[-1]
        self._states[-1] = replace(last, pedal=Pedal(since_s=last.heard.recent.at_s))

    def move(self) -> None:
        """The beat's ticks have begun anew, as when a clock starts again: what was heard stays."""
        self._states = deque([replace(self._states[-1], tick=0)], maxlen=_MOST_STATES)

    def phrase(self, planned: Iterable[Ticked], until: float, beat: TempoMap, style: PlaybackStyle) -> deque[Ticked]:
        """The events planned, in order, phrased up to the beat's tick ``until``, before which all is known.

        Where the music rests, they have the pedal's lift.
        """
        begin = self._states[-1].tick
        waiting = [each for each in planned if self.is_pedalled and each.event == PRESS and each.tick >= begin]
        press = waiting[0] if waiting else None
        found: list[Ticked] = []
        others = sorted((each for each in planned if each not in waiting), key=_tick)
        for tick, group in groupby(others, key=_tick):
            if press and press.tick <= tick:
                found.append(press)
                press = None
            events = list(group)
            if begin <= tick < until:
                events, press = self._phrased(tick, events, press, beat, style)
            found += events
        return deque(sorted([*found, press], key=_tick) if press else found)

    def _phrased(
        self, tick: int, events: list[Ticked], press: Ticked | None, beat: TempoMap, style: PlaybackStyle
    ) -> tuple[list[Ticked], Ticked | None]:
        """The events of a tick, and the pedal's next press. ``press``: one that was to come later."""
        is_rest = self.is_pedalled and Ticked(tick, LIFT) in events
        events = [each for each in events if not (self.is_pedalled and each.event == LIFT)]
        pitches = {each.event.pitch for each in events if isinstance(each.event, NoteOn)}
        before = self._states[-1]
        is_down = before.pedal.is_down and not press
        lifts = [Ticked(tick, LIFT)] if is_down else []
        if not pitches:
            if is_rest:
                at_s = beat.ns_at(tick) / NS_PER_S
                self._states.append(replace(before, tick=tick + 1, pedal=Pedal(since_s=at_s)))
                return [*events, *lifts], None
            return events, press
        onset = self._onset(beat, tick, tuple(sorted(pitches, reverse=True)))
        if not before.count:
            before = replace(before, pedal=Pedal(since_s=onset.at_s))
        heard, loudness = self._phrasing.hear(before.heard, onset)
        state = before.foretold(heard, float(loudness.mean()), tick)
        state = replace(state, drift=self._drift(before.drift, tick))
        if self._is_loud:
            events = self._loud(events, onset, before.mean if before.count else state.mean, loudness, state, style)
        is_rest = is_rest or not (style.pedal and self.is_pedalled)
        move = self._move(heard, before.pedal, onset, tick, is_rest=is_rest)
        if before.tick == self._goes_on_from and not is_rest:
            move = PedalMove.CHANGE
        self._states.append(replace(state, pedal=before.pedal.after(onset, move)))
        if move == PedalMove.KEEP:
            return events, press
        delay_s = CHANGE_S if before.pedal.is_down else PRESS_S
        later = Ticked(max(tick + 1, beat.tick_at(beat.ns_at(tick) + round(delay_s * NS_PER_S))), PRESS)
        return [*lifts, *events], later if move == PedalMove.CHANGE else None

    def _loud(
        self,
        events: list[Ticked],
        onset: Onset,
        mean: float,
        loudness: Floats,
        state: _State,
        style: PlaybackStyle,
    ) -> list[Ticked]:
        spread, centre = self._phrasing.spread, self._centre.at(onset.at_s)
        loud = dict(zip(onset.pitches, loudness.tolist(), strict=True))

        def velocity(pitch: int) -> int:
            chance = spread.slow * state.drift + spread.own * self._normal(state.tick, pitch)
            return style.loudness(round(centre + style.phrasing * (loud[pitch] - mean + self._chance * chance)))

        return [
            Ticked(each.tick, replace(each.event, velocity=velocity(each.event.pitch)))
            if isinstance(each.event, NoteOn)
            else each
            for each in events
        ]

    def _move(self, heard: Heard, pedal: Pedal, onset: Onset, tick: int, *, is_rest: bool) -> PedalMove:
        if is_rest:
            return PedalMove.LIFT if pedal.is_down else PedalMove.KEEP
        chances = self._phrasing.moves(heard, pedal, onset)
        drawn = self._uniform(tick, -1)
        for move in (PedalMove.KEEP, PedalMove.CHANGE):
            drawn -= float(chances[move])
            if drawn < 0:
                return move
        return PedalMove.LIFT if pedal.is_down else PedalMove.KEEP

    def _drift(self, before: float, tick: int) -> float:
        keep = self._phrasing.spread.keep
        return float(keep * before + (1 - keep * keep) ** 0.5 * self._normal(tick, -1))

    def _normal(self, *numbers: int) -> float:
        return _NORMAL.inv_cdf(self._uniform(*numbers))

    def _uniform(self, *numbers: int) -> float:
        """Above 0 and below 1, from the seed and the numbers alone."""
        return (mixed(self._seed, *numbers) + 1) / (_WORD + 2)

    def _onset(self, beat: TempoMap, tick: int, pitches: tuple[int, ...]) -> Onset:
        return Onset(beat.ns_at(tick) / NS_PER_S, pitches, self._place(tick, beat.beat_ns / NS_PER_S))


def mixed(*numbers: int) -> int:
    """A number below 2 ** 64 from these; any change of one changes it all (SplitMix64; Steele and others, 2014)."""
    state = 0
    for number in numbers:
        state = (state + number + 0x9E3779B97F4A7C15) & _WORD
        state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & _WORD
        state = (state ^ state >> 27) * 0x94D049BB133111EB & _WORD
        state ^= state >> 31
    return state


def _tick(ticked: Ticked) -> int:
    return ticked.tick
