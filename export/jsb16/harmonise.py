"""Alto, tenor and bass to given sopranos, frame by frame and without look-ahead: greedy, or with a beam.

A network that reads its own mistakes goes on making them. So the choice of a pitch is shared by two readers of the
same weights: one reads the harmony chosen so far, one only the soprano, transposed in several ways and averaged. It
cannot be led astray, and knows what is likely; the other knows what follows. log p = trust · own + (1 - trust) · bare,
normalised.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from export.jsb16.data import ALTO, BASS, HIDDEN, PITCHES, SOPRANO, START, TENOR, VOICES, Frames, padded
from export.jsb16.network import ChoraleNetwork, Context
from export.jsb16.train import canonical

ADDED = (BASS, ALTO, TENOR)  # in the order in which they are chosen


@dataclass(frozen=True, slots=True)
class BeamSearch:
    """How a harmony is looked for."""

    width: int = 1  # of the beam; 1: greedy
    trust: float = 0.25  # in the harmony chosen so far, against the soprano alone; 0 to 1
    shifts: tuple[int, ...] = (-2, -1, 0, 1, 2)  # semitones by which the reader of the soprano transposes


@dataclass(frozen=True, slots=True)
class Harmony:
    """A chorale whose soprano was given."""

    frames: Frames
    log_probability: float  # of alto, tenor and bass together, as the search counted it


def transposed(tokens: Tensor, shifts: Tensor) -> Tensor:
    """Tokens higher by ``shifts`` semitones, which broadcast; what is no pitch stays."""
    moved = (tokens + shifts).clamp(1, PITCHES - 1)
    return torch.where((tokens > 0) & (tokens < HIDDEN), moved, tokens)


def untransposed(log_probs: Tensor, shifts: Tensor) -> Tensor:
    """[..., shifts, pitches] as log-probabilities of the tokens before they were transposed."""
    tokens = torch.arange(PITCHES, device=log_probs.device)
    index = tokens + torch.where(tokens > 0, shifts[:, None], 0)
    reached = (index >= (tokens > 0).long()) & (index < PITCHES)
    found = log_probs.gather(-1, index.clamp(0, PITCHES - 1).expand(log_probs.shape))
    return found.masked_fill(~reached, -1e9)


class Reader:
    """One way to read what has been chosen so far; owns its state. Rows are [pieces, ways, shifts]."""

    def __init__(
        self, network: ChoraleNetwork, rows: tuple[int, int], shifts: Sequence[int], frames: int, *, bare: bool
    ) -> None:
        self._network, self._rows, self._bare = network, (*rows, len(shifts)), bare
        self._shifts = torch.tensor(shifts)
        batch = rows[0] * rows[1] * len(shifts)
        self._origins = torch.arange(batch)  # which row of the state each row comes from
        self._context, self._state = network.step(torch.full((batch, VOICES), START), network.begin(batch, frames + 1))

    def log_probs(self, frames: Tensor, voice: int) -> Tensor:
        """Of a voice of the frame to come, the frame [pieces, ways, voices] known as far as it goes before it."""
        shifted = transposed(frames[:, :, None], self._shifts[:, None])  # [pieces, ways, shifts, voices]
        wide = (*shifted.shape[:3], -1)
        parts = (part.view(*self._rows, -1).expand(wide) for part in _parts(self._context))
        logits = self._network.voices(Context(*parts), shifted, canonical(shifted))[..., voice, :]
        return untransposed(logits.log_softmax(-1), self._shifts).logsumexp(2).log_softmax(-1)

    def select(self, ways: Tensor) -> None:
        """Go on from these ways [pieces, ways] only."""
        if self._rows[1] == 1:
            return
        flat = (torch.arange(len(ways))[:, None] * self._rows[1] + ways).flatten()
        self._origins = self._origins[flat]
        self._context = Context(*(part[flat] for part in _parts(self._context)))

    def read(self, frames: Tensor) -> None:
        """Hear a chosen frame [pieces, ways, voices]."""
        shown = frames[:, : self._rows[1], None]
        if self._bare:
            shown = torch.where(torch.arange(VOICES) == SOPRANO, shown, HIDDEN)
        shown = transposed(shown, self._shifts[:, None]).flatten(0, 2)
        state = self._state if self._rows[1] == 1 else self._state.select(self._origins)
        self._context, self._state = self._network.step(shown, state)
        self._origins = torch.arange(len(shown))


def _parts(context: Context) -> tuple[Tensor, Tensor, Tensor]:
    return context.features, context.reading, context.last


@dataclass(frozen=True, slots=True)
class Search:
    """Where a search stands: its ways, best first."""

    chosen: Tensor  # [pieces, ways, frames, voices]
    scores: Tensor  # log-probabilities [pieces, ways]


@torch.no_grad()
def harmonised(network: ChoraleNetwork, sopranos: Sequence[Frames], beam: BeamSearch) -> list[Harmony]:
    """The likeliest harmony found for each soprano (tokens [frames]); a beam never ends below the greedy way."""
    found = _searched(network, sopranos, beam)
    if beam.width == 1:
        return found
    greedy = _searched(network, sopranos, replace(beam, width=1))
    return [max(pair, key=lambda harmony: harmony.log_probability) for pair in zip(found, greedy, strict=True)]


def _searched(network: ChoraleNetwork, sopranos: Sequence[Frames], beam: BeamSearch) -> list[Harmony]:
    network.eval()
    whole, is_music = padded([soprano[:, None].repeat(VOICES, 1) for soprano in sopranos])
    given, counts = torch.from_numpy(whole), torch.from_numpy(is_music)
    readers = _readers(network, given.shape[:2], beam)
    scores = torch.full((len(sopranos), beam.width), -1e9)
    scores[:, 0] = 0
    search = Search(given[:, None, :0].expand(-1, beam.width, -1, -1), scores)
    for time in range(given.shape[1]):
        search = _next_frame(search, given[:, time, SOPRANO], counts[:, time], readers)
    return [
        Harmony(search.chosen[piece, 0, : len(soprano)].numpy(), float(search.scores[piece, 0]))
        for piece, soprano in enumerate(sopranos)
    ]


def _readers(network: ChoraleNetwork, shape: Sequence[int], beam: BeamSearch) -> list[tuple[float, Reader]]:
    pieces, frames = shape
    own = Reader(network, (pieces, beam.width), (0,), frames, bare=False)
    bare = Reader(network, (pieces, 1), beam.shifts, frames, bare=True)
    return [(share, reader) for share, reader in ((beam.trust, own), (1 - beam.trust, bare)) if share > 0]


def _next_frame(search: Search, soprano: Tensor, counts: Tensor, readers: Sequence[tuple[float, Reader]]) -> Search:
    """The ways after one more frame; where a piece has ended (``counts`` is false) the scores stay."""
    frame = search.chosen.new_zeros(*search.scores.shape, VOICES)
    frame[..., SOPRANO] = soprano[:, None]
    search = replace(search, chosen=torch.cat([search.chosen, frame[:, :, None]], 2))
    for voice in ADDED:
        parts = [share * reader.log_probs(search.chosen[:, :, -1], voice) for share, reader in readers]
        search, ways = _branched(search, torch.stack(parts).sum(0).log_softmax(-1) * counts[:, None, None], voice)
        for _, reader in readers:
            reader.select(ways)
    for _, reader in readers:
        reader.read(search.chosen[:, :, -1])
    return search


def _branched(search: Search, log_probs: Tensor, voice: int) -> tuple[Search, Tensor]:
    """The best of all ways to go on in one voice, and which way each came from [pieces, ways]."""
    width = search.scores.shape[1]
    scores, picked = (search.scores[..., None] + log_probs).flatten(1).topk(width)
    ways, tokens = picked // PITCHES, picked % PITCHES
    chosen = search.chosen.gather(1, ways[:, :, None, None].expand(search.chosen.shape)).clone()
    chosen[:, :, -1, voice] = tokens
    return Search(chosen, scores), ways
