"""The network: a recurrent reading of the frames so far, a memory of them, four voices one after the other.

What came before frame t goes through LSTM layers and, by attention, through a memory that pairs each earlier reading
with the frame that followed it: where the piece repeats itself, the memory knows how it went on. Each voice then sees
this context and the voices of its own frame that are already known. Its logits sum an absolute part, one by pitch
class and one by the interval from its last pitch, the unison being the held note.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, gelu, pad, softmax

from export.jsb16.data import HIDDEN, PITCHES, START, TOKENS, VOICES
from export.jsb16.settings import Dropout, Shape

LONGEST_HELD = 16  # sixteenths; longer counts as this
BAR, TRIPLE_BAR = 16, 12  # sixteenths
WIDEST = 40  # semitones of an interval that is told from wider ones
INTERVALS = 2 * WIDEST + 2  # 0: unknown, for a voice is silent or hidden
LEAP = 16  # semitones from a voice's last pitch that have a logit of their own
DISTANCES = 24  # roughly logarithmic classes of how long ago something was
PAIRS = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))


@dataclass(frozen=True, slots=True)
class State:
    """What streaming carries from frame to frame; every tensor has the batch first."""

    last: Tensor  # tokens of the last frame, as they were shown [batch, voices]
    held: Tensor  # sixteenths each has been held [batch, voices]
    time: Tensor  # frames so far [batch]
    hidden: Tensor  # [batch, layers, hidden]
    cell: Tensor
    reading: Tensor  # the last reading, the key of what comes now [batch, hidden]
    keys: Tensor  # a ring: frame t lies at t % span [batch, heads, span, key]
    values: Tensor

    def select(self, rows: Tensor) -> "State":
        """The states of these rows of the batch, in this order."""
        return State(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


@dataclass(frozen=True, slots=True)
class Context:
    """All that the voices of a frame may know of the past."""

    features: Tensor  # [..., features]
    reading: Tensor  # [..., output]
    last: Tensor  # tokens [..., voices]


def locked(x: Tensor, share: float, training: bool) -> Tensor:  # noqa: FBT001 (as torch has it)
    """Dropout whose units are the same for all frames of a piece; [batch, frames, units]."""
    return x * dropout(x.new_ones(x.shape[0], 1, x.shape[2]), share, training) if training and share else x


def intervals(above: Tensor, below: Tensor) -> Tensor:
    """Classes of the intervals between tokens; 0 where one of them is no pitch."""
    known = (above > 0) & (above < PITCHES) & (below > 0) & (below < PITCHES)
    return torch.where(known, (above - below).clamp(-WIDEST, WIDEST) + WIDEST + 1, 0)


def held_lengths(frames: Tensor) -> Tensor:
    """How many frames each voice of each frame has had the same token, 1 for a new one; [batch, frames, voices]."""
    times = torch.arange(frames.shape[1], device=frames.device)[None, :, None]
    new = torch.ones_like(frames, dtype=torch.bool)
    new[:, 1:] = frames[:, 1:] != frames[:, :-1]
    begun = torch.where(new, times, 0).cummax(dim=1).values
    return times - begun + 1


def distance_class(distance: Tensor) -> Tensor:
    """Distances in frames (from 1) as classes: each of the first few its own, then wider and wider."""
    return torch.where(distance <= 8, distance, 8 + (distance / 8).log2() * 2.5).long().clamp(0, DISTANCES - 1)


class Pitches(nn.Module):
    """An embedding of tokens: a table, plus one by pitch class."""

    classes: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.randn(TOKENS, size) * 0.1)
        self.pitch_class = nn.Parameter(torch.randn(13, size) * 0.3)
        classes = (torch.arange(TOKENS) - 1) % 12
        classes[[0, HIDDEN, START]] = 12
        self.register_buffer("classes", classes, persistent=False)

    def whole(self) -> Tensor:
        """[tokens, size]"""
        return self.token + self.pitch_class[self.classes]

    def forward(self, tokens: Tensor) -> Tensor:
        """[...] → [..., size]"""
        return self.whole()[tokens]


class Memory(nn.Module):
    """Attention from a reading to earlier readings, whose values are the frames that followed them."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads, self.size = shape.attention, shape.key
        width = self.heads * self.size
        self.query = nn.Linear(shape.hidden, width)
        self.key = nn.Linear(shape.hidden, width, bias=False)
        self.value = nn.Linear(shape.hidden + shape.features, width)
        self.by_distance = nn.Parameter(torch.zeros(DISTANCES, self.heads))
        self.by_meter = nn.Parameter(torch.zeros(BAR, self.heads))
        self.by_triple = nn.Parameter(torch.zeros(TRIPLE_BAR, self.heads))

    def split(self, x: Tensor) -> Tensor:
        """[batch, frames, heads · size] → [batch, heads, frames, size]"""
        return x.view(*x.shape[:-1], self.heads, self.size).transpose(1, 2)

    def entries(self, earlier: Tensor, features: Tensor, reading: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of frames: the reading before each; its features and the reading after it."""
        return self.split(self.key(earlier)), self.split(self.value(torch.cat([features, reading], -1)))

    def forward(self, reading: Tensor, keys: Tensor, values: Tensor, ago: Tensor) -> Tensor:
        """What the memory tells each reading [batch, frames, heads · size].

        ``ago`` [batch or 1, frames, entries]: how many frames before the one to come an entry's frame was; entries
        with less than 1 are still to come and not seen. A head may also attend to nothing at all.
        """
        scores = self.split(self.query(reading)) @ keys.transpose(-1, -2) / math.sqrt(self.size)
        bias = self.by_distance[distance_class(ago.clamp(min=1))]
        bias = bias + self.by_meter[ago % BAR] + self.by_triple[ago % TRIPLE_BAR]
        scores = scores.float() + bias.permute(0, 3, 1, 2)  # [batch, heads, frames, entries]
        scores = scores.masked_fill((ago < 1)[:, None], -math.inf)
        weights = softmax(pad(scores, (1, 0)), dim=-1)[..., 1:].to(values.dtype)
        return (weights @ values).transpose(1, 2).flatten(2)


class ChoraleNetwork(nn.Module):
    """Frames in, logits of every voice of every frame out; whole pieces at once, or frame by frame."""

    def __init__(self, shape: Shape, shares: Dropout) -> None:
        super().__init__()
        self.shape, self.shares = shape, shares
        self.pitches = Pitches(shape.embedding)
        self.held = nn.Embedding(LONGEST_HELD + 1, shape.interval)
        self.interval = nn.Embedding(INTERVALS, shape.interval)
        self.bar = nn.Embedding(BAR, shape.features)
        self.triple = nn.Embedding(TRIPLE_BAR, shape.features)
        seen = VOICES * (shape.embedding + 2 * shape.interval) + len(PAIRS) * shape.interval
        self.read = nn.Linear(seen, shape.features)
        self.read_norm = nn.LayerNorm(shape.features)
        self.layers = nn.ModuleList(
            nn.LSTM(shape.features if index == 0 else shape.hidden, shape.hidden, batch_first=True)
            for index in range(shape.layers)
        )
        self.memory = Memory(shape)
        self.voices = Voices(shape, shares)

    def features(self, last: Tensor, before: Tensor, held: Tensor, time: Tensor) -> Tensor:
        """What a frame is, and where the next one stands; [batch, frames, features]."""
        parts = [
            self.pitches(last).flatten(-2),
            self.held(held).flatten(-2),
            self.interval(intervals(last, before)).flatten(-2),
            *(self.interval(intervals(last[..., high], last[..., low])) for high, low in PAIRS),
        ]
        where = self.bar(time % BAR) + self.triple(time % TRIPLE_BAR)
        features: Tensor = self.read_norm(self.read(torch.cat(parts, -1)) + where)
        return features

    def contexts(self, frames: Tensor) -> Context:
        """What is known before each frame, from the frames before it alone; [batch, frames, voices] tokens in."""
        start = torch.full_like(frames[:, :1], START)
        before = torch.cat([start, start, frames], 1)[:, :-1]
        last = before[:, 1:]
        held = torch.where(last < HIDDEN, held_lengths(last).clamp(max=LONGEST_HELD), 0)
        time = torch.arange(frames.shape[1], device=frames.device)[None]
        features = self.features(last, before[:, :-1], held, time)
        reading = self._layers(locked(features, self.shares.features, self.training))
        ago = time[0][:, None] - time[0][None, :] + 1
        ago = torch.where(ago <= self.shape.span, ago, 0)
        earlier = pad(reading, (0, 0, 1, 0))[:, :-1]
        found = self.memory(reading, *self.memory.entries(earlier, features, reading), ago[None])
        whole = locked(torch.cat([reading, found], -1), self.shares.output, self.training)
        return Context(features, whole, last)

    def _layers(self, x: Tensor) -> Tensor:
        for index, layer in enumerate(self.layers):
            if index:
                x = locked(x, self.shares.between, self.training)
            x = self._recur(layer, x)
        return x

    def _recur(self, layer: nn.Module, x: Tensor) -> Tensor:
        zero = x.new_zeros(1, len(x), self.shape.hidden)
        weights: list[Tensor] = [*layer.parameters()]
        weights[1] = dropout(weights[1], self.shares.weights, self.training)
        return torch.lstm(x, (zero, zero), weights, True, 1, 0.0, self.training, False, True)[0]  # noqa: FBT003

    def forward(self, frames: Tensor, shown: Tensor, known: Tensor) -> Tensor:
        """Logits [batch, frames, voices, pitches].

        ``shown`` has the tokens of the past as they may be seen (``HIDDEN`` where not), ``frames`` the true ones;
        ``known`` [batch, frames, voices, voices]: whether a voice (first) sees another (second) of its own frame.
        """
        logits: Tensor = self.voices(self.contexts(shown), frames, known)
        return logits

    def begin(self, batch: int, frames: int) -> State:
        """The state before a piece of so many frames at most; its first step is fed a frame of ``START``."""
        span = min(frames, self.shape.span)
        hidden = torch.zeros(batch, self.shape.layers, self.shape.hidden)
        memory = torch.zeros(batch, self.shape.attention, span, self.shape.key)
        start = torch.full((batch, VOICES), START)
        return State(
            last=start,
            held=torch.zeros_like(start),
            time=start.new_zeros(batch),
            hidden=hidden,
            cell=hidden,
            reading=hidden[:, 0],
            keys=memory,
            values=memory,
        )

    def step(self, shown: Tensor, state: State) -> tuple[Context, State]:
        """Read one frame [batch, voices]; what is then known of the next one, and the state after."""
        held = torch.where(shown == state.last, (state.held + 1).clamp(max=LONGEST_HELD), 1)
        seen_held = torch.where(shown < HIDDEN, held, 0)[:, None]
        features = self.features(shown[:, None], state.last[:, None], seen_held, state.time[:, None])
        reading, hidden, cell = self._recur_step(features, state)
        keys, values, ago = self._remember(features, reading, state)
        whole = torch.cat([reading, self.memory(reading, keys, values, ago)], -1)
        after = State(shown, held, state.time + 1, hidden, cell, reading[:, 0], keys, values)
        return Context(features[:, 0], whole[:, 0], shown), after

    def _remember(self, features: Tensor, reading: Tensor, state: State) -> tuple[Tensor, Tensor, Tensor]:
        """The ring with a frame more, and how long ago each of its entries was; 0 for those still to come."""
        new = self.memory.entries(state.reading[:, None], features, reading)
        span = state.keys.shape[2]
        places, time = torch.arange(span), state.time[:, None]
        is_new = (places == time % span)[:, None, :, None]
        keys, values = torch.where(is_new, new[0], state.keys), torch.where(is_new, new[1], state.values)
        ago = (time - places) % span + 1
        return keys, values, torch.where(ago <= time + 1, ago, 0)[:, None]

    def _recur_step(self, x: Tensor, state: State) -> tuple[Tensor, Tensor, Tensor]:
        hidden, cell = [], []
        for index, layer in enumerate(self.layers):
            begin = state.hidden[None, :, index].contiguous(), state.cell[None, :, index].contiguous()
            x, (after_hidden, after_cell) = layer(x, begin)
            hidden.append(after_hidden[0])
            cell.append(after_cell[0])
        return x, torch.stack(hidden, 1), torch.stack(cell, 1)


class Voices(nn.Module):
    """The four voices of a frame, each with weights of its own."""

    others: Tensor
    classes: Tensor

    def __init__(self, shape: Shape, shares: Dropout) -> None:
        super().__init__()
        self.shares = shares
        self.pitches = Pitches(shape.embedding)
        self.interval = nn.Embedding(INTERVALS, shape.interval)
        reading = shape.hidden + shape.attention * shape.key
        self.context = nn.Linear(shape.features + reading, VOICES * shape.voice)
        seen = (VOICES - 1) * (shape.embedding + shape.interval)
        self.seen = nn.Parameter(torch.randn(VOICES, seen, shape.voice) / math.sqrt(seen))
        self.norm = nn.LayerNorm(shape.voice)
        scale = 1 / math.sqrt(shape.voice)
        self.output = nn.Parameter(torch.randn(VOICES, shape.voice, PITCHES) * scale)
        self.by_class = nn.Parameter(torch.zeros(VOICES, shape.voice, 13))
        self.by_leap = nn.Parameter(torch.randn(VOICES, shape.voice, 2 * LEAP + 1) * scale)
        self.bias = nn.Parameter(torch.zeros(VOICES, PITCHES))
        others = [[other for other in range(VOICES) if other != voice] for voice in range(VOICES)]
        self.register_buffer("others", torch.tensor(others), persistent=False)
        classes = (torch.arange(PITCHES) - 1) % 12
        classes[0] = 12
        self.register_buffer("classes", classes, persistent=False)

    def forward(self, context: Context, frames: Tensor, known: Tensor) -> Tensor:
        """Logits [..., voices, pitches], given the true ``frames`` [..., voices] as far as ``known``."""
        whole = self.context(torch.cat([context.features, context.reading], -1))
        whole = whole.view(*whole.shape[:-1], VOICES, -1)
        whole = self.norm(whole + self._per_voice(self._seen(context, frames, known), self.seen))
        hidden = gelu(whole)
        if self.training:
            hidden = locked(hidden.flatten(-2), self.shares.voice, self.training).view(hidden.shape)
        weights = torch.cat([self.whole_output(), self.by_leap], -1)
        parts = self._per_voice(hidden, weights).float()
        return parts[..., :PITCHES] + self.bias + self._spread(parts[..., PITCHES:], context.last)

    def whole_output(self) -> Tensor:
        """Weights of the logits by pitch [voices, voice, pitches]."""
        return self.output + self.by_class[:, :, self.classes]

    def _seen(self, context: Context, frames: Tensor, known: Tensor) -> Tensor:
        """What each voice sees of the others in its own frame [..., voices, seen]."""
        pick = self.others.expand(*frames.shape, VOICES - 1)
        tokens = frames[..., self.others]  # [..., voices, others]
        tokens = torch.where(known.gather(-1, pick), tokens, HIDDEN)
        moved = self.interval(intervals(tokens, context.last[..., None]))
        return torch.cat([self.pitches(tokens).flatten(-2), moved.flatten(-2)], -1)

    @staticmethod
    def _per_voice(x: Tensor, weights: Tensor) -> Tensor:
        """[..., voices, in] by [voices, in, out] → [..., voices, out]"""
        rows = x.reshape(-1, *x.shape[-2:]).transpose(0, 1)
        return (rows @ weights).transpose(0, 1).reshape(*x.shape[:-1], weights.shape[-1])

    @staticmethod
    def _spread(by_leap: Tensor, last: Tensor) -> Tensor:
        """Logits by the interval from the last pitch, at the pitches they lead to; 0 where there is no last pitch."""
        leap = torch.arange(PITCHES, device=last.device) - last[..., None] + LEAP
        possible = (leap >= 0) & (leap <= 2 * LEAP) & ((last > 0) & (last < PITCHES))[..., None]
        possible[..., 0] = False
        return pad(by_leap, (0, 1)).gather(-1, torch.where(possible, leap, 2 * LEAP + 1))
