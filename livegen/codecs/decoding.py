"""From tokens to notes: follows a stream of tokens and pairs its events."""

from collections.abc import Iterable

from livegen.codecs.codec import C, Codec
from livegen.events import Note, NoteOff, NoteOn, Ticked


def followed(codec: Codec[C], tokens: Iterable[int], cursor: C | None = None) -> tuple[C, list[Ticked]]:
    """The cursor after a stream of tokens, and its events; ValueError at the first token that is not allowed."""
    cursor, events = codec.begin() if cursor is None else cursor, list[Ticked]()
    for token in tokens:
        if not codec.mask(cursor)[token]:
            raise ValueError(f"{codec.vocabulary.text(token)} may not come at tick {cursor.tick}")
        cursor, settled = codec.step(cursor, token)
        events += settled
    return cursor, events


def paired(events: Iterable[Ticked]) -> list[Note]:
    """Notes, sorted, from note-ons and note-offs; each pitch sounds once at a time."""
    begun: dict[int, tuple[int, int]] = {}  # pitch → (onset, velocity)
    notes: list[Note] = []
    for ticked in events:
        match ticked.event:
            case NoteOn(pitch, velocity):
                begun[pitch] = (ticked.tick, velocity)
            case NoteOff(pitch):
                onset, velocity = begun.pop(pitch)
                notes.append(Note(onset, pitch, ticked.tick - onset, velocity))
    return sorted(notes)


def ends(held: Iterable[tuple[int, int]]) -> tuple[Ticked, ...]:
    """Note-offs for (tick, pitch) pairs."""
    return tuple(Ticked(tick, NoteOff(pitch)) for tick, pitch in held)
