"""A stacked LSTM that knows when notes began: how long ago the last onsets were, and what it read before each note.

Where time is spread over tokens of waiting, a recurrence has to add up by itself how long ago a note began. Here it is
told. Three parts stand beside the layers, each with a state of its own:

- how long ago each of the last onsets was, on a scale of logarithms; a note that begins within 20 ms of the one before
  belongs to its onset;
- a pointer at times: the wait after which the next onset comes as late as another one has just come;
- a memory of the last notes (attention: Bahdanau and others, 2015), a ring that pairs what was read before each note
  with the note and with what was read after it. Where the music repeats itself, it tells how the music went on, and
  points at the note that came (Merity and others, Pointer Sentinel Mixture Models, 2017).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, softmax

from export.networks.network import NO_DROPOUT, Dropout, Network, State, locked, pointed_at
from livegen.codecs.codec import Codec, PlayedCodec
from livegen.errors import SettingsError

NONE = -(1 << 32)  # the number of no note
LONG_AGO = 4095  # steps; what is longer ago counts as this
CHORD = 3  # steps: a note that begins sooner after the one before belongs to its onset
OCTAVES = 9  # doublings of a step that the bins cover: up to five seconds
EXACT, EXACT_SHARE = 2.5, 0.08  # steps, and share of a time between onsets: what is farther off does not meet it again


@dataclass(frozen=True, slots=True)
class Sizes:
    """The shape of a network."""

    steps: tuple[int, ...]  # by token: the time that passes with it, in steps of the codec's grid
    coarse: int  # steps: of a longer wait, a multiple of this is told first
    begins: tuple[bool, ...]  # by token: whether a note begins
    embedding: int  # numbers per token
    window: int  # tokens the convolution sees, the newest included
    features: int  # numbers that go into the layers
    hidden: int  # cells per layer
    layers: int
    onsets: int  # how many are told, the newest included
    bins: int  # numbers that tell how long ago one was
    notes: int  # in the memory
    heads: int  # of the memory
    key: int  # numbers per head

    @property
    def times(self) -> int:
        """Times between onsets that may come again: from the newest to each, and between neighbours before it."""
        return 2 * self.onsets - 3


class Timing(TypedDict):
    """What a network of this kind has to know of a codec, as ``Sizes`` has it."""

    steps: tuple[int, ...]
    coarse: int
    begins: tuple[bool, ...]


def timing_of(codec: Codec[Any]) -> Timing:
    """The timing of a codec; SettingsError where it has no waits."""
    if not isinstance(codec, PlayedCodec):
        raise SettingsError(f"a network of the kind 'timed-lstm' reads waits, and codec '{codec.name}' has none")
    return Timing(steps=tuple(codec.steps.tolist()), coarse=codec.coarse, begins=tuple(codec.begins.tolist()))


class TimedLstm(Network):
    """Convolution over the last tokens, the last onsets, LSTM layers, memory of notes, logits with three pointers.

    Dropout leaves out the same numbers all along a chunk (Gal and Ghahramani, 2016).
    """

    steps: Tensor
    begins: Tensor
    bins: Tensor
    waits: Tensor
    is_wait: Tensor

    def __init__(self, sizes: Sizes, dropout: Dropout = NO_DROPOUT) -> None:
        super().__init__()
        self.sizes, self.dropout, self.vocab = sizes, dropout, len(sizes.steps)
        self.embedding = nn.Embedding(self.vocab + 1, sizes.embedding)  # the last row: nothing heard yet
        self.window = nn.Conv1d(sizes.embedding, sizes.features, sizes.window)
        self.onsets = nn.Linear(sizes.onsets * sizes.bins, sizes.features, bias=False)
        widths = [sizes.features, *[sizes.hidden] * (sizes.layers - 1)]
        self.lstms = nn.ModuleList(nn.LSTM(width, sizes.hidden) for width in widths)
        self.memory = Memory(sizes)
        wide = sizes.features + sizes.hidden * sizes.layers + sizes.heads * sizes.key
        self.output = nn.Linear(wide, self.vocab)
        self.pointer = nn.Linear(wide, sizes.window + sizes.heads + sizes.times)
        nn.init.zeros_(self.pointer.weight)
        nn.init.zeros_(self.pointer.bias)
        nn.init.normal_(self.embedding.weight, std=0.5)
        steps = torch.tensor(sizes.steps)
        waits = steps[steps > 0]
        self.register_buffer("steps", steps, persistent=False)
        self.register_buffer("begins", torch.tensor(sizes.begins), persistent=False)
        self.register_buffer("bins", torch.arange(sizes.bins, dtype=torch.float32), persistent=False)
        self.register_buffer("waits", waits, persistent=False)  # [waits]
        self.register_buffer("is_wait", torch.eye(self.vocab)[steps > 0], persistent=False)  # [waits, vocab]

    def forward(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """As ``Network.forward``."""
        sizes = self.sizes
        heard = torch.cat([state["window"], tokens], dim=1)  # [batch, window - 1 + time]
        ago, after = self._onsets(tokens, state)
        near = self.window(self.embedding(heard).transpose(1, 2)).permute(2, 0, 1)  # [time, batch, features]
        near = near + self.onsets(self._told(ago)).transpose(0, 1)
        levels = [locked(torch.relu(near), self.dropout.features, is_on=self.training)]
        for layer, lstm in enumerate(self.lstms, 1):
            start = state[f"h{layer}"].unsqueeze(0), state[f"c{layer}"].unsqueeze(0)  # [1, batch, hidden]
            x, (h, c) = lstm(levels[-1], start)  # x: [time, batch, hidden]
            after |= {f"h{layer}": h.squeeze(0).float(), f"c{layer}": c.squeeze(0).float()}
            share = self.dropout.output if layer == sizes.layers else self.dropout.between
            levels.append(locked(x, share, is_on=self.training))
        found, weights, remembered = self.memory(x.transpose(0, 1), self.begins[tokens], tokens, state)
        wide = torch.cat([*(level.transpose(0, 1) for level in levels), found], dim=2)
        odds = self.pointer(wide).float()  # [batch, time, window + heads + times]
        logits = self.output(wide).float() + self._again_in_time(ago, odds[:, :, -sizes.times :])
        told = odds[:, :, sizes.window : -sizes.times].transpose(1, 2).unsqueeze(3)  # [batch, heads, time, 1]
        last = heard.unfold(1, sizes.window, 1)  # [batch, time, window]
        notes = torch.cat([state["notes"], tokens], dim=1).unsqueeze(1).expand(-1, last.shape[1], -1)
        odds = torch.cat([odds[:, :, : sizes.window], (weights * told).sum(1)], dim=2)
        logits = pointed_at(torch.cat([last, notes], dim=2), odds, logits)
        after |= remembered | {"window": heard[:, 1 - sizes.window :]}
        return logits, {name: after[name] for name in state}

    def state_parts(self) -> Mapping[str, tuple[tuple[int, ...], int | float]]:
        """As ``Network.state_parts``: the tokens just heard, onsets, the memory of notes, h and c of each layer."""
        sizes = self.sizes
        parts: dict[str, tuple[tuple[int, ...], int | float]] = {
            "window": ((sizes.window - 1,), self.vocab),
            "notes_began": ((2,), LONG_AGO),
            "onsets": ((sizes.onsets,), LONG_AGO),
            **self.memory.parts(),
        }
        for layer in range(1, sizes.layers + 1):
            parts |= {f"h{layer}": ((sizes.hidden,), 0.0), f"c{layer}": ((sizes.hidden,), 0.0)}
        return parts

    def matrices(self) -> tuple[tuple[int, int], ...]:
        """As ``Network.matrices``."""
        sizes = self.sizes
        first = (sizes.features, sizes.embedding * sizes.window)
        layers = [weight for lstm in self.lstms for weight in lstm.parameters() if weight.ndim == 2]
        memory = [each.weight for each in (self.memory.query, self.memory.key, self.memory.value)]
        shapes = [weight.shape for weight in (self.onsets.weight, *layers, *memory, self.pointer.weight)]
        return first, *((rows, columns) for rows, columns in shapes), (self.vocab, self.output.in_features)

    def _onsets(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """How long ago each of the last onsets was, in steps, the newest first [batch, time, onsets]; what is kept."""
        now = self.steps[tokens].cumsum(1)  # [batch, time], steps since the state
        begins = self.begins[tokens]
        notes = _latest(begins, -state["notes_began"], now, 2)
        is_onset = begins & (now - notes[:, :, 0] >= CHORD)
        onsets = _latest(is_onset, -state["onsets"], now, self.sizes.onsets)
        ago = (now.unsqueeze(2) - onsets).clamp(max=LONG_AGO)
        since = (now[:, -1:] - notes[:, -1]).clamp(max=LONG_AGO)
        return ago.flip(2), {"onsets": ago[:, -1], "notes_began": since}

    def _told(self, ago: Tensor) -> Tensor:
        """Each time by the bins nearest to its logarithm [batch, time, onsets * bins]."""
        place = torch.log(1.0 + ago) * (self.sizes.bins / OCTAVES / math.log(2))
        return torch.relu(1 - (place.unsqueeze(3) - self.bins).abs()).flatten(2)

    def _again_in_time(self, ago: Tensor, odds: Tensor) -> Tensor:
        """The odds of each time between onsets, at the wait after which it has passed again [batch, time, vocab]."""
        times = torch.cat([ago[:, :, 1:] - ago[:, :, :1], ago[:, :, 2:] - ago[:, :, 1:-1]], dim=2)
        left = times - ago[:, :, :1]
        left = torch.where(left < self.sizes.coarse, left, left - left % self.sizes.coarse)
        width = EXACT + EXACT_SHARE * times
        met = torch.relu(1 - (self.waits - left.unsqueeze(3)).abs() / width.unsqueeze(3))  # [batch, time, times, waits]
        return (odds.unsqueeze(2) @ met).squeeze(2) @ self.is_wait


class Memory(nn.Module):
    """Attention from what is read now to what was read before each of the last notes.

    The memory is a ring: note n lies at n modulo its size. Its last place is none.
    """

    far: Tensor

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        width = sizes.heads * sizes.key
        self.query, self.key, self.value = (nn.Linear(sizes.hidden, width) for _ in range(3))
        self.register_buffer("far", torch.log2(1.0 + torch.arange(sizes.notes)), persistent=False)
        self.by_rank = nn.Parameter(torch.zeros(sizes.heads, 1, 1))

    def parts(self) -> dict[str, tuple[tuple[int, ...], int | float]]:
        """Its parts of the state: how many notes there were, which, what was read before each and after it."""
        sizes = self.sizes
        ring = (sizes.heads, sizes.notes + 1, sizes.key)
        return {
            "count": ((1,), 0),
            "notes": ((sizes.notes + 1,), len(sizes.steps)),
            "keys": (ring, 0.0),
            "values": (ring, 0.0),
        }

    def forward(self, read: Tensor, begins: Tensor, tokens: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        """What the memory tells [batch, time, width]; its weights [batch, heads, time, entries]; its state after.

        ``read``: outputs of the last layer [batch, time, hidden]; ``begins``: tokens that begin a note [batch, time].
        """
        last = state[f"h{self.sizes.layers}"].unsqueeze(1)
        earlier = torch.cat([last.to(read.dtype), read], dim=1)[:, :-1]  # what was read before each token
        new = {"keys": self._split(self.key(earlier)).float(), "values": self._split(self.value(read)).float()}
        keys, values = (torch.cat([state[name], each], dim=2) for name, each in new.items())
        count = state["count"] + begins.long().cumsum(1)  # [batch, time]
        rank = count.unsqueeze(2) - self._numbers(count, begins, state["count"]).unsqueeze(1)  # [batch, time, entries]
        since = rank.clamp(0, self.sizes.notes - 1)  # how many notes came after an entry's
        scores = self._split(self.query(read)).float() @ keys.transpose(2, 3) / math.sqrt(self.sizes.key)
        scores = scores + self.by_rank * self.far[since].unsqueeze(1)
        scores = scores.masked_fill((since != rank).unsqueeze(1), -math.inf)
        weights = softmax(pad(scores, (1, 0)), dim=3)[..., 1:]  # a head may attend to nothing
        found = (weights @ values).transpose(1, 2).flatten(2)
        is_kept = begins & (count > count[:, -1:] - self.sizes.notes)
        places = torch.where(is_kept, (count - 1) % self.sizes.notes, self.sizes.notes)
        after = {"count": count[:, -1:], "notes": state["notes"].scatter(1, places, tokens)}
        for name, each in new.items():
            after[name] = state[name].scatter(2, places[:, None, :, None].expand(each.shape), each)
        return found, weights, after

    def _numbers(self, count: Tensor, begins: Tensor, before: Tensor) -> Tensor:
        """Which note is each entry's, counted from 1; a very negative number where there is none [batch, entries].

        The entries are the ring's places, then the tokens.
        """
        size = self.sizes.notes
        held = before - (before - torch.arange(1, size + 1, device=count.device)) % size
        nothing = torch.full_like(before, NONE)
        return torch.cat([torch.where(held > 0, held, NONE), nothing, torch.where(begins, count, NONE)], dim=1)

    def _split(self, x: Tensor) -> Tensor:
        """[batch, n, heads * key] → [batch, heads, n, key]"""
        return x.view(*x.shape[:2], self.sizes.heads, self.sizes.key).transpose(1, 2)


def _latest(is_marked: Tensor, before: Tensor, values: Tensor, count: int) -> Tensor:
    """After each token, the newest ``count`` of the values that are marked, the newest last [batch, time, count].

    ``is_marked`` and ``values`` [batch, time]; ``before`` [batch, count]: those that were the newest before.
    """
    number = is_marked.long().cumsum(1)  # [batch, time]
    time = values.shape[1]
    places = torch.where(is_marked, count - 1 + number, count + time)
    joined = pad(before, (0, time + 1)).scatter(1, places, values).unsqueeze(1)
    wanted = number.unsqueeze(2) + torch.arange(count, device=values.device)  # [batch, time, count]
    return joined.expand(-1, time, -1).gather(2, wanted)
