"""The tempo, metre and key that the engines of a session have told."""

from contextlib import suppress

from livegen.ipc.messages import decode
from livegen.music.metre import KeyChange, Mark, Metre
from livegen.recording.format import Kind, Session


def marks_of(session: Session) -> list[Mark]:
    """All marks, in the order in which they were told; none in sessions from before they were told."""
    marks: list[Mark] = []
    for record in session.records:
        if record.kind is Kind.SAID:
            with suppress(ValueError, IndexError):  # a message of another livegen
                message = decode(record.content)
                if isinstance(message, Metre | KeyChange):
                    marks.append(message)
    return marks
