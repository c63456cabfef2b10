"""The tree of errors: each message says what is wrong, where, and how to fix it.

    LivegenError
    ├── SettingsError     a key, value or file of the settings is wrong
    ├── ModelError        a model file is truncated, foreign, or does not keep the contract
    ├── MidiFileError     a MIDI file cannot be read
    ├── TargetError       a file cannot be written where it was asked for
    ├── SessionError      a session cannot be read or replayed
    ├── PortError         a MIDI port or system is missing, or in use
    ├── SoundError        FluidSynth or a soundfont is missing, or does not work
    ├── RunningError      another livegen runs under this name
    ├── NotRunningError   no livegen runs under this name
    └── FolderError       the runtime folder could be another user's

They are caught once, in ``cli.py``, and printed as one line. Any other exception is a bug in livegen.
"""

import difflib
from collections.abc import Iterable

from livegen.printable import printable


class LivegenError(Exception):
    """An error that the person at the keyboard can fix."""

    exit_status = 1

    def __str__(self) -> str:
        """The message in one line; unprintable characters, as from a damaged file, are escaped."""
        return printable(super().__str__())


class SettingsError(LivegenError):
    """A key, value or file of the settings is wrong."""


class ModelError(LivegenError):
    """A model file is truncated, foreign, or does not keep the contract."""


class MidiFileError(LivegenError):
    """A MIDI file cannot be read, or has no notes."""


class TargetError(LivegenError):
    """A file cannot be written where it was asked for."""


class SessionError(LivegenError):
    """A session cannot be read, or its replay differs."""


class PortError(LivegenError):
    """A MIDI port or a MIDI system is missing, or in use."""


class SoundError(LivegenError):
    """FluidSynth or a soundfont is missing, or does not work."""


class RunningError(LivegenError):
    """Another livegen runs under this name."""


class NotRunningError(LivegenError):
    """No livegen runs under this name."""

    exit_status = 3  # as for the init scripts of the Linux Standard Base: not running


class FolderError(LivegenError):
    """The runtime folder is a link, or another user's."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` with the nearest of ``known``, else the list of all."""
    names = sorted(known)
    near = difflib.get_close_matches(word.lower(), [name.lower() for name in names], n=1, cutoff=0.5)
    for name in names:
        if near and name.lower() == near[0]:
            return f"; did you mean '{name}'?"
    return f"; there are: {', '.join(names)}" if names else "; there are none"
