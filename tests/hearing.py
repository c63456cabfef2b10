"""What is heard of held-out music: its key after a few notes, and the chords of two hands.

    python -m tests.hearing [--music FOLDER]

The engine plays ``harmonise`` on a manual clock. Half of the phrases are openings of chorales that the models never saw
(docs/models.md), half are openings of every tenth tune of the books in music21's corpus. With FOLDER the tunes that
are held out of its ``nottingham/`` are measured, too. ``--transposed`` moves each phrase to another of the twelve keys.
It exits with 0 if of the chorales and tunes 85 phrases in 100 have a key signature within a fifth after three notes, 80
the same after eight, and if 95 chords in 100 are answered by a note of our own.
"""

import argparse
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, TypeVar

from export import corpora
from export.corpora.abc import books
from export.corpora.abc_tune import notes_of
from export.corpora.chorales import to_c_or_a_minor
from export.corpora.work import Work
from export.measures.interval import wilson
from livegen.codecs.abc.fields import read_key
from livegen.codecs.chorale import ChoraleCodec
from livegen.errors import SettingsError
from livegen.events import TICKS_PER_QUARTER, Note, NoteOff, NoteOn
from livegen.model.bundle import Bundle, load_bundle
from livegen.music.key import Key
from livegen.tools.harmonise_file import melody_of
from tests.support.hall import Hall

HELD_OUT = 10  # every tenth tune of the books
COUNTED = (1, 2, 3, 5, 8)  # notes after which the key is looked at
_BEAT_MS = 600


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Opening:
    """The first notes of a piece, as (pitch, beats), and its key signature."""

    name: str
    signature: int  # sharps; flats are negative
    notes: tuple[tuple[int, float], ...]

    def transposed(self, semitones: int) -> "Opening":
        """The same music, higher."""
        notes = tuple((pitch + semitones, beats) for pitch, beats in self.notes)
        return Opening(self.name, self.signature + 7 * semitones, notes)


def signature(key: Key) -> int:
    """Its sharps, 0 to 11: eleven are one flat."""
    return (key.tonic + 3 * key.is_minor) * 7 % 12


def fifths_between(one: int, other: int) -> int:
    """How many fifths apart two signatures are, on the circle of twelve."""
    return min((one - other) % 12, (other - one) % 12)


def chorales(most: int) -> Iterator[Opening]:
    """Their sopranos in the key that music21 finds in the four voices; so many, drawn by chance."""
    from music21 import corpus

    codec, split = ChoraleCodec(), corpora.load("bach-chorales", "chorale").split
    for piece in drawn(split.test, most):
        score: Any = corpus.parse(f"bach/{piece.name}")
        found = score.analyze("key")
        key = Key(found.tonic.pitchClass, found.mode == "minor")
        notes = top_line(codec.decode(piece.tokens.tolist()), -to_c_or_a_minor(key.tonic, is_minor=key.is_minor))
        yield Opening(piece.name, signature(key), notes)


def drawn(pieces: Iterable[T], most: int) -> list[T]:
    """So many of them, drawn by chance; all where there are fewer."""
    found = list(pieces)
    return random.Random(1).sample(found, min(most, len(found)))


def tunes(works: Iterable[Work]) -> Iterator[Opening]:
    """The tunes that can be read and say their key."""
    for work in works:
        text = re.search(r"^K:(.*)$", work.content, re.MULTILINE)
        said = read_key(text[1].strip()) if text else None
        with suppress(SettingsError):
            notes = top_line(notes_of(work.content))
            if said and len(notes) >= max(COUNTED):
                yield Opening(work.name, said.signature, notes)


def top_line(notes: Iterable[Note], up: int = 0) -> tuple[tuple[int, float], ...]:
    """The first notes of the highest voice, higher by so many semitones."""
    melody = islice(melody_of(notes), max(COUNTED))
    return tuple((note.pitch + up, note.duration / TICKS_PER_QUARTER) for note in melody)


def of_books(most: int) -> Iterator[Opening]:
    """The tunes of the books in music21's corpus."""
    works = [work for index, work in enumerate(books()) if index % HELD_OUT == HELD_OUT - 1]
    return tunes(drawn(works, most))


def of_folder(folder: Path, most: int) -> Iterator[Opening]:
    """The tunes of the char-RNN study that are held out."""
    found = corpora.source("folk")
    works = list(found.read(folder, lambda done, whole: None))
    return tunes(drawn((work for work, side in zip(works, found.divide(works), strict=True) if side == "test"), most))


def keys_heard(bundle: Bundle, opening: Opening, seed: int) -> list[Key]:
    """The key after each note of ``COUNTED``, 100 ms after it was struck and while it is held."""
    hall = Hall(bundle, {"play": {"role": "harmonise", "seed": seed}})
    heard = []
    for pitch, beats in opening.notes[: max(COUNTED)]:
        hall.play(NoteOn(pitch, 80))
        hall.wait(100)
        assert hall.engine.key is not None
        heard.append(hall.engine.key)
        hall.wait(max(0, beats * _BEAT_MS * 0.9 - 100))
        hall.play(NoteOff(pitch))
        hall.wait(beats * _BEAT_MS * 0.1)
    return heard


@dataclass(frozen=True, slots=True)
class Chord:
    """Keys in the order in which they are pressed, the ms between two of them, and for how long they are down."""

    keys: tuple[int, ...]
    spread_ms: int
    held_ms: int


def two_hand_chord(chance: random.Random) -> Chord:
    """Three to six notes of a triad or a seventh chord: one to three in the left hand, the others in the right."""
    root, third = chance.randrange(12), chance.choice((3, 4))
    classes = {(root + step) % 12 for step in (0, third, 7, *chance.choice(((), (), (10,))))}
    low, high = chance.randrange(36, 53), chance.randrange(65, 73)
    size = chance.randrange(3, 7)
    lefts = chance.randrange(max(1, size - 4), min(3, size - 1) + 1)
    left = [pitch for pitch in range(low, low + 13) if pitch % 12 in classes]
    right = [pitch for pitch in range(high, high + 13) if pitch % 12 in classes]
    lefts = min(lefts, len(left))
    keys = chance.sample(left, lefts) + chance.sample(right, min(size - lefts, len(right)))
    chance.shuffle(keys)
    spread_ms = chance.choice((0, 10, 20, 40, 60)) // len(keys)
    return Chord(tuple(keys), spread_ms, chance.choice((300, 900, 4_000)))


def is_answered(hall: Hall, chord: Chord) -> bool:
    """Does a note of ours, on none of its keys, sound from 150 ms after its last key on until its end?"""
    for key in chord.keys:
        hall.play(NoteOn(key, 80))
        hall.wait(chord.spread_ms)
    hall.wait(150)
    ours = [set(hall.sounding) - set(chord.keys)]
    for _ in range((chord.held_ms - 150) // 50):
        hall.wait(50)
        ours.append(set(hall.sounding) - set(chord.keys))
    for key in chord.keys:
        hall.play(NoteOff(key))
    hall.wait(400)
    return all(ours)


def in_words(well: int, count: int) -> str:
    """A share with its interval of 95 %."""
    share, low, high = wilson(well, count)
    return f"{well} of {count} ({100 * share:.1f} %; 95 %: {100 * low:.1f} to {100 * high:.1f})"


@dataclass
class Heard:
    """How often the key signature was within a fifth, and how often the same, by the count of notes."""

    phrases: int = 0
    near: Counter[int] = field(default_factory=Counter)
    same: Counter[int] = field(default_factory=Counter)
    changes: int = 0

    def hear(self, bundle: Bundle, opening: Opening) -> None:
        """Play an opening."""
        heard = [signature(key) for key in keys_heard(bundle, opening, seed=self.phrases)]
        self.phrases += 1
        self.changes += sum(one != other for one, other in pairwise(heard))
        for count in COUNTED:
            apart = fifths_between(heard[count - 1], opening.signature)
            self.near[count] += apart <= 1
            self.same[count] += apart == 0

    def and_also(self, other: "Heard") -> "Heard":
        """Both together."""
        changes = self.changes + other.changes
        return Heard(self.phrases + other.phrases, self.near + other.near, self.same + other.same, changes)

    def lines(self) -> Iterator[str]:
        """The figures."""
        for count in COUNTED:
            yield f"  after {count} notes: within a fifth {in_words(self.near[count], self.phrases)}"
            yield f"                 the same {in_words(self.same[count], self.phrases)}"
        yield f"  changes of the signature in {max(COUNTED)} notes: {self.changes / self.phrases:.2f} a phrase"

    @property
    def is_well(self) -> bool:
        """Is the key heard soon enough?"""
        return self.near[3] >= 0.85 * self.phrases and self.same[8] >= 0.80 * self.phrases


def measure_chords(bundle: Bundle, count: int, say: Callable[[str], None]) -> bool:
    """Are the chords answered?"""
    chance, well, of_size = random.Random(1), Counter[int](), Counter[int]()
    hall = Hall(bundle, {"play": {"role": "harmonise"}})
    for _ in range(count):
        chord = two_hand_chord(chance)
        of_size[len(chord.keys)] += 1
        well[len(chord.keys)] += is_answered(hall, chord)
    for size in sorted(of_size):
        say(f"  {size} keys: {in_words(well[size], of_size[size])}")
    say(f"  all: {in_words(well.total(), count)}")
    return well.total() >= 0.95 * count


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.hearing", description=__doc__.splitlines()[0])
    parser.add_argument("--music", type=Path, help="a folder of music with nottingham/")
    parser.add_argument("--phrases", type=int, default=40)
    parser.add_argument("--chords", type=int, default=200)
    parser.add_argument("--transposed", action="store_true", help="each phrase in another of the twelve keys")
    given = parser.parse_args()

    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    bundle, half = load_bundle("bach"), given.phrases // 2
    sources = {"chorales": chorales(half), "tunes": of_books(given.phrases - half)}
    sources |= {"tunes of the folder": of_folder(given.music, given.phrases)} if given.music else {}
    found = {}
    for name, openings in sources.items():
        found[name] = heard = Heard()
        for index, opening in enumerate(openings):
            heard.hear(bundle, opening.transposed((5 * index + 1) % 12 - 6) if given.transposed else opening)
        say("\n".join([f"{name}: the key signature", *heard.lines()]))
    both = found["chorales"].and_also(found["tunes"])
    say("\n".join(["chorales and tunes", *both.lines()]))
    say("chords of two hands that are answered")
    is_well = measure_chords(bundle, given.chords, say)
    return 0 if both.is_well and is_well else 1


if __name__ == "__main__":
    sys.exit(main())
