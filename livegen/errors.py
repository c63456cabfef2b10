"""The tree of errors: each says what, where, and what would be right.

    LivegenError
    ├── SettingsError     a key, value or file of the settings
    ├── ModelError        a model file that is truncated, foreign or breaks the contract
    ├── MidiFileError     a MIDI file that cannot be read
    ├── SessionError      a session that cannot be read, or not be played again
    ├── PortError         a MIDI port or system that is not there, or is taken
    └── RunningError      another livegen already has this name

They are caught once, in ``cli.py``, and become one line. Any other exception is a bug of ours.
"""

import difflib
from collections.abc import Iterable


class LivegenError(Exception):
    """Something the person at the keyboard can mend."""

    def __str__(self) -> str:
        """One line: what cannot be printed is escaped, for it may come out of a damaged file."""
        text = super().__str__()
        return text if text.isprintable() else "".join(map(_printable, text))


class SettingsError(LivegenError):
    """A key, value or file of the settings is wrong."""


class ModelError(LivegenError):
    """A model file is truncated, foreign, or breaks the contract."""


class MidiFileError(LivegenError):
    """A MIDI file cannot be read as music."""


class SessionError(LivegenError):
    """A session cannot be read, or does not play again as it did."""


class PortError(LivegenError):
    """A MIDI port or a MIDI system is missing or taken."""


class RunningError(LivegenError):
    """Another livegen already runs under this name."""


def _printable(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest of ``known``, else the list of them all."""
    names = sorted(known)
    near = difflib.get_close_matches(word.lower(), [name.lower() for name in names], n=1, cutoff=0.5)
    for name in names:
        if near and name.lower() == near[0]:
            return f"; did you mean '{name}'?"
    return f"; there are: {', '.join(names)}" if names else "; there are none"
