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
