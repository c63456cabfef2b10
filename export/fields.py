"""Nats per note of music with durations, field by field.

What a token says is taken apart: which pitches strike, or that it is a rest or a mark; and given the pitches, how long
they last. p(token) = p(pitches) · p(duration | pitches), where p(pitches) is the sum over all their durations.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np

from export.corpora.work import Piece
from export.scoring import Predictor, foretold, log_probs
from livegen.codecs.note_duration import NoteDurationCodec


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


def _groups(codec: NoteDurationCodec) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """For each token the number of its group: the sounds of the same pitches, or the token alone."""
    numbers: dict[object, int] = {}
    keys = [codec.pitches(token) or token for token in range(len(codec.vocabulary))]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys])
