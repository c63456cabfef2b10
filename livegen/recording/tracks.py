"""The two tracks of a session: what the player played, and what livegen sent."""

from collections import Counter
from typing import Literal

from livegen.events import NoteOff, NoteOn, Timed, from_bytes
from livegen.recording.format import Kind, Session

Who = Literal["player", "machine"]

KINDS: dict[Who, Kind] = {"player": Kind.PLAYER, "machine": Kind.MACHINE}


def track(session: Session, who: Who) -> list[Timed]:
    """All events of one track, in order of time; notes that sound at the session's end are ended there."""
    found = ((record.at_ns, from_bytes(record.content)) for record in session.records if record.kind is KINDS[who])
    events = sorted((Timed(at_ns, event) for at_ns, event in found if event), key=lambda timed: timed.at_ns)
    end_ns = max((record.at_ns for record in session.records), default=0)
    return [*events, *(Timed(end_ns, event) for event in note_offs(events))]


def origin_ns(session: Session) -> int:
    """The moment of the first event of either track."""
    moments = (record.at_ns for record in session.records if record.kind in KINDS.values())
    return min(moments, default=0)


def first_note_ns(session: Session) -> int:
    """The moment of the first note of either track, with which bars begin; of the first event when there is none."""
    notes = (
        record.at_ns
        for record in session.records
        if record.kind in KINDS.values() and isinstance(from_bytes(record.content), NoteOn)
    )
    return min(notes, default=origin_ns(session))


def note_offs(events: list[Timed]) -> list[NoteOff]:
    """A note-off for each note that has none."""
    sounding: Counter[tuple[int, int]] = Counter()
    for timed in events:
        match timed.event:
            case NoteOn(pitch, _, channel):
                sounding[pitch, channel] += 1
            case NoteOff(pitch, channel):
                sounding[pitch, channel] = max(sounding[pitch, channel] - 1, 0)
    return [NoteOff(*key) for key in sounding.elements()]
