"""The music that the ear for metre is made from, and what is held out of it to measure it on."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from export.corpora.abc import STUDY_FILES, books, tunes_of
from export.corpora.metred import Kind, Metred, of_chorales, of_pop909, of_tune
from livegen.errors import SettingsError
from livegen.music.metre import Bars

WALTZES_HELD_OUT = (2, 4)  # of every five


@dataclass(frozen=True, slots=True)
class Music:
    """Pieces by style and metre to learn from, and the held-out ones by their kind."""

    train: Mapping[Kind, list[Metred]]
    test: Mapping[str, list[Metred]]


def read_music(folder: Path, report: Callable[[str], None] = lambda _: None) -> Music:
    """Nottingham, the books and the chorales of music21's corpus, POP909.

    Held out: every tenth tune of the char-RNN study (jigs, then hornpipes), every tenth reel, two waltzes of five,
    every tenth chorale and every tenth song.
    """
    train: dict[Kind, list[Metred]] = {}
    test: dict[str, list[Metred]] = {name: [] for name in ("jig", "hornpipe", "waltz", "reel", "hymn", "song")}
    before = 0  # tunes of the study's files before this one
    for path in _in_order(folder / "nottingham"):
        tunes = tunes_of(path.read_text(encoding="utf-8", errors="replace"))
        for index, text in enumerate(tunes):
            held_out = _held_out(path.name, before + index if path.name in STUDY_FILES else index)
            piece = of_tune(f"{path.name}/{index}", text)
            if piece and (held_out != "reel" or piece.bars == Bars(4)):
                place = test[held_out] if held_out else train.setdefault(piece.kind, [])
                place.append(piece)
        before += len(tunes)
    report("tunes read")
    for work in books():
        if piece := of_tune(work.name, work.content):
            train.setdefault(piece.kind, []).append(piece)
    report("books read")
    for index, piece in enumerate(of_chorales()):
        place = test["hymn"] if index % 10 == 9 else train.setdefault(piece.kind, [])
        place.append(piece)
    report("chorales read")
    for piece in of_pop909(folder / "pop909"):
        place = train.setdefault(piece.kind, []) if int(piece.name[:3]) % 10 else test["song"]
        place.append(piece)
    report("songs read")
    if not test["song"] or not test["jig"]:
        raise SettingsError(f"{folder}: the folder of music holds nottingham/ and pop909/")
    return Music(train, test)


def _in_order(folder: Path) -> Iterable[Path]:
    """The study's files first, in its order."""
    others = sorted(path for path in folder.glob("*.abc") if path.name not in STUDY_FILES)
    return [*(folder / name for name in STUDY_FILES if (folder / name).exists()), *others]


def _held_out(file: str, index: int) -> str:
    """What kind of held-out music a tune is; "" for one to learn from."""
    if file in STUDY_FILES and index % 10 == 9:
        return "jig" if file == "jigs.abc" else "hornpipe"
    if file.startswith("reels") and index % 10 == 9:
        return "reel"
    return "waltz" if file == "waltzes.abc" and index % 5 in WALTZES_HELD_OUT else ""
