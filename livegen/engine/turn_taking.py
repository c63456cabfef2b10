"""Turns and happenings: the words that every role's table is written in."""

from collections.abc import Mapping
from enum import Enum, auto


class Turn(Enum):
    """Who has the floor."""

    IDLE = auto()
    LISTENING = auto()  # the player
    PLAYING = auto()  # the machine
    TOGETHER = auto()  # both


class TurnEvent(Enum):
    """What can change whose turn it is."""

    BEGIN = auto()  # the role begins
    NOTE_ON = auto()  # the player's note-on
    PHRASE_END = auto()  # the player has paused
    SILENCE = auto()  # the player has paused for long
    ANSWER_END = auto()  # the last note of the answer has ended


Table = Mapping[tuple[Turn, TurnEvent], Turn]  # what is not in it changes nothing


RESPOND: Table = {
    (Turn.IDLE, TurnEvent.NOTE_ON): Turn.LISTENING,
    (Turn.LISTENING, TurnEvent.PHRASE_END): Turn.PLAYING,
    (Turn.PLAYING, TurnEvent.NOTE_ON): Turn.LISTENING,
    (Turn.PLAYING, TurnEvent.ANSWER_END): Turn.IDLE,
}


ACCOMPANY: Table = {
    (Turn.IDLE, TurnEvent.NOTE_ON): Turn.TOGETHER,
    (Turn.TOGETHER, TurnEvent.SILENCE): Turn.IDLE,
}


HARMONISE: Table = {
    (Turn.IDLE, TurnEvent.NOTE_ON): Turn.TOGETHER,
    (Turn.TOGETHER, TurnEvent.SILENCE): Turn.IDLE,
}


SOLO: Table = {
    (Turn.IDLE, TurnEvent.BEGIN): Turn.PLAYING,
    (Turn.PLAYING, TurnEvent.NOTE_ON): Turn.LISTENING,  # and the role becomes the one that the settings name
}


ROLES = {"respond": RESPOND, "accompany": ACCOMPANY, "harmonise": HARMONISE, "solo": SOLO}
