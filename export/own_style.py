"""A model tuned to a folder of music or to recorded sessions: what is read and held out, what it gains, its card."""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from export import ship, tuning
from export.corpora import own_music
from export.corpora.work import Piece, Report
from export.from_onnx import Restored, from_onnx
from export.to_onnx import rounded, state_parts
from export.tuning import Held, Way
from livegen.errors import SettingsError
from livegen.files.target import check_target
from livegen.model.card import Card, TrainedOn
from livegen.model.files import find_model
from livegen.terminal import table

MODEL = (".onnx",)  # the suffix of a model file
MANY = 10  # files that teach a style

Say = Callable[[str], None]
Bar = Callable[[str], AbstractContextManager[Report]]  # shows how far something is


@dataclass(frozen=True, slots=True)
class Tuned:
    """What tuning came to: the model as it was, then every way that was tried."""

    ways: tuple[Way, ...]
    kept: Way
    seconds: float

    @property
    def gain(self) -> float:
        """The change of the nats per token of the pieces that are reported on, as a share."""
        return self.kept.reported / self.ways[0].reported - 1


def tune_to(where: Path, model: str, target: Path, say: Say, bar: Bar) -> None:
    """Tune a shipped model, or a file, to the music in ``where``, and write it; every figure is said.

    Nothing is written where it foretells the pieces that decide no better than it did.
    """
    check_target(target, MODEL)
    path = find_model(model)
    _check_where(where)
    base = from_onnx(path, tuning.DROPOUT)
    with bar("reading") as report:
        pieces = own_music.read(where, base.codec, report)
    held = tuning.divide(pieces)
    say(_what_is_read(held))
    with bar("tuning") as report:
        tuned = tune(base, held, report)
    say(_figures(base.card.name, tuned, held))
    if tuned.kept is tuned.ways[0]:
        raise SettingsError(
            f"{where}: what '{base.card.name}' learned from it does not help on the files that were held out, so "
            "nothing is written; more music, or music that is more alike, may help"
        )
    ship.save(rounded(tuned.kept.network), make_card(base, tuned, held, where, target), target)
    say(
        f"licence: weights tuned from '{base.card.name}' inherit its terms ({base.card.trained_on.licence}); "
        "and whatever the licence of your files is"
    )
    say(f"{target}: plays with livegen jam --model {target}")


def tune(base: Restored, held: Held, report: Report) -> Tuned:
    """Try both ways, and keep what the deciding pieces are foretold best by."""
    begun = time.perf_counter()
    ways = tuning.tune(base.network, base.codec, held, report)
    kept = min(ways, key=lambda way: way.deciding)
    return Tuned(tuple(ways), kept, time.perf_counter() - begun)


def measure(where: Path, model: str, bar: Bar) -> Iterator[dict[str, str]]:
    """What tuning gains, in turns: in each other files are held out, so that in all every file is, once.

    A row for each turn and one for all, in nats per token of what is reported on: before, and after by each way.
    """
    base = from_onnx(find_model(model), tuning.DROPOUT)
    with bar("reading") as report:
        pieces = own_music.read(where, base.codec, report)
    turns = min(tuning.ENOUGH, len(_names(pieces)) if len(_names(pieces)) > 1 else len(pieces))
    sums, tokens, seconds = dict[str, float](), 0, 0.0
    for turn in range(turns):
        held = tuning.divide(pieces, turn)
        with bar(f"turn {turn + 1} of {turns}") as report:
            tuned = tune(base, held, report)
        here = sum(len(piece.tokens) - 1 for piece in held.reported)
        found = {way.name: way.reported for way in tuned.ways} | {"kept": tuned.kept.reported}
        yield _row(_list(held.reported), found, tuned.seconds)
        sums = {name: sums.get(name, 0.0) + nats * here for name, nats in found.items()}
        tokens, seconds = tokens + here, seconds + tuned.seconds
    yield _row(f"all {tokens:,} tokens", {name: nats / tokens for name, nats in sums.items()}, seconds)


def _row(what: str, found: Mapping[str, float], seconds: float) -> dict[str, str]:
    nats = {name: f"{value:.4f}" for name, value in found.items()}
    change = f"{100 * (found['kept'] / found['as it was'] - 1):+.1f} %"
    return {"held out": what, **nats, "change": change, "minutes": f"{seconds / 60:.1f}"}


def make_card(base: Restored, tuned: Tuned, held: Held, where: Path, target: Path) -> Card:
    """The card of the model that was kept; it names what it was tuned to, and no place on this computer."""
    card, to = base.card, where.resolve().name
    files = len(_names((*held.learned, *held.deciding, *held.reported)))
    figures = {
        "parameters": float(sum(weight.numel() for weight in tuned.kept.network.parameters())),
        "tuned_files": float(files),
        "tuned_s": round(tuned.seconds, 1),
        "before_nats": tuned.ways[0].reported,
        "test_nats_whole": tuned.kept.reported,
    }
    return card.model_copy(
        update={
            "name": re.sub(r"[^a-z0-9_-]+", "-", target.stem.lower()).strip("-")[:32] or "own",
            "title": f"{card.title}; tuned to '{to}'",
            "state": state_parts(tuned.kept.network),
            "trained_on": TrainedOn(
                corpus=f"{card.trained_on.corpus}, then '{to}'",
                credit=f"{card.trained_on.credit}; then {files} files of '{to}'",
                licence=f"tuned from '{card.name}', whose terms it inherits: {card.trained_on.licence}; and "
                f"those of '{to}'",
            ),
            "metrics": figures,
            "command": f"livegen train {to} --from {card.name}",
            "commit": ship.commit(),
        }
    )


def _check_where(where: Path) -> None:
    if where.is_dir() or (where.is_file() and where.suffix.lower() in own_music.SUFFIXES):
        return
    if where.exists():
        raise SettingsError(f"{where}: neither a folder nor music; files may be {', '.join(own_music.SUFFIXES)}")
    raise SettingsError(f"{where}: no such folder; give one with MIDI files, or with recorded sessions")


def _what_is_read(held: Held) -> str:
    tokens = sum(len(piece.tokens) for piece in (*held.learned, *held.deciding, *held.reported))
    names = _names((*held.learned, *held.deciding, *held.reported))
    lines = [f"{_count(names, 'file')}, {tokens:,} tokens; {_count(_names(held.learned), 'file')} to learn from"]
    if held.is_apart:
        lines += [
            f"held out, to decide by: {_list(held.deciding)}",
            f"held out, for the figures: {_list(held.reported)}",
        ]
    else:
        lines.append(
            f"held out: {_list(held.reported)}; it decides, and the figures are of it too, so they are a little rosy: "
            f"with {tuning.ENOUGH} files or more, others would decide"
        )
    if len(names) < MANY:
        lines.append(f"little music teaches little: {MANY} files or more teach a style")
    return "\n".join(lines)


def _figures(name: str, tuned: Tuned, held: Held) -> str:
    before = tuned.ways[0]
    columns = ("nats per token", *(("deciding", "held out") if held.is_apart else ("held out",)), "change")
    rows = [
        {
            "nats per token": f"{name} {way.name}" if way is before else way.name,
            "deciding": f"{way.deciding:.4f}",
            "held out": f"{way.reported:.4f}",
            "change": "" if way is before else f"{100 * (way.reported / before.reported - 1):+.1f} %",
        }
        for way in tuned.ways
    ]
    kept = f"kept: {tuned.kept.name}, {100 * tuned.gain:+.1f} % in {tuned.seconds / 60:.1f} minutes"
    return "\n".join([table(rows, columns), kept])


def _names(pieces: Sequence[Piece]) -> list[str]:
    return list(dict.fromkeys(piece.name for piece in pieces))


def _list(pieces: Sequence[Piece]) -> str:
    """The names of the pieces' files; of many the first few."""
    names = _names(pieces)
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _count(names: Sequence[str], what: str) -> str:
    return f"{len(names)} {what}{'' if len(names) == 1 else 's'}"
