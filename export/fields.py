"""Nats per note, field by field.

What a token of music with durations says is taken apart: which pitches strike, or that it is a rest or a mark; and
given the pitches, how long they last. p(token) = p(pitches) · p(duration | pitches), where p(pitches) is the sum over
all their durations. A token of a performance is of one field.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np

from export.corpora.performances import KINDS, kind
from export.corpora.work import Piece
from export.scoring import Predictor, foretold, log_probs
from livegen.codecs.note_duration import NoteDurationCodec
from livegen.codecs.performance import PerformanceCodec
from livegen.codecs.performance_grammar import FIRST_KEY, FIRST_LOUDNESS, FIRST_WAIT

OF_PERFORMANCE = ("pedal", "wait", "loudness", "on", "off")  # START and END are counted with the pedal


def nats_per_note(predictor: Predictor, codec: NoteDurationCodec, pieces: Iterable[Piece]) -> Mapping[str, float]:
    """Of whole pieces: the nats of pitches, of durations, of rests and marks, each divided by the count of notes."""
    groups = _groups(codec)  # [vocab]
    members = np.argsort(groups, kind="stable")
    begins = np.searchsorted(groups[members], np.arange(groups.max() + 1))
    nats: dict[str, float] = defaultdict(float)
    notes = 0
    for piece in pieces:
        for logits, targets in foretold(predictor, piece):
            wide = np.exp(log_probs(logits)[0])  # [time, vocab]
            whole = np.add.reduceat(wide[:, members], begins, axis=1)  # [time, groups]
            rows, came = np.arange(len(wide)), targets[0]
            is_sound = came >= codec.first_sound
            pitches, token = whole[rows, groups[came]], wide[rows, came]
            nats["pitch"] -= float(np.log(pitches[is_sound]).sum())
            nats["duration"] -= float(np.log(token[is_sound] / pitches[is_sound]).sum())
            nats["rest"] -= float(np.log(token[~is_sound]).sum())
            notes += sum(len(codec.pitches(int(one))) for one in came[is_sound])
    fields = {f"test_nats_per_note_{field}": nats[field] / notes for field in ("pitch", "duration", "rest")}
    return {"test_nats_per_note": sum(fields.values()), **fields}


def nats_per_played_note(predictor: Predictor, codec: PerformanceCodec, pieces: Iterable[Piece]) -> Mapping[str, float]:
    """Of whole performances: the nats of each field, divided by the count of notes; and of songs and pieces apart."""
    begins = np.array([FIRST_WAIT, FIRST_LOUDNESS, FIRST_KEY, codec.off(codec.low)])
    nats, notes = np.zeros((2, len(OF_PERFORMANCE))), np.zeros(2)  # [songs and pieces, fields]
    for piece in pieces:
        place = KINDS.index(kind(piece))
        for logits, targets in foretold(predictor, piece):
            fields = np.searchsorted(begins, targets[0], side="right")
            came = log_probs(logits)[0][np.arange(len(fields)), targets[0]]
            nats[place] -= np.bincount(fields, came, minlength=len(OF_PERFORMANCE))
            notes[place] += np.count_nonzero(fields == OF_PERFORMANCE.index("on"))
    fields_of_all = dict(zip(OF_PERFORMANCE, nats.sum(axis=0) / notes.sum(), strict=True))
    kinds = {name: nats[place].sum() / notes[place] for place, name in enumerate(KINDS) if notes[place]}
    figures = {f"test_nats_per_note_{name}": float(figure) for name, figure in {**fields_of_all, **kinds}.items()}
    return {"test_nats_per_note": float(nats.sum() / notes.sum()), **figures}


def _groups(codec: NoteDurationCodec) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """For each token the number of its group: the sounds of the same pitches, or the token alone."""
    numbers: dict[object, int] = {}
    keys = [codec.pitches(token) or token for token in range(len(codec.vocabulary))]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys])
