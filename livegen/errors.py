"""The tree of errors: each message says what is wrong, where, and how to fix it.

    LivegenError
    ├── CommandError      a command or an option does not exist
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

from collections.abc import Iterable

from livegen.printable import printable

_MOST_WRONG = 0.34  # of a word's letters, for it to be a misspelling of another
_OTHER_WORDS = {  # what other programs call it → our word
    "play": "jam",
    "start": "jam",
    "devices": "ports",
    "list": "ports",
    "settings": "config",
    "answer": "respond",
    "external": "midi",
    "ableton": "link",
}


class LivegenError(Exception):
    """An error that the person at the keyboard can fix."""

    exit_status = 1

    def __str__(self) -> str:
        """The message in one line; unprintable characters, as from a damaged file, are escaped."""
        return printable(super().__str__())


class CommandError(LivegenError):
    """A command or an option does not exist."""

    exit_status = 2


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
    """Return ``"; did you mean 'x'?"`` where ``word`` is a misspelling of one of ``known``, else the list of all."""
    names = sorted(known)
    if near := nearest(word, names):
        return f"; did you mean '{near}'?"
    return f"; there are: {', '.join(names)}" if names else "; there are none"


def nearest(word: str, names: Iterable[str]) -> str | None:
    """The name that ``word`` misspells, or another word for it: it has at most a third of its letters wrong.

    The only name that begins with ``word`` comes before the nearest.
    Upper and lower case are the same, and so are spaces, hyphens and underscores.
    """
    plain = {name: _plain(name) for name in names}
    meant = _plain(word)
    if (ours := _OTHER_WORDS.get(meant)) in plain:
        return ours
    completions = [name for name, each in plain.items() if meant and each.startswith(meant)]
    if len(completions) == 1:
        return completions[0]
    ranked = sorted((_edits(meant, each) / max(len(meant), len(each), 1), name) for name, each in plain.items())
    return ranked[0][1] if ranked and ranked[0][0] <= _MOST_WRONG else None


def _plain(word: str) -> str:
    return word.lower().strip("-_ ").replace("-", "_").replace(" ", "_")


def _edits(a: str, b: str) -> int:
    """Letters to add, leave out, replace, or exchange with their neighbour, from ``a`` to ``b``.

    The optimal string alignment distance (Damerau 1964).
    """
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i in range(1, len(a) + 1):
        before, last, row = row, before, [i]
        for j in range(1, len(b) + 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a[i - 1] != b[j - 1]))
            if i > 1 and j > 1 and (a[i - 1], a[i - 2]) == (b[j - 2], b[j - 1]):
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
