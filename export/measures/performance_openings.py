"""Openings: stretches of held-out performances, told to a model that is to go on, and how people went on."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from export.corpora.performances import KINDS, kind, spread
from export.corpora.work import Piece
from export.measures.continuations import Each
from export.measures.playing import Playing, heard, timed
from livegen.clock import NS_PER_S
from livegen.codecs.performance import PerformanceCodec
from livegen.codecs.performance_grammar import END, FIRST_LOUDNESS, FIRST_WAIT, on_grid
from livegen.codecs.performance_writing import HALF_PEDAL, begun
from livegen.events import SUSTAIN_PEDAL, ControlChange, NoteOff, NoteOn, Timed

DOWN, UP = ControlChange(SUSTAIN_PEDAL, 127), ControlChange(SUSTAIN_PEDAL, 0)


@dataclass(frozen=True, slots=True)
class Opening:
    """A stretch of a performance, from 0 ns on; what comes next begins at ``cut_ns``."""

    piece: str  # its name
    kind: str  # of the piece, songs or pieces
    tokens: tuple[int, ...]  # from START to the wait before what comes next
    events: tuple[Timed, ...]  # in order, with those that come next
    cut_ns: int
    end_ns: int

    @property
    def phrase(self) -> Playing:
        """What is told."""
        return heard(self.events, 0, self.cut_ns)

    @property
    def people(self) -> Playing:
        """How people went on."""
        return heard(self.events, self.cut_ns, self.end_ns)

    def continued(self, codec: PerformanceCodec, tokens: Sequence[int]) -> Playing:
        """How a model went on, by its tokens: as long as people's, or to the end of the piece."""
        told = [*self.tokens, *takewhile(lambda token: token != END, tokens)]
        events = timed(codec, told)
        end_ns = min(self.end_ns, events[-1].at_ns) if END in tokens else self.end_ns
        return heard(events, self.cut_ns, max(self.cut_ns, end_ns))


def openings(
    codec: PerformanceCodec, pieces: Sequence[Piece], count: int, phrase_s: float, after_s: float, each: Each
) -> list[Opening]:
    """So many openings, half of songs and half of pieces, from as many of either as there are.

    Of a piece of which there are several, the first is its beginning, the others begin later, at a note.
    """
    chosen, halves = spread(pieces, count), dict(zip(KINDS, (count - count // 2, count // 2), strict=True))
    found = list[Opening]()
    for piece in each(chosen, "openings"):
        kin = [other.name for other in chosen if kind(other) == kind(piece)]
        number, rest = divmod(halves[kind(piece)], len(kin))
        number += kin.index(piece.name) < rest
        found += _of_piece(codec, piece, number, round(phrase_s * NS_PER_S), round(after_s * NS_PER_S))
    return found


def _of_piece(codec: PerformanceCodec, piece: Piece, number: int, phrase_ns: int, after_ns: int) -> Iterator[Opening]:
    """So many openings of a piece; none where it is too short."""
    events = timed(codec, piece.tokens.tolist())
    room = events[-1].at_ns - phrase_ns - after_ns
    begins = [each.at_ns for each in events if isinstance(each.event, NoteOn) and each.at_ns <= room]
    for place in range(number if begins else 0):
        begin = next(at for at in begins if at >= begins[-1] * place // number)
        yield _opening(codec, piece, list(_from(events, begin)), phrase_ns, after_ns)


def _from(events: Iterable[Timed], begin_ns: int) -> Iterator[Timed]:
    """The events from a moment on, as if all keys had been up before; the pedal is as it was."""
    is_down, is_begun, struck = False, False, set[int]()
    for each in events:
        if each.at_ns < begin_ns:
            if isinstance(each.event, ControlChange):
                is_down = each.event.value >= HALF_PEDAL
            continue
        if is_down and not is_begun:
            yield Timed(0, DOWN)
        is_begun = True
        if isinstance(each.event, NoteOn):
            struck.add(each.event.pitch)
        if not isinstance(each.event, NoteOff) or each.event.pitch in struck:
            yield replace(each, at_ns=each.at_ns - begin_ns)


def _opening(codec: PerformanceCodec, piece: Piece, events: Sequence[Timed], phrase_ns: int, after_ns: int) -> Opening:
    """The opening that lasts until the first event after ``phrase_ns``."""
    writer, start = begun(codec, codec.begin())
    tokens = list(start)
    for each in events:
        writer, told = writer.hear(on_grid(each))
        if each.at_ns >= phrase_ns:
            waits = [place for place, token in enumerate(told) if FIRST_WAIT <= token < FIRST_LOUDNESS]
            tokens += told[: waits[-1] + 1]
            break
        tokens += told
    return Opening(piece.name, kind(piece), tuple(tokens), tuple(events), each.at_ns, each.at_ns + after_ns)
