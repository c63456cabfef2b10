"""What is given of one frame: the notes that somebody else plays in it."""

from dataclasses import dataclass
from typing import Any

from livegen.codecs.codec import FrameCodec, Mask

Voices = tuple[tuple[int, bool], ...]  # (pitch, tied), the highest first


@dataclass(frozen=True, slots=True)
class FramePrompt:
    """The masks that let only frames through which have ``notes``; ``is_top``: with no other voice above them."""

    codec: FrameCodec[Any]
    notes: Voices
    until: int  # the tick after the frame
    is_top: bool

    def mask(self, cursor: Any) -> Mask | None:
        """Tokens that agree with what is given; None after the frame."""
        return None if cursor.tick >= self.until else self.codec.given(cursor, self.notes, is_top=self.is_top)

    def numbers(self) -> tuple[int, ...]:
        """What tells this from other prompts at the same place."""
        return tuple(2 * pitch + tied for pitch, tied in self.notes)
