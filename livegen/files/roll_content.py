"""What a piano roll shows: the notes and pedals of events, in seconds, and the lines of the page."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from livegen.clock import NS_PER_S
from livegen.events import SUSTAIN_PEDAL, ControlChange, NoteOff, NoteOn, Timed
from livegen.files.bar_map import BarMap

_MARGIN_S = 0.5  # after the last event
_SHORTEST_S = 4.0
_LONGEST_REST_S = 20.0  # a longer time without notes is left out,
_MOST_RESTS = 12  # if it is one of the longest
_EARLY_S = 0.03  # a note that begins so long before a bar line belongs to the bar
_TRIES = 20  # lengths of a line


@dataclass(frozen=True, slots=True)
class Stroke:
    """A note in the picture."""

    begin_s: float
    end_s: float
    pitch: int
    velocity: int


@dataclass(frozen=True, slots=True)
class Content:
    """What one of the two plays: notes, and (begin, end) of the time in which a sustain pedal is down."""

    notes: tuple[Stroke, ...]
    pedals: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Score:
    """All that the picture shows; moments are seconds from its beginning."""

    player: Content
    machine: Content
    bars: tuple[float, ...]
    keys: tuple[tuple[float, str], ...]
    spans: tuple[tuple[float, float], ...]  # (begin, end) of what is shown: all but long times without notes

    @property
    def length_s(self) -> float:
        """The length of what is shown."""
        return sum(end - begin for begin, end in self.spans)


def score_of(player: Sequence[Timed], machine: Sequence[Timed], bars: BarMap | None) -> Score:
    """The picture of events in order of time; it begins where the file of ``bars`` begins, or with the first event."""
    moments = [timed.at_ns for timed in (*player, *machine)]
    first_ns, last_ns = min(moments, default=0), max(moments, default=0)
    origin_ns = min(bars.begin_ns, first_ns) if bars and moments else first_ns

    def seconds(at_ns: int) -> float:
        return (at_ns - origin_ns) / NS_PER_S

    length_s = max(seconds(last_ns) + _MARGIN_S, _SHORTEST_S)
    lines = bars.bar_lines(origin_ns + round(length_s * NS_PER_S)) if bars else ()
    lines_s = tuple(seconds(line) for line in lines)
    keys = bars.keys() if bars else ()
    notes = [_notes(events, origin_ns, last_ns) for events in (player, machine)]
    pedals = [_pedals(events, origin_ns, last_ns) for events in (player, machine)]
    theirs, ours = (Content(tuple(each), tuple(down)) for each, down in zip(notes, pedals, strict=True))
    keys_s = tuple((seconds(at_ns), str(key)) for at_ns, key in keys)
    return Score(theirs, ours, lines_s, keys_s, tuple(_spans([*notes[0], *notes[1]], lines_s, length_s)))


@dataclass(frozen=True, slots=True)
class Shown:
    """The part of a note that is in a line; ``is_begun``: with its beginning."""

    begin_s: float
    end_s: float
    is_begun: bool


def shown_in(note: Stroke, begin_s: float, end_s: float) -> Shown | None:
    """What a line shows of a note. A note that is a little early for the next line is in the next line."""
    onset_s = note.begin_s + _EARLY_S
    is_begun = begin_s <= onset_s < end_s
    if not is_begun and not (onset_s < begin_s < note.end_s):
        return None
    return Shown(max(note.begin_s, begin_s), min(note.end_s, end_s), is_begun)


def lines_of(span: tuple[float, float], bars: Sequence[float], longest_s: float) -> list[tuple[float, float]]:
    """(begin, end) of each line of a span: as few as are needed, about equally long, each to a bar line if it can."""
    begin, end = span
    fewest = _broken(begin, end, bars, longest_s)
    shares = ((end - begin) / len(fewest) * (1 + step / _TRIES) for step in range(_TRIES))
    tried = (_broken(begin, end, bars, share_s) for share_s in shares if share_s < longest_s)
    return next((lines for lines in tried if len(lines) == len(fewest)), fewest)


def _broken(begin: float, last: float, bars: Sequence[float], longest_s: float) -> list[tuple[float, float]]:
    """Each line ends on the last bar line that leaves it at least half full."""
    lines = []
    while last - begin > longest_s:
        end = begin + longest_s
        bar = bisect_right(bars, end) - 1
        if bar >= 0 and bars[bar] > begin + longest_s / 2:
            end = bars[bar]
        lines.append((begin, end))
        begin = end
    return [*lines, (begin, last)]


def _spans(notes: Iterable[Stroke], bars: Sequence[float], length_s: float) -> Iterator[tuple[float, float]]:
    """(begin, end) of what is left when long times without notes are left out; each from a bar line, if it can."""
    ordered = sorted(notes, key=lambda note: note.begin_s)
    sounding = list(accumulate((note.end_s for note in ordered), max, initial=0.0))  # up to there, before each note
    rests = [note.begin_s - end for note, end in zip(ordered, sounding, strict=False)]
    shown = max([_LONGEST_REST_S, *sorted(rests, reverse=True)[_MOST_RESTS:]])
    begin = 0.0
    for note, end, rest in zip(ordered, sounding, rests, strict=False):
        if rest > shown:
            if end:
                yield begin, end + _MARGIN_S
            bar = bisect_right(bars, note.begin_s + _EARLY_S) - 1
            begin = max(bars[bar] if bar >= 0 else 0, note.begin_s - _LONGEST_REST_S / 2)
    yield begin, min(length_s, sounding[-1] + _LONGEST_REST_S)


def _notes(events: Iterable[Timed], origin_ns: int, last_ns: int) -> list[Stroke]:
    """The notes of note-ons and note-offs; a note without a note-off lasts to the last event."""
    notes: list[Stroke] = []
    begun: dict[tuple[int, int], tuple[int, int]] = {}  # (channel, pitch) → (onset, velocity)

    def end(key: tuple[int, int], at_ns: int) -> None:
        if key in begun:
            onset_ns, velocity = begun.pop(key)
            begin_s, end_s = (onset_ns - origin_ns) / NS_PER_S, (at_ns - origin_ns) / NS_PER_S
            notes.append(Stroke(begin_s, end_s, key[1], velocity))

    for timed in events:
        match timed.event:
            case NoteOn(pitch, velocity, channel):
                end((channel, pitch), timed.at_ns)
                begun[channel, pitch] = timed.at_ns, velocity
            case NoteOff(pitch, channel):
                end((channel, pitch), timed.at_ns)
    for key in list(begun):
        end(key, last_ns)
    return notes


def _pedals(events: Iterable[Timed], origin_ns: int, last_ns: int) -> list[tuple[float, float]]:
    """When a sustain pedal is down, on any channel."""
    spans: list[tuple[float, float]] = []
    down: set[int] = set()
    begin_ns = 0

    def end(at_ns: int) -> None:
        spans.append(((begin_ns - origin_ns) / NS_PER_S, (at_ns - origin_ns) / NS_PER_S))

    for timed in events:
        match timed.event:
            case ControlChange(number, value, channel) if number == SUSTAIN_PEDAL:
                was_down = bool(down)
                (down.add if value >= 64 else down.discard)(channel)
                if down and not was_down:
                    begin_ns = timed.at_ns
                elif was_down and not down:
                    end(timed.at_ns)
    if down:
        end(last_ns)
    return spans
