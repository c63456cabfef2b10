"""The figures of a session."""

import json
from pathlib import Path
from typing import Any

from livegen.clock import NS_PER_S
from livegen.events import NoteOn
from livegen.recording.format import Kind, Session, read_session
from livegen.recording.tracks import KINDS, Who, origin_ns, track


def summary(path: Path) -> dict[str, Any]:
    """When a session began, how long it lasts, how many notes and engines it has, and what is missing."""
    session = read_session(path)
    ends = [record.at_ns for record in session.records if record.kind in KINDS.values()]
    return {
        "file": str(path),
        **_opened(session),
        "seconds": round((max(ends) - origin_ns(session)) / NS_PER_S, 1) if ends else 0,
        "notes_in": _notes(session, "player"),
        "notes_out": _notes(session, "machine"),
        "engines": sum(record.kind is Kind.BEGUN for record in session.records),
        "damaged": session.damaged,
        "bytes_lost": session.lost,
    }


def _opened(session: Session) -> dict[str, str]:
    """When and by which livegen the session was recorded, as far as that can be read."""
    for record in session.records:
        if record.kind is Kind.OPENED:
            try:
                opened = json.loads(record.content)
            except ValueError:
                continue
            if isinstance(opened, dict):
                return {key: str(opened.get(key, "")) for key in ("begun", "name", "livegen", "machine")}
    return {}


def _notes(session: Session, who: Who) -> int:
    return sum(isinstance(timed.event, NoteOn) for timed in track(session, who))
