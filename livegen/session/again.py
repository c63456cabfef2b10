"""A session's file played again, and what sounds by it as a MIDI file."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from livegen.errors import SessionError
from livegen.files.midi_file import write_midi
from livegen.recording.format import read_session
from livegen.recording.library import find_session, sessions_folder
from livegen.recording.tracks import origin_ns, voice
from livegen.session.replay import model_opener, replay


def play_again(
    name: str, folder: Path | None, target: Path | None, models: Sequence[Path], report: Callable[[int, int], None]
) -> dict[str, Any]:
    """Replay a session by its name in ``folder``, or by its path; what came of it in figures.

    ``target`` gets what the player played and what sounds by the replay. SessionError where it differs.
    """
    path = find_session(name, folder or sessions_folder())
    session = read_session(path)
    try:
        done = replay(session, model_opener(models), report)
    except SessionError as error:
        raise SessionError(f"{path}: {error}") from None
    if target:
        voices = [("player", voice(session, "player")), ("machine", done.machine)]
        write_midi(target, voices, origin_ns(session))
    return {
        "replayed": "equal, byte for byte",
        "lives": done.lives,
        "cut": done.cut,
        "calls": done.calls,
        "frames": done.frames,
        "sha256": done.sha256,
    }
