"""Music without end: piece after piece, with a breath between them."""

from livegen.engine.part import Part
from livegen.events import TICKS_PER_QUARTER
from livegen.music.tempo_map import next_multiple

_BREATH = 2 * TICKS_PER_QUARTER  # between two pieces, at the least


class Solo(Part):
    """The part of a machine that plays alone."""

    @classmethod
    def from_part(cls, part: Part) -> "Solo":
        """The same part, now without end."""
        solo = cls(part.continuation, part.manner, part.beat)
        solo._take_over(part)
        return solo

    def plan(self, until_ns: int) -> None:
        """Imagine everything that begins before a moment."""
        while not self._is_paused and self._moment() <= until_ns:
            for ticked in self.continuation.imagine():
                self._keep(ticked)
            cursor = self.continuation.cursor
            if cursor.is_piece_end:
                tick = cursor.tick + self._offset
                self._release_all(tick)
                self._offset += next_multiple(tick + _BREATH, TICKS_PER_QUARTER) - tick

    @property
    def is_between_phrases(self) -> bool:
        """It has come to the end of a phrase or of a piece, or waits."""
        cursor = self.continuation.cursor
        return self._is_paused or cursor.is_phrase_end or cursor.is_piece_end
