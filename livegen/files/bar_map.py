"""The tempos, time signatures and keys of a file: its bar lines are where bars were heard.

Music that was played has phrases of several tempos, with any time between them. In the file the bars of a phrase go on
until the next phrase. The bar before that phrase is as many sixteenths long as fit, and its tempo makes up the rest, so
that the phrase begins on a bar line and every note keeps its moment.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice, pairwise
from math import inf

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.events import TICKS_PER_QUARTER
from livegen.files.midi_tracks import KeySignature, Sign, Tempo, TimeSignature
from livegen.music.key import Key
from livegen.music.metre import KeyChange, Mark, Metre
from livegen.music.tempo_map import next_multiple, round_div

DEFAULT_US = 500_000  # microseconds per quarter where a file says none: 120 bpm
_LARGEST_US = 2**24 - 1  # that a file can say
_SIXTEENTH = TICKS_PER_QUARTER // 4
_WHOLE = 4 * TICKS_PER_QUARTER
_COMPOUND_CLOCKS = 36  # MIDI clocks of three eighths
_SLOWEST_NS = 8 * NS_PER_S  # a beat that is longer is written as several
_FASTEST_NS = NS_PER_MS
_SAME_NS = NS_PER_MS  # bars that begin so close together are the same
_CLOSE_NS = 5 * NS_PER_MS  # bars that are no further off than this are where they were heard
_EXACT_NS = NS_PER_MS // 5  # a tempo goes on where it is no further off than this
_LARGEST_TICK_NS = NS_PER_MS
_MOST_LINES = 100_000  # bar lines of a picture


class BarMap:
    """Converts moments to ticks by the tempos in ``signs``, which are in order; tick 0 is at ``begin_ns``."""

    def __init__(self, signs: Sequence[Sign], begin_ns: int = 0) -> None:
        self.signs = tuple(signs)
        self.begin_ns = begin_ns
        self._times = [sign for sign in self.signs if isinstance(sign, TimeSignature)]
        self._tempos = [Tempo(0, DEFAULT_US)]
        self._moments = [begin_ns]
        for sign in signs:
            if isinstance(sign, Tempo):
                self._moments.append(self.ns_at(sign.tick))
                self._tempos.append(sign)

    @property
    def division(self) -> int:
        """The ticks of a quarter in the file: a multiple of ours that keeps a tick below a millisecond."""
        slowest = max(tempo.us for tempo in self._tempos[1:] or self._tempos)
        return TICKS_PER_QUARTER * -(-slowest * 1000 // (_LARGEST_TICK_NS * TICKS_PER_QUARTER))

    def ns_at(self, tick: int) -> int:
        """The moment of a tick of ours."""
        index = bisect_right(self._tempos, tick, key=lambda tempo: tempo.tick) - 1
        tempo = self._tempos[index]
        return self._moments[index] + round_div((tick - tempo.tick) * tempo.us * 1000, TICKS_PER_QUARTER)

    def tick_at(self, at_ns: int, quarter: int = TICKS_PER_QUARTER) -> int:
        """The nearest tick to a moment, ``quarter`` of them to the quarter; 0 before the beginning."""
        index = max(bisect_right(self._moments, at_ns) - 1, 0)
        tempo = self._tempos[index]
        ticks = round_div((at_ns - self._moments[index]) * quarter, tempo.us * 1000)
        return max(tempo.tick * quarter // TICKS_PER_QUARTER + ticks, 0)

    def bar_lines(self, until_ns: int) -> list[int]:
        """The moments of the bar lines, of a day at the most; none in a file without a time signature."""
        last = self.tick_at(until_ns)
        ends = [*(sign.tick for sign in self._times[1:]), last + 1]
        ticks = (
            tick
            for sign, end in zip(self._times, ends, strict=False)
            for tick in range(sign.tick, min(end, last + 1), _bar(sign))
        )
        return [self.ns_at(tick) for tick in islice(ticks, _MOST_LINES)]

    def line_before(self, tick: int) -> int:
        """The tick of the last bar line at or before a tick; 0 when there is none."""
        before = [sign for sign in self._times if sign.tick <= tick]
        return tick - (tick - before[-1].tick) % _bar(before[-1]) if before else 0

    def keys(self) -> list[tuple[int, Key]]:
        """The keys, each with the moment from which it holds."""
        return [(self.ns_at(sign.tick), sign.key) for sign in self.signs if isinstance(sign, KeySignature)]


def lay_bars(marks: Iterable[Mark], first_ns: int, *, is_fixed: bool = False) -> BarMap:
    """Bars for music whose first note is at ``first_ns``, from the marks that were told while it was made.

    The file begins with the bar line before that note; with ``is_fixed``, and for a note that is early by less than
    half a sixteenth, at the note itself.
    """
    marks = list(marks)
    runs = _runs(mark for mark in marks if isinstance(mark, Metre))
    while len(runs) > 1 and runs[1].begin_ns <= first_ns:
        del runs[0]
    if runs:
        begin_ns = first_ns if is_fixed else runs[0].begin_before(first_ns)
        bars = _lay(runs, begin_ns)
    else:
        begin_ns, bars = first_ns, [Tempo(0, DEFAULT_US)]
    keys = _lay_keys((mark for mark in marks if isinstance(mark, KeyChange)), BarMap(bars, begin_ns))
    return BarMap(sorted([*bars, *keys], key=lambda sign: sign.tick), begin_ns)


def with_defaults(signs: Sequence[Sign]) -> list[Sign]:
    """The signs of a file, with what it means where it says nothing at its beginning: 4/4 at 120 bpm."""
    begun = {type(sign) for sign in signs if sign.tick == 0}
    defaults: list[Sign] = [Tempo(0, DEFAULT_US), TimeSignature(0, 4, 4)]
    return [*(sign for sign in defaults if type(sign) not in begun), *signs]


def _bar(sign: TimeSignature) -> int:
    """Ticks in a bar; a bar of less than a tick is none that can be drawn."""
    return max(1, _WHOLE * sign.beats // sign.unit)


class _Run:
    """Equal bars, counted in ticks, of one tempo or of a clock whose tempo changes."""

    def __init__(self, metre: Metre) -> None:
        self._metres = [metre]
        self.bar, self.is_compound = metre.bar, metre.is_compound
        self.begin = next_multiple(metre.tick, self.bar)  # the first bar line that was heard

    @property
    def begin_ns(self) -> int:
        """The moment of the first bar line that was heard."""
        return self.ns_at(self.begin)

    def go_on(self, metre: Metre) -> bool:
        """Take the same count at another tempo; False when the metre is another."""
        last = self._metres[-1]
        if metre.continues and (metre.bar, metre.is_compound) == (self.bar, self.is_compound):
            if metre.tick > last.tick and metre.at_ns > last.at_ns:
                self._metres.append(metre)
            return True
        return False

    def smooth(self) -> None:
        """Leave out the metres that the lines through the others come close to: the jitter of a clock is no tempo."""
        kept, last = self._metres[:1], self._metres[0]
        least, most = 0.0, inf  # ns a tick of the lines from the last one kept that come close to all since
        for metre in self._metres[1:]:
            ns, ticks = metre.at_ns - kept[-1].at_ns, metre.tick - kept[-1].tick
            if not least <= ns / ticks <= most:
                kept.append(last)
                ns, ticks = metre.at_ns - last.at_ns, metre.tick - last.tick
                least, most = 0.0, inf
            least, most = max(least, (ns - _CLOSE_NS) / ticks), min(most, (ns + _CLOSE_NS) / ticks)
            last = metre
        self._metres = kept if last is kept[-1] else [*kept, last]

    def ns_at(self, tick: int) -> int:
        """The moment of a tick: between two metres, on the line through both."""
        index = max(bisect_right(self._metres, tick, key=lambda metre: metre.tick) - 1, 0)
        metre = self._metres[index]
        if tick < metre.tick or index + 1 == len(self._metres):
            return metre.ns_at(tick)
        after = self._metres[index + 1]
        return metre.at_ns + round_div((tick - metre.tick) * (after.at_ns - metre.at_ns), after.tick - metre.tick)

    def tick_at(self, at_ns: int) -> int:
        """The nearest tick to a moment."""
        index = max(bisect_right(self._metres, at_ns, key=lambda metre: metre.at_ns) - 1, 0)
        metre = self._metres[index]
        ticks, length_ns = TICKS_PER_QUARTER, metre.beat_ns
        if at_ns >= metre.at_ns and index + 1 < len(self._metres):
            after = self._metres[index + 1]
            ticks, length_ns = after.tick - metre.tick, after.at_ns - metre.at_ns
        return metre.tick + round_div((at_ns - metre.at_ns) * ticks, length_ns)

    def begin_before(self, at_ns: int) -> int:
        """The last bar line before a moment, or the moment where a bar line is close."""
        tick = self.tick_at(at_ns)
        line = tick // self.bar * self.bar
        is_close = line + self.bar - tick <= _SIXTEENTH // 2
        return at_ns if is_close else min(self.ns_at(line), at_ns)

    def lay(self, begin: int, end: int | None, writer: "_Writer") -> None:
        """Lay the tempos from a bar line on, up to another or for ever; the first bar makes up a wrong beginning."""
        changes = {metre.tick for metre in self._metres}
        if abs(self.ns_at(begin) - writer.at_ns) > _CLOSE_NS:
            changes.add(begin + self.bar)
        stops = [tick for tick in sorted(changes) if tick > begin and (end is None or tick < end)]
        for before, tick in pairwise([begin, *stops, *(() if end is None else (end,))]):
            writer.go_to(tick - before, self.ns_at(tick))
        if end is None:
            writer.set_tempo(round_div(self._metres[-1].beat_ns, 1000))


def _runs(metres: Iterable[Metre]) -> list[_Run]:
    """The runs in order of time. What was told later is right: it replaces what begins after it."""
    runs: list[_Run] = []
    for metre in map(_sayable, metres):
        if metre.beat_ns < _FASTEST_NS or not metre.beats_per_bar or (runs and runs[-1].go_on(metre)):
            continue
        run = _Run(metre)
        while runs and runs[-1].begin_ns > run.begin_ns - _SAME_NS:
            runs.pop()
        runs.append(run)
    for run in runs:
        run.smooth()
    return runs


def _sayable(metre: Metre) -> Metre:
    """The metre with beats that a file can say."""
    while metre.beat_ns > _SLOWEST_NS:
        metre = replace(metre, beat_ns=metre.beat_ns // 2, tick=metre.tick * 2)
    return metre


def _lay(runs: Sequence[_Run], begin_ns: int) -> list[Sign]:
    writer = _Writer(begin_ns)
    begin = _lead_in(runs[0], runs[1].begin_ns if len(runs) > 1 else None, writer)
    for run, after in pairwise(runs):
        _lay_bars(run, begin, after.begin_ns, writer)
        begin = after.begin
    writer.say_bar(runs[-1].bar, is_compound=runs[-1].is_compound)
    runs[-1].lay(begin, None, writer)
    return writer.signs


def _lead_in(run: _Run, end_ns: int | None, writer: "_Writer") -> int:
    """Lay an incomplete bar at the beginning of the file; return the tick that is reached."""
    tick = run.tick_at(writer.at_ns)
    line = next_multiple(tick, run.bar)
    sixteenths = round_div(line - tick, _SIXTEENTH)
    if sixteenths == run.bar // _SIXTEENTH:
        return line - run.bar
    if not sixteenths:
        return line
    if end_ns is not None and run.ns_at(line) >= end_ns:
        return tick
    writer.say_bar(sixteenths * _SIXTEENTH)
    writer.go_to(sixteenths * _SIXTEENTH, run.ns_at(line))
    return line


def _lay_bars(run: _Run, begin: int, end_ns: int, writer: "_Writer") -> None:
    """Lay whole bars from a bar line on, then an incomplete one that ends at a moment."""
    sixteenths = max(round_div(run.tick_at(end_ns) - begin, _SIXTEENTH), 1)
    bars, rest = divmod(sixteenths * _SIXTEENTH, run.bar)
    if not rest:  # the last bar takes up what is left
        bars, rest = bars - 1, run.bar
    if bars:
        writer.say_bar(run.bar, is_compound=run.is_compound)
        run.lay(begin, begin + bars * run.bar, writer)
    writer.say_bar(rest, is_compound=run.is_compound and rest == run.bar)
    writer.go_to(rest, end_ns)


class _Writer:
    """Owner of the signs, and of the tick and the moment up to which they go."""

    def __init__(self, begin_ns: int) -> None:
        self.signs: list[Sign] = []
        self.at_ns = begin_ns
        self._tick = self._us = 0
        self._bar = (0, False)

    def say_bar(self, ticks: int, *, is_compound: bool = False) -> None:
        """From now on bars have this length; a beat of a compound metre is three eighths."""
        if (ticks, is_compound) == self._bar:
            return
        self._bar = (ticks, is_compound)
        units = (8,) if is_compound else (4, 8, 16)
        unit = next(unit for unit in units if ticks % (_WHOLE // unit) == 0)
        clocks = _COMPOUND_CLOCKS if is_compound else 96 // unit
        self.signs.append(TimeSignature(self._tick, ticks * unit // _WHOLE, unit, clocks=clocks))

    def set_tempo(self, us: int) -> None:
        """From now on a quarter lasts so many microseconds."""
        if us != self._us:
            self._us = us
            self.signs.append(Tempo(self._tick, us))

    def go_to(self, ticks: int, at_ns: int) -> None:
        """Go on by so many ticks, at the tempo that ends at a moment."""
        if not self._us or abs(self._after(ticks, self._us) - at_ns) > _EXACT_NS:
            us = round_div((at_ns - self.at_ns) * TICKS_PER_QUARTER, ticks * 1000)
            self.set_tempo(min(max(us, 1), _LARGEST_US))
        self.at_ns = self._after(ticks, self._us)
        self._tick += ticks

    def _after(self, ticks: int, us: int) -> int:
        return self.at_ns + round_div(ticks * us * 1000, TICKS_PER_QUARTER)


def _lay_keys(changes: Iterable[KeyChange], bars: BarMap) -> list[Sign]:
    """Key signatures on the bar lines before the changes; the first at the beginning."""
    told: list[KeyChange] = []
    for change in changes:
        while told and told[-1].at_ns >= change.at_ns:
            told.pop()
        told.append(change)
    signs: dict[int, Key] = {}
    for change in told:
        tick = bars.line_before(bars.tick_at(change.at_ns) + _SIXTEENTH)  # a first note can come before its beat
        signs[tick if signs else 0] = Key(change.tonic, change.is_minor)
    return [KeySignature(tick, key) for tick, key in signs.items()]
