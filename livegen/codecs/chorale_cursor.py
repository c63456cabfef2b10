"""Where a chorale has got to, and the tokens that are no notes."""

from dataclasses import dataclass

START, END, FRAME_END, FERMATA = range(4)
FIRST_PITCH = 4


@dataclass(frozen=True, slots=True)
class ChoraleCursor:
    """Where a chorale has got to."""

    tick: int = 0  # of the frame being written
    is_inside: bool = False  # between START and END
    sounding: tuple[int, ...] = ()  # pitches of the last whole frame
    notes: tuple[tuple[int, bool], ...] = ()  # of the frame being written
    fermata: bool = False  # of the frame being written
    under_fermata: bool = False  # was the last whole frame
    is_piece_end: bool = False

    @property
    def is_whole(self) -> bool:
        """No frame is half written."""
        return not self.notes and not self.fermata

    @property
    def is_phrase_end(self) -> bool:
        """The last whole frame stands under a fermata."""
        return self.under_fermata and self.is_whole
