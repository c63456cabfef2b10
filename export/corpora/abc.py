"""Folk tunes in ABC: the 405 of the char-RNN study, and more of their kind that are no other settings of held-out ones.

``folk`` is the 340 jigs and 65 hornpipes of the Nottingham collection, exactly as their two files have them.
``folk-plus`` puts beside them, to be trained on only, the collection's other files and, brought to the same way of
writing, the books of folk tunes in music21's corpus: O'Neill's Music of Ireland (1850), Ryan's Mammoth Collection and
Aird's Airs. Every tune comes once more in the way in which the codec writes a phrase that was played (``as_played``).
Whatever shares more than ``MOST_SHARED`` of its melody's steps, eight at a time and whatever the key, with a tune that
tests is left out, and of what is trained on, whatever shares as much with one that validates: tunes have twins.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from export.corpora.work import Report, Side, Source, Work, sides
from livegen.codecs.abc.codec import END, START, AbcCodec
from livegen.codecs.codec import Codec
from livegen.codecs.vocabulary import Tokens
from livegen.errors import SettingsError

STUDY_FILES = ("jigs.abc", "hpps.abc")
STEPS = 8  # between the notes of one n-gram
MOST_SHARED = 0.10
BOOKS = {
    "oneills1850": "O'Neill's Music of Ireland",
    "ryansMammoth": "Ryan's Mammoth Collection",
    "airdsAirs": "Aird's Airs",
}

CREDIT = (
    "the Nottingham Music Database (E. Foxley), as the jukedeck/nottingham-dataset has it; O'Neill's Music of Ireland, "
    "Ryan's Mammoth Collection and Aird's Airs, as music21's corpus has them"
)
LICENCE = "folk music in the public domain; the Nottingham transcriptions are under the GPLv3, and only learned from"

_LETTERS = "CDEFGABcdefgab"
_NOTE = re.compile(r"([A-Ga-g])([,']*)")
_NO_NOTES = re.compile(
    r'^(?![A-Ga-g]:[|:])[A-Za-z]:.*$|%.*$|"[^"\n]*"|\{[^}\n]*\}|![^!\n]*!|\[[A-Z]:[^\]\n]*\]', re.MULTILINE
)
_BROKEN = re.compile(r"([_^=]*[A-Ga-gz][,']*)(\d*/?\d*)([<>])([_^=]*[A-Ga-gz][,']*)(\d*/?\d*)")
_FIELD = re.compile(r"(?![A-Ga-g]:[|:])([A-Za-z]):\s*(.*?)\s*(?:%.*)?$")
_INNER_FIELD = re.compile(r"\[([A-Z]:[^\]\n]*)\]")
_MODES = {"maj": "", "ion": "", "min": "m", "aeo": "m", "m": "m"}


def read(folder: Path, report: Report) -> Iterator[Work]:
    """The 405 tunes in file order, jigs and then hornpipes; each is a group of its own."""
    tunes = [(file, text) for file in STUDY_FILES for text in tunes_of(_text(folder, file))]
    for index, (file, text) in enumerate(tunes):
        report(index + 1, len(tunes))
        yield Work(f"{file}/{number(text)}", f"{file}/{index}", text)


def read_more(folder: Path, report: Report) -> Iterator[Work]:
    """The 405, the collection's other files and the books; then all of them as they are played."""
    works = [*read(folder, report), *_nottingham(folder), *books()]
    yield from works
    for work in works:
        if text := as_played(work.content):
            yield Work(f"{work.name}/played", "played", text, part="played")


def divide(works: Sequence[Work]) -> list[Side]:
    """As ``sides``, but a setting of a tune that is held out for a stricter end is left out."""
    placed = sides(works)
    steps = {side: [melody_steps(work.content) for work in _on(side, works, placed)] for side in ("test", "valid")}
    stricter = {"test": [], "valid": steps["test"], "train": [*steps["test"], *steps["valid"]]}
    return ["" if is_among(work.content, stricter[side]) else side for work, side in zip(works, placed, strict=True)]


def _on(side: Side, works: Sequence[Work], placed: Sequence[Side]) -> Iterator[Work]:
    return (work for work, its in zip(works, placed, strict=True) if its == side)


def is_among(tune: str, others: Iterable[frozenset[tuple[int, ...]]]) -> bool:
    """Whether a tune is a setting of one of others, which are given by their steps."""
    own = melody_steps(tune)
    return any(len(steps & own) > MOST_SHARED * len(steps) for steps in others)


def encode(codec: Codec[Any], tune: str) -> Tokens:
    """The characters of a tune between the marks."""
    assert isinstance(codec, AbcCodec)
    return np.concatenate([[START], codec.characters(tune), [END]])


def tunes_of(text: str) -> list[str]:
    """The tunes of a file: each from its ``X:`` to its last line that is not blank."""
    return [f"X:{part.rstrip()}\n" for part in re.split(r"^X:", text.replace("\r", ""), flags=re.MULTILINE)[1:]]


def number(tune: str) -> str:
    """What stands after ``X:``."""
    return tune.partition("\n")[0].removeprefix("X:").strip()


def head_and_body(tune: str) -> tuple[str, str]:
    """A tune up to its first ``K:`` line, that included, and the rest."""
    cut = re.search(r"^K:.*\n", tune, re.MULTILINE)
    return (tune[: cut.end()], tune[cut.end() :]) if cut else (tune, "")


def melody_steps(tune: str) -> frozenset[tuple[int, ...]]:
    """All runs of ``STEPS`` steps up and down the letters of the scale, from note to note."""
    letters = [
        _LETTERS.index(letter) + 7 * (marks.count("'") - marks.count(","))
        for letter, marks in _NOTE.findall(_NO_NOTES.sub("", head_and_body(tune)[1]))
    ]
    steps = [after - before for before, after in pairwise(letters)]
    return frozenset(tuple(steps[at : at + STEPS]) for at in range(len(steps) - STEPS + 1))


def normalised(tune: str, index: int, book: str) -> str | None:
    """A tune of a book in the Nottingham files' way of writing; None when it has voices or lacks key or metre."""
    head, body = head_and_body(tune)
    fields: dict[str, str] = {}
    for line in head.splitlines():
        if field := _FIELD.match(line):
            fields.setdefault(field[1], field[2])
    key = _key(fields.get("K", ""))
    metre = {"C": "4/4", "C|": "2/2"}.get(fields.get("M", ""), fields.get("M", ""))
    if key is None or not re.fullmatch(r"\d+/\d+", metre) or "V:" in tune:
        return None
    lines = [f"X: {index}", f"T:{fields.get('T', '')}", f"% {book}", f"M:{metre}"]
    lines += [f"L:{fields['L']}"] if "L" in fields else []
    music = [line for line in (_music(line) for line in body.splitlines()) if line]
    return "\n".join([*lines, f"K:{key}", *music]) + "\n" if music else None


def as_played(tune: str) -> str | None:
    """A tune as the codec writes a phrase: of its head metre, unit and key; no chord names, spaces or line ends.

    None where that is another unit than an eighth, or notes sound together.
    """
    head, body = head_and_body(tune)
    fields = {"M": "", "L": "", "K": ""}
    lines = [line for line in map(_music, (head + body).splitlines()) if line]
    while lines and (field := _FIELD.match(lines[0])):
        fields[field[1]] = field[2]
        del lines[0]
    metre = fields["M"]
    if not re.fullmatch(r"\d+/\d+", metre) or not fields["K"]:
        return None
    unit = fields["L"] or ("1/8" if Fraction(metre) >= Fraction(3, 4) else "1/16")
    text = "".join(f"\n{line}\n" if _FIELD.match(line) else line for line in lines).replace(" ", "")
    if unit != "1/8" or "L:" in text or re.search(r"\[[^12]", text):
        return None
    text = re.sub(r"(?<!\d)/2(?!\d)", "/", re.sub(r"\n+", "\n", text)).removeprefix("|:").lstrip("|").strip()
    return f"X: 1\nM:{metre}\nL:1/8\nK:{fields['K']}\n{text}\n"


def _key(text: str) -> str | None:
    found = re.match(r"([A-G][#b]?)\s*([A-Za-z]*)$", text)
    if not found:
        return None
    mode = found[2].lower()[:3]
    return found[1] + _MODES.get(mode, mode)


def _music(line: str) -> str:
    """A line without ornaments, fingerings, slurs and space around the bars; of fields only M, L and K."""
    if field := _FIELD.match(line):
        key = _key(field[2]) if field[1] == "K" else field[2]
        return f"{field[1]}:{key}" if field[1] in "KLM" and key else ""
    if inner := _INNER_FIELD.search(line):
        text = _music(inner[1])
        return _music(line[: inner.start()]) + (f"[{text}]" if text else "") + _music(line[inner.end() :])
    line = _NO_NOTES.sub("", line).replace("x", "z")
    line = re.sub(r"\((?!\d)|[^A-Ga-gz0-9/,'^_=|:\[\]<>( -]", "", line)
    line = re.sub(r"([A-Ga-g][,']*[\d/]*)-(?=\s*\|?\s*([A-Ga-g^_=z\[]))", _tie, line)
    line = _BROKEN.sub(_evened, line)
    line = re.sub(r"\s*(\|\]|\|\||:\||\|:|\|)\s*", r"\1", line)
    return re.sub(r"\s+", " ", line).strip()


def _evened(found: re.Match[str]) -> str:
    """A broken rhythm with its lengths written out."""
    before, first, sign, after, second = found.groups()
    shares = (Fraction(3, 2), Fraction(1, 2)) if sign == ">" else (Fraction(1, 2), Fraction(3, 2))
    lengths = [_length(_fraction(text) * share) for text, share in zip((first, second), shares, strict=True)]
    return f"{before}{lengths[0]}{after}{lengths[1]}"


def _fraction(text: str) -> Fraction:
    number, slash, by = text.partition("/")
    return Fraction(int(number or 1), int(by or 2) if slash else 1)


def _length(length: Fraction) -> str:
    number = "" if length.numerator == 1 else str(length.numerator)
    return number if length.denominator == 1 else f"{number}/{length.denominator}"


def _tie(found: re.Match[str]) -> str:
    """A tie binds a note to its like; between two others it was a slur."""
    return found[0] if found[1][0] == found[2] else found[1]


def _text(folder: Path, file: str) -> str:
    path = folder / "nottingham" / file
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise SettingsError(
            f"{path}: cannot be read ({error.strerror}); the folder of music holds nottingham/"
        ) from None


def _nottingham(folder: Path) -> Iterator[Work]:
    for path in sorted((folder / "nottingham").glob("*.abc")):
        if path.name not in STUDY_FILES:
            for text in tunes_of(_text(folder, path.name)):
                yield Work(f"{path.name}/{number(text)}", path.stem, text, part="nottingham")


def books() -> Iterator[Work]:
    """The tunes of the books in music21's corpus."""
    from music21 import corpus

    for name, title in BOOKS.items():
        index = 0
        seen: set[str] = set()
        for path in sorted(Path(path) for path in corpus.getComposer(name)):
            for tune in tunes_of(path.read_text(encoding="utf-8", errors="replace")):
                text = normalised(tune, index + 1, title)
                if text and head_and_body(text)[1] not in seen:
                    seen.add(head_and_body(text)[1])
                    index += 1
                    yield Work(f"{name}/{path.stem}/{number(tune)}", name, text, part="books")


STUDY = Source(read, encode, CREDIT, LICENCE, folders=("nottingham",))
PLUS = Source(read_more, encode, CREDIT, LICENCE, folders=("nottingham",), divide=divide, version=3)
