"""A score in Humdrum's ``**kern``, through music21: its sections played out as its expansion list says, ties joined."""

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

from export.corpora.ties import Written, joined
from livegen.errors import SettingsError
from livegen.events import Note

_LIST = re.compile(r"\*>\[([^\]]*)\]")
_END = re.compile(r"==|\*-")
_LABEL = re.compile(r"\*>([A-Za-z0-9_.+\- ]+)$")


def read(path: Path) -> list[Note]:
    """The notes of a score in order; SettingsError when it cannot be read."""
    from music21 import converter

    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from None
    if "**kern" not in text:
        raise SettingsError(f"{path}: has no **kern in it")
    try:
        score: Any = converter.parseData(expanded(text), format="humdrum")
        return sorted(note for part in score.parts for note in joined(_written(part)))
    except Exception as error:  # noqa: BLE001 (the readers raise whatever they like)
        reason = str(error).splitlines()[0][:80] if str(error) else type(error).__name__
        raise SettingsError(f"{path}: cannot be read as a score ({reason})") from None


def expanded(text: str) -> str:
    """The lines in the order of playing; as they are where sections begin and end with different numbers of spines."""
    lines = text.splitlines()
    named = next((found for line in lines if (found := _LIST.match(line))), None)
    end = next((at for at, line in enumerate(lines) if _END.match(line)), len(lines))
    begins = [(found[1], at) for at, line in enumerate(lines[:end]) if (found := _LABEL.match(line.split("\t")[0]))]
    cuts = [*(at for _, at in begins), end]
    sections = {label: lines[at:cut] for (label, at), cut in zip(begins, cuts[1:], strict=True)}
    order = [label.strip() for label in named[1].split(",")] if named else []
    spines = {section[at].count("\t") for section in sections.values() for at in (0, -1)}
    if not order or not set(order) <= set(sections) or len(spines) > 1:
        return text
    played = [line for label in order for line in sections[label]]
    return "\n".join([*lines[: cuts[0]], *played, *lines[end:]]) + "\n"


def _written(part: Any) -> list[Written]:
    found: list[Written] = []
    for element in part.flatten().notes:
        onset, duration = Fraction(element.offset), Fraction(element.quarterLength)
        for note in getattr(element, "notes", (element,)):
            if hasattr(note, "pitch"):
                is_tied = note.tie is not None and note.tie.type in ("start", "continue")
                found.append(Written(onset, note.pitch.midi, duration, is_tied))
    return found
