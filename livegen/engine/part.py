"""What the machine plays: planned in ticks, handed over in nanoseconds, ended note by note."""

from abc import ABC, abstractmethod
from collections import Counter, deque
from dataclasses import dataclass

from livegen.engine.plan import LookAhead
from livegen.engine.token_stream import TokenStream
from livegen.events import TICKS_PER_QUARTER, NoteOff, NoteOn, Ticked, Timed
from livegen.music.key import octave_fold
from livegen.music.tempo_map import TempoMap, next_multiple

_MIDDLING = 64  # the velocity of whoever does not follow the player's


@dataclass(frozen=True, slots=True)
class PlaybackStyle:
    """How what was imagined is played: ``shift`` semitones from the model's key to the player's."""

    shift: int = 0
    lowest: int = 21
    highest: int = 108
    most_voices: int = 0  # 0 is any number
    velocity: int | None = None  # None: each note has its own
    velocity_follow: float = 1.0

    def pitch(self, pitch: int) -> int:
        """Where a pitch of the model sounds."""
        return octave_fold(pitch + self.shift, self.lowest, self.highest)

    def loudness(self, own: int) -> int:
        """The velocity of a note whose own would be this."""
        wanted = own if self.velocity is None else self.velocity
        return min(127, max(1, round(_MIDDLING + self.velocity_follow * (wanted - _MIDDLING))))


class Part(ABC):
    """Owner of a plan. Its ``beat`` may change at any time: what has not been handed over moves with it."""

    def __init__(self, stream: TokenStream, style: PlaybackStyle, beat: TempoMap) -> None:
        self.stream = stream
        self.style = style
        self.beat = beat
        self._begin_tick = stream.cursor.tick
        self._offset = 0  # from the continuation's ticks to the beat's
        self._planned: deque[Ticked] = deque()  # in the beat's ticks
        self._begun: dict[int, list[int | None]] = {}  # the model's pitch → where it sounds; None was left out
        self._voices: Counter[int] = Counter()  # on each key: folding can put two on one
        self._is_paused = False

    def prepare(self, most_tokens: int) -> bool:
        """Get up to ``most_tokens`` nearer to being ready; True when it is."""
        return True

    def begin(self, earliest_ns: int, grid: int, not_before: int = 0) -> int:
        """Lay the first note on the first multiple of ``grid`` ticks at or after a moment and a tick; its moment."""
        tick = next_multiple(max(self.beat.tick_at(earliest_ns), not_before), grid)
        self._begin_tick = self.stream.cursor.tick
        self._offset = tick - self._begin_tick
        return self.beat.ns_at(tick)

    @abstractmethod
    def plan(self, until_ns: int) -> None:
        """Imagine everything that begins before a moment."""

    def hand_over(self, until_ns: int) -> tuple[Timed, ...]:
        """Events up to a moment, each once; they are promised from now on."""
        events = []
        while self._planned and (at_ns := self.beat.ns_at(self._planned[0].tick)) <= until_ns:
            events.append(Timed(at_ns, self._planned.popleft().event))
        return tuple(events)

    def due_ns(self, ahead: LookAhead) -> int:
        """From when on there is something to hand over, or to imagine."""
        due_ns = self._moment() - ahead.horizon_ns
        return min(due_ns, self.beat.ns_at(self._planned[0].tick) - ahead.commit_ns) if self._planned else due_ns

    def pending(self) -> tuple[Timed, ...]:
        """What is planned and not yet handed over."""
        return tuple(Timed(self.beat.ns_at(ticked.tick), ticked.event) for ticked in self._planned)

    def retract(self, after_ns: int) -> None:
        """Forget what was not heard by a moment; the continuation goes back with it, and nothing sounds on."""
        self._planned.clear()
        self._begun.clear()
        self._voices.clear()
        heard = self.beat.tick_at(after_ns) - self._offset
        self.stream.retract(max(heard, self._begin_tick))

    def pause(self, after_ns: int) -> None:
        """As ``retract``; plan nothing until ``go_on``."""
        if not self._is_paused:
            self.retract(after_ns)
            self._is_paused = True

    def go_on(self, beat: TempoMap, earliest_ns: int) -> None:
        """Go on after a pause or a jump, at the same place within the beat."""
        self.beat = beat
        lag = beat.tick_at(earliest_ns) - (self.stream.cursor.tick + self._offset)
        self._offset += next_multiple(lag, TICKS_PER_QUARTER)
        self._is_paused = False

    @property
    def is_between_phrases(self) -> bool:
        """It has come to the end of a phrase."""
        return False

    def is_over(self, now_ns: int) -> bool:
        """Its last note has ended."""
        return False

    def _take_over(self, other: "Part") -> None:
        """Play on in another's place."""
        self._begin_tick, self._offset = other._begin_tick, other._offset
        self._planned, self._begun, self._voices = other._planned, other._begun, other._voices
        self._is_paused = other._is_paused

    def _moment(self) -> int:
        """When what is imagined next begins."""
        return self.beat.ns_at(self.stream.cursor.tick + self._offset)

    def _keep(self, ticked: Ticked) -> None:
        """Move an event to the player's key, loudness and time."""
        event, tick = ticked.event, ticked.tick + self._offset
        if isinstance(event, NoteOn):
            self._strike(event, tick)
        elif isinstance(event, NoteOff) and self._begun.get(event.pitch):
            pitch = self._begun[event.pitch].pop()
            if pitch is not None:
                self._release(pitch, tick)

    def _strike(self, event: NoteOn, tick: int) -> None:
        pitch = self.style.pitch(event.pitch)
        most = self.style.most_voices
        is_left_out = bool(most) and not self._voices[pitch] and len(+self._voices) >= most
        self._begun.setdefault(event.pitch, []).append(None if is_left_out else pitch)
        if is_left_out:
            return
        self._voices[pitch] += 1
        if self._voices[pitch] == 1:
            self._planned.append(Ticked(tick, NoteOn(pitch, self.style.loudness(event.velocity))))

    def _release(self, pitch: int, tick: int) -> None:
        self._voices[pitch] -= 1
        if not self._voices[pitch]:
            self._planned.append(Ticked(tick, NoteOff(pitch)))

    def _release_all(self, tick: int) -> None:
        for pitch in sorted(+self._voices):
            self._planned.append(Ticked(tick, NoteOff(pitch)))
        self._voices.clear()
        self._begun.clear()
