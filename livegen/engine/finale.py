"""Brings music to an end: looks for one among futures while what is before it plays, then writes it."""

from collections.abc import Iterable, Iterator
from typing import Generic

from livegen.clock import NS_PER_S
from livegen.codecs.codec import C
from livegen.engine.endings import LENGTH, End, Endings, Weights, Wish
from livegen.engine.token_stream import TokenStream
from livegen.events import TICKS_PER_QUARTER, NoteOff, NoteOn, Ticked
from livegen.music.tempo_map import next_multiple

LEAD_NS = NS_PER_S  # so long before the end must be known, its futures are begun
_STEPS_A_CALL = 2  # of the network, for all futures: some milliseconds


class Finale(Generic[C]):
    """Owner of the end of music that began at the stream's tick ``begin``."""

    def __init__(self, stream: TokenStream[C], wish: Wish, begin: int = 0, weights: Weights | None = None) -> None:
        """``weights``: what is good in an end; None: what is good in the end of an answer of this codec."""
        self._stream = stream
        self.wish = wish
        self._weights = weights
        self.begin = begin
        self.chosen: End | None = None  # once one of the futures was chosen ...
        self._rest: Iterator[int] = iter(())  # ... and its tokens that are not written yet
        self._endings: Endings[C] | None = None

    @property
    def fork(self) -> int:
        """The stream's tick from which on several futures are imagined."""
        length = self.wish.length
        return self.begin + next_multiple(length - min(LENGTH, length // 2), TICKS_PER_QUARTER)

    @property
    def is_looking(self) -> bool:
        """Some futures have been imagined in part."""
        return self._endings is not None

    @property
    def is_changeable(self) -> bool:
        """Its last chord has not been written."""
        return self.chosen is None or self._stream.cursor.tick <= self.chosen.last

    def forget(self) -> None:
        """Drop the futures and the choice: look anew."""
        self._endings = self.chosen = None

    def search(self, written: Iterable[Ticked], *, is_due: bool) -> bool:
        """Imagine the futures, a little at each call, or all at once when it ``is_due``; True once that is over.

        ``written``: what the music has been since it began. Where no future has a note to end on, ``chosen`` is None.
        """
        if not self._endings:
            self._endings = Endings(self._stream, self.wish, self.begin, written, self._weights)
        if is_due:
            self._endings.complete()
        elif not self._endings.advance(_STEPS_A_CALL):
            return False
        self.chosen = self._endings.end
        self._endings = None
        self._rest = iter(self.chosen.tokens if self.chosen else ())
        return True

    def write(self) -> tuple[list[Ticked], bool]:
        """Write the next events of the chosen end; return those that are heard, and whether it is all written.

        After its last chord nothing begins, and that chord is held until the end is over.
        """
        end, before = self.chosen, self._stream.cursor.tick
        assert end
        settled = self._stream.write(self._rest, end.over if before > end.last else before + 1)
        heard = [each for each in settled if each.tick <= (end.last if _is_note(each) else end.over)]
        after = self._stream.cursor.tick
        return heard, before > end.last or after == before or after >= end.over


def _is_note(ticked: Ticked) -> bool:
    return isinstance(ticked.event, NoteOn | NoteOff)
