"""The sustain pedal as it is moved with the notes: what it holds, and what a foot may do when notes begin."""

from dataclasses import dataclass, replace
from enum import IntEnum
from math import log

from livegen.music.note_features import Onset

PEDAL_FEATURES = 8
CHANGE_S, PRESS_S = 0.14, 0.04  # after notes begin: a pedal that came up with them goes down again; one that was up
_LONGEST_S = 8.0
_SEMITONE = (1, 11)
_BASS = 60  # a bass is no higher


class PedalMove(IntEnum):
    """What the foot does when notes begin."""

    KEEP = 0  # as it is, down or up
    CHANGE = 1  # up and down again; down, if it is up
    LIFT = 2  # up, if it is down


@dataclass(frozen=True, slots=True)
class Pedal:
    """The pedal between two onsets: an immutable value. ``ringing``: the pitches that began since it went down."""

    is_down: bool = False
    since_s: float = 0.0
    ringing: frozenset[int] = frozenset()

    def after(self, onset: Onset, move: PedalMove) -> "Pedal":
        """With notes that begin, and the foot's move."""
        pitches = frozenset(onset.pitches)
        if move == PedalMove.CHANGE:
            return Pedal(is_down=True, since_s=onset.at_s, ringing=pitches)
        if move == PedalMove.LIFT and self.is_down:
            return Pedal(since_s=onset.at_s)
        return replace(self, ringing=self.ringing | pitches) if self.is_down else self


def clashes(held: frozenset[int], begun: frozenset[int]) -> int:
    """Pitch classes that are held a semitone away from one that begins."""
    classes = {pitch % 12 for pitch in begun}
    return sum(any((held_class - each) % 12 in _SEMITONE for each in classes) for held_class in {p % 12 for p in held})


def blurs(pedal: Pedal, onset: Onset) -> bool:
    """A new bass comes, and what rings is a semitone from one of its chord's notes."""
    bottom, ringing = onset.pitches[-1], pedal.ringing
    if not ringing or bottom > _BASS or bottom % 12 == min(ringing) % 12:
        return False
    return clashes(ringing, frozenset(onset.pitches)) > 0


def pedal_features(pedal: Pedal, onset: Onset) -> list[float]:
    """What a foot goes by when notes begin [PEDAL_FEATURES]."""
    bottom, ringing = onset.pitches[-1], pedal.ringing
    bass = min(ringing, default=bottom)
    return [
        float(pedal.is_down),
        log(max(min(round(onset.at_s - pedal.since_s, 3), _LONGEST_S), 0.02)),
        clashes(ringing, frozenset(onset.pitches)) / 2,
        len({pitch % 12 for pitch in ringing}) / 6,
        len(ringing) / 12,
        float(bottom <= bass),
        float(bottom % 12 == bass % 12),
        max(-2.0, min(2.0, (bottom - bass) / 12)),
    ]
