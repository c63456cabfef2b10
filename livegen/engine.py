"""Hear, imagine, play: joined, and told the time."""

from dataclasses import dataclass, replace
from typing import Any

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.codecs.codec import Codec
from livegen.events import TICKS_PER_QUARTER, Note, NoteOn, Timed
from livegen.hear.memory import Performance
from livegen.hear.tempo import find_meter
from livegen.imagine.answer import Answer, Outline
from livegen.imagine.bundle import load_bundle
from livegen.imagine.card import SamplingDefaults
from livegen.imagine.continuation import Continuation
from livegen.imagine.guard import Guard
from livegen.imagine.sampler import Sampler
from livegen.imagine.stepper import Stepper
from livegen.music.key import Key, find_key, parse_key
from livegen.music.meter import next_multiple
from livegen.music.phrase import Phrase, lay_out
from livegen.roles import ROLES
from livegen.roles.turns import Happening, Turn
from livegen.settings import Settings

_TOKENS_A_CALL = 32  # a call of imagine lasts some milliseconds at the most


@dataclass(frozen=True, slots=True)
class Plan:
    """What the player's side has to do now."""

    events: tuple[Timed, ...] = ()  # handed over: each is to sound at its moment
    retract_ns: int | None = None  # forget everything due after this moment, and end what would hang
    notices: tuple[str, ...] = ()  # lines for the person at the keyboard
    is_behind: bool = False  # work is waiting: call again at once


class Engine:
    """Owner of one conversation. No thread, port, sleep or clock: it is told the time, in ns of one clock."""

    def __init__(self, stepper: Stepper, codec: Codec[Any], settings: Settings, longest_run: int | None = None) -> None:
        play = settings.play
        self._sampling = settings.sampling
        self._guard = Guard(longest_run) if longest_run and settings.sampling.guard else None
        self._stepper = stepper
        self._codec = codec
        self._sampler = Sampler(settings.sampling, play.seed)
        self._table = ROLES[play.role]
        self._fixed_beat_ns = round(60 * NS_PER_S / play.tempo_bpm) if play.tempo_bpm else 0
        self._fixed_key = parse_key(play.key) if play.key else None
        self._answer_length = play.answer_length
        self._horizon_ns = play.horizon_ms * NS_PER_MS
        self._commit_ns = play.commit_ms * NS_PER_MS
        self._turn = Turn.IDLE
        self._performance = Performance(play.pause_ms * NS_PER_MS)
        self._key: Key | None = None
        self._answer: Answer | None = None
        self._is_prepared = False
        self._retract_ns: int | None = None
        self._notices: list[str] = []

    def hear(self, timed: Timed) -> None:
        """Something was played. During an answer a note takes the floor: the rest of the answer is retracted."""
        if self._turn is Turn.LISTENING and self._performance.has_ended(timed.at_ns):
            self._performance.take()  # its answer would come too late
        self._performance.hear(timed)
        if isinstance(timed.event, NoteOn):
            if self._turn is Turn.ANSWERING:
                self.retract(timed.at_ns)
            self._happen(Happening.TOUCH)

    def imagine(self, now_ns: int) -> Plan:
        """See to it that music is planned a horizon ahead; hand over what is due within the commitment."""
        if self._turn is Turn.LISTENING and self._performance.has_ended(now_ns):
            self._happen(Happening.PHRASE_END)
            self._answer = self._outline_answer()
            self._is_prepared = False
        events: tuple[Timed, ...] = ()
        if self._turn is Turn.ANSWERING and self._answer:
            if not self._is_prepared:
                self._prepare(self._answer, now_ns)
            if self._is_prepared:
                self._answer.plan(now_ns + self._horizon_ns)
                events = self._answer.hand_over(now_ns + self._commit_ns)
                if self._answer.is_over(now_ns):
                    self._happen(Happening.ANSWER_END)
        return self._plan(events)

    def retract(self, after_ns: int) -> None:
        """Forget what is due after a moment; the state goes back to the last whole moment that was heard."""
        if self._answer:
            self._answer.retract(after_ns)
            self._retract_ns = after_ns

    def silence(self, now_ns: int) -> Plan:
        """Stop at once and forget the phrase."""
        self.retract(now_ns)
        self._performance.take()
        self._turn = Turn.IDLE
        return self._plan(())

    def _happen(self, happening: Happening) -> None:
        self._turn = self._table.get((self._turn, happening), self._turn)

    def _plan(self, events: tuple[Timed, ...]) -> Plan:
        is_behind = self._turn is Turn.ANSWERING and not self._is_prepared
        plan = Plan(events, self._retract_ns, tuple(self._notices), is_behind)
        self._retract_ns, self._notices = None, []
        return plan

    def _prepare(self, answer: Answer, now_ns: int) -> None:
        self._is_prepared = answer.prepare(_TOKENS_A_CALL)
        if self._is_prepared:
            begin_ns = answer.begin(now_ns + self._commit_ns)
            self._notices.append(f"answer in {(begin_ns - now_ns) / NS_PER_S:.2f} s")

    def _outline_answer(self) -> Answer:
        played = self._performance.take()
        meter = find_meter([note.onset_ns for note in played], self._fixed_beat_ns)
        phrase = lay_out(
            [(note.onset_ns, note.end_ns, note.pitch, note.velocity) for note in played],
            meter,
            self._codec.grid_ticks,
        )
        key_before, self._key = self._key, self._find_key(phrase)
        continuation = self._continue(is_same_key=self._key == key_before)
        shift = self._codec.shift(self._key, [note.pitch for note in phrase.notes])
        home = self._key.transposed(shift)
        continuation.lean(self._codec.outside(home.scale), self._sampling.outside)
        notes = _transposed(phrase, shift)
        prompt = self._codec.prompt(notes, continuation.cursor, home)
        continuation.begin(prompt)
        folded = sum(self._codec.fold(note.pitch) != note.pitch for note in notes)
        count = f"{len(played)} notes" + (f" ({folded} out of the model's range, moved by octaves)" if folded else "")
        self._notices.append(f"heard {count}, {self._key}, {meter.tempo_bpm:.2f} bpm")
        return Answer(continuation, prompt, self._outline(phrase, -shift))

    def _outline(self, phrase: Phrase, shift: int) -> Outline:
        length = next_multiple(round(phrase.whole_length * self._answer_length), TICKS_PER_QUARTER)
        loudness = sum(note.velocity for note in phrase.notes) // len(phrase.notes)
        velocity = None if self._codec.has_velocities else max(1, loudness)
        return Outline(phrase.meter, shift, velocity, phrase.length, length)

    def _find_key(self, phrase: Phrase) -> Key:
        if self._fixed_key:
            return self._fixed_key
        return find_key([(note.pitch, note.duration / TICKS_PER_QUARTER) for note in phrase.notes], self._key)

    def _continue(self, *, is_same_key: bool) -> Continuation:
        """Go on from what was heard when key and beat allow it, else begin a new piece."""
        if self._answer and is_same_key and self._answer.continuation.cursor.tick % TICKS_PER_QUARTER == 0:
            return self._answer.continuation
        strikes = self._sampling.voice_leading
        return Continuation(self._stepper, self._codec, self._sampler, guard=self._guard, strikes_faults=strikes)


def load_engine(settings: Settings) -> Engine:
    """The engine of these settings; LivegenError when the model or a setting is refused."""
    bundle = load_bundle(settings.play.model)
    own = bundle.card.sampling or SamplingDefaults(temperature=1, top_p=1)
    sampling = settings.sampling.model_copy(
        update={
            "temperature": settings.sampling.temperature or own.temperature,
            "top_p": settings.sampling.top_p or own.top_p,
        }
    )
    settings = settings.model_copy(update={"sampling": sampling})
    return Engine(bundle.stepper, bundle.codec, settings, bundle.card.longest_run)


def _transposed(phrase: Phrase, semitones: int) -> list[Note]:
    return [replace(note, pitch=note.pitch + semitones) for note in phrase.notes]
