"""What a piano roll shows: the notes and pedals of events, in seconds, and the lines of the page."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from livegen.clock import NS_PER_S
from livegen.events import SUSTAIN_PEDAL, ControlChange, NoteOff, NoteOn, Timed
from livegen.files.bar_map import BarMap

_MARGIN_S = 0.5  # after the last event
_SHORTEST_S = 4.0
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
    length_s: float


def score_of(player: Sequence[Timed], machine: Sequence[Timed], bars: BarMap | None) -> Score:
    """The picture of events in order of time; it begins where the file of ``bars`` begins, or with the first event."""
    moments = [timed.at_ns for timed in (*player, *machine)]
    first_ns, last_ns = min(moments, default=0), max(moments, default=0)
    origin_ns = min(bars.begin_ns, first_ns) if bars and moments else first_ns

    def seconds(at_ns: int) -> float:
        return (at_ns - origin_ns) / NS_PER_S

    length_s = max(seconds(last_ns) + _MARGIN_S, _SHORTEST_S)
    lines = bars.bar_lines(origin_ns + round(length_s * NS_PER_S)) if bars else ()
    keys = bars.keys() if bars else ()
    return Score(
        Content(tuple(_notes(player, origin_ns, last_ns)), tuple(_pedals(player, origin_ns, last_ns))),
        Content(tuple(_notes(machine, origin_ns, last_ns)), tuple(_pedals(machine, origin_ns, last_ns))),
        tuple(seconds(line) for line in lines),
        tuple((seconds(at_ns), str(key)) for at_ns, key in keys),
        length_s,
    )


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


def lines_of(length_s: float, bars: Sequence[float], longest_s: float) -> list[tuple[float, float]]:
    """(begin, end) of each line of the page: as few as are needed, about equally long, each to a bar line if it can."""
    fewest = _broken(length_s, bars, longest_s)
    shares = (length_s / len(fewest) * (1 + step / _TRIES) for step in range(_TRIES))
    tried = (_broken(length_s, bars, share_s) for share_s in shares if share_s < longest_s)
    return next((lines for lines in tried if len(lines) == len(fewest)), fewest)


def _broken(length_s: float, bars: Sequence[float], longest_s: float) -> list[tuple[float, float]]:
    """Each line ends on the last bar line that leaves it at least half full."""
    lines, begin = [], 0.0
    while length_s - begin > longest_s:
        end = begin + longest_s
        last = bisect_right(bars, end) - 1
        if last >= 0 and bars[last] > begin + longest_s / 2:
            end = bars[last]
        lines.append((begin, end))
        begin = end
    return [*lines, (begin, length_s)]


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
