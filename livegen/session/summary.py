"""The figures of a session."""

from pathlib import Path
from typing import Any

from livegen.clock import NS_PER_S
from livegen.events import NoteOn
from livegen.recording.format import Kind, Session, read_session
from livegen.recording.opening import read_opening
from livegen.recording.tracks import KINDS, Who, origin_ns, track


def summary(path: Path) -> dict[str, Any]:
    """When a session began, how long it lasts, how many notes and engines it has, and what is missing."""
    session = read_session(path)
    ends = [record.at_ns for record in session.records if record.kind in KINDS.values()]
    return {
        "file": str(path),
        **_opened(session),
        "seconds": round((max(ends) - origin_ns(session)) / NS_PER_S, 1) if ends else 0,
        "notes_in": note_count(session, "player"),
        "notes_out": note_count(session, "machine"),
        "engines": sum(record.kind is Kind.BEGUN for record in session.records),
        "damaged": session.damaged,
        "bytes_lost": session.lost,
    }


def is_empty(session: Session) -> bool:
    """Nobody played a note, and nothing is missing that could have one."""
    return not session.damaged and not any(note_count(session, who) for who in KINDS)


def _opened(session: Session) -> dict[str, str]:
    """When and by which livegen the session was recorded, as far as that can be read."""
    openings = (read_opening(record) for record in session.records if record.kind is Kind.OPENED)
    opened = next(filter(None, openings), None)
    keys = ("begun", "name", "livegen", "engine", "machine")
    return {key: opened.get(key) or "not recorded" for key in keys} if opened else {}


def note_count(session: Session, who: Who) -> int:
    """How many notes the player played, or the machine."""
    return sum(isinstance(timed.event, NoteOn) for timed in track(session, who))
