"""Who plays when: turns, the events that change them, and a table of the roles."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal

from livegen import settings
from livegen.clock import NS_PER_S


class Turn(Enum):
    """Who plays."""

    IDLE = auto()
    LISTENING = auto()  # the player
    PLAYING = auto()  # the machine
    TOGETHER = auto()  # both


class TurnEvent(Enum):
    """The events that can change the turn."""

    BEGIN = auto()  # the role begins
    NOTE_ON = auto()  # the player's note-on
    PHRASE_END = auto()  # the player has paused
    SILENCE = auto()  # the player has paused for long
    ANSWER_END = auto()  # the last note of the answer has ended


Table = Mapping[tuple[Turn, TurnEvent], Turn]  # a pair that is not in it changes nothing
PartName = Literal["answer", "endless", "accompaniment"]


@dataclass(frozen=True, slots=True)
class Role:
    """A row of the table: how turns change, which part plays, and how."""

    turns: Table
    part: PartName
    patience_ns: int = 0  # how long an accompaniment goes on after the player has stopped
    is_immediate: bool = False  # each note is harmonised at once, and silence is kept as silence
    is_left_by_a_touch: bool = False  # a note-on changes to the role that ``role_after_touch`` names
    goes_on: bool = False  # chosen while music plays, it continues that music
    begins_alone: bool = False  # chosen while music plays, it begins before a key is pressed


_ANSWERING: Table = {
    (Turn.IDLE, TurnEvent.NOTE_ON): Turn.LISTENING,
    (Turn.LISTENING, TurnEvent.PHRASE_END): Turn.PLAYING,
    (Turn.PLAYING, TurnEvent.NOTE_ON): Turn.LISTENING,
    (Turn.PLAYING, TurnEvent.ANSWER_END): Turn.IDLE,
}
_BESIDE: Table = {
    (Turn.IDLE, TurnEvent.NOTE_ON): Turn.TOGETHER,
    (Turn.TOGETHER, TurnEvent.SILENCE): Turn.IDLE,
}
_ALONE: Table = {
    (Turn.IDLE, TurnEvent.BEGIN): Turn.PLAYING,
    (Turn.PLAYING, TurnEvent.NOTE_ON): Turn.LISTENING,
}

ROLES: Mapping[settings.Role, Role] = {
    "respond": Role(_ANSWERING, "answer"),  # I stop, it answers; I play again, it stops
    "accompany": Role(_BESIDE, "accompaniment", patience_ns=4 * NS_PER_S, begins_alone=True),  # it plays while I play
    "harmonise": Role(_BESIDE, "accompaniment", patience_ns=30 * NS_PER_S, is_immediate=True),  # each note, at once
    "solo": Role(_ALONE, "endless", is_left_by_a_touch=True, goes_on=True),  # it plays by itself, until I press a key
}
OTHERWISE: settings.Role = "respond"  # the role to play when the model cannot play the chosen one
