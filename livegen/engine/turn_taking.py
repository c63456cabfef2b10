"""Turns and happenings: the words that every role's table is written in."""

from collections.abc import Mapping
from enum import Enum, auto


class Turn(Enum):
    """Who has the floor."""

    IDLE = auto()
    LISTENING = auto()  # the player
    ANSWERING = auto()  # the machine
    TOGETHER = auto()  # both


class Happening(Enum):
    """What can change whose turn it is."""

    BEGIN = auto()  # the role begins
    TOUCH = auto()  # the player's note-on
    PHRASE_END = auto()  # the player has paused
    SILENCE = auto()  # the player has paused for long
    ANSWER_END = auto()  # the last note of the answer has ended


Table = Mapping[tuple[Turn, Happening], Turn]  # what is not in it changes nothing


RESPOND: Table = {
    (Turn.IDLE, Happening.TOUCH): Turn.LISTENING,
    (Turn.LISTENING, Happening.PHRASE_END): Turn.ANSWERING,
    (Turn.ANSWERING, Happening.TOUCH): Turn.LISTENING,
    (Turn.ANSWERING, Happening.ANSWER_END): Turn.IDLE,
}


ACCOMPANY: Table = {
    (Turn.IDLE, Happening.TOUCH): Turn.TOGETHER,
    (Turn.TOGETHER, Happening.SILENCE): Turn.IDLE,
}


HARMONISE: Table = {
    (Turn.IDLE, Happening.TOUCH): Turn.TOGETHER,
    (Turn.TOGETHER, Happening.SILENCE): Turn.IDLE,
}


SOLO: Table = {
    (Turn.IDLE, Happening.BEGIN): Turn.ANSWERING,
    (Turn.ANSWERING, Happening.TOUCH): Turn.LISTENING,  # and the role becomes the one that the settings name
}


ROLES = {"respond": RESPOND, "accompany": ACCOMPANY, "harmonise": HARMONISE, "solo": SOLO}
