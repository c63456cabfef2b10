"""Makes the part for each turn from the model, the settings and what the player played."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import log

import numpy as np

from livegen.clock import NS_PER_S
from livegen.codecs.codec import Codec, Cursor, FrameCodec, PlayedCodec
from livegen.codecs.performance_writing import HALF_PEDAL
from livegen.codecs.vocabulary import PitchSet
from livegen.engine.accompaniment import Accompaniment, KeySetting
from livegen.engine.duet import Duet
from livegen.engine.endings import Wish
from livegen.engine.part import Part, PlaybackStyle
from livegen.engine.parts import Answer, Solo, Start
from livegen.engine.phrasing import PIANO_CODECS, Lines, Phraser, Told, mixed, told
from livegen.engine.repetition import RepetitionGuard
from livegen.engine.sampler import Sampler
from livegen.engine.session_cache import cache_for
from livegen.engine.token_stream import TokenStream
from livegen.engine.turn_taking import OTHERWISE, ROLES, Role
from livegen.events import (
    SUSTAIN_PEDAL,
    TICKS_PER_QUARTER,
    ControlChange,
    Event,
    Note,
    NoteOff,
    NoteOn,
    Ticked,
    Timed,
)
from livegen.model.bundle import Bundle
from livegen.music.beat_tracker import FASTEST_NS, BeatTracker
from livegen.music.cadence import bars_by_end
from livegen.music.hands import Hands
from livegen.music.key import Key, find_key, hear_key, parse_key
from livegen.music.metre import Bars, KeyChange, Metre
from livegen.music.metre_detection import HeardMetre, hear_metre, in_words
from livegen.music.phrase import Phrase, lay_out
from livegen.music.phrase_capture import HeardNote
from livegen.music.tempo_map import SteadyTempo, TempoMap, next_multiple, round_div
from livegen.music.transport import TransportState
from livegen.settings import Role as RoleName
from livegen.settings import Settings

_KEY_NOTES = 16  # newest notes that the key is found from during an accompaniment
_FEWEST = 4  # notes that are needed to find the key of a whole phrase, the register of a melody, or its loudness
_EARLY = TICKS_PER_QUARTER // 4  # how long before its beat a phrase's first note may come
_A_SIXTH = TICKS_PER_QUARTER // 6  # of a beat: a sixteenth of a compound metre
_DEFAULT_BPM = 100.0
_PIANO = (21, 108)
_REGISTER = (62, 80)  # a melody with its mean pitch in this range, as the model writes it, keeps its octave


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a part is made from."""

    at_ns: int
    transport: TransportState | None
    played: Sequence[HeardNote] = ()  # the phrase that it answers ...
    events: Sequence[Timed] = ()  # ... and all that was played in it
    pitch: int = 60  # the first note of the player that it accompanies
    newest: Callable[[int, int], Sequence[HeardNote]] = lambda count, now_ns: ()  # so many of the newest since then
    hands: Hands = field(default_factory=Hands)
    down: Sequence[Event] = ()  # what says which keys and pedals have been down since before


def playable_roles(codec: Codec[Cursor]) -> tuple[RoleName, ...]:
    """The roles whose parts a model with this codec can write.

    An accompaniment needs a codec of frames or of performances, and only frames can be made at once for each note.
    """
    can_harmonise, can_accompany = isinstance(codec, FrameCodec), isinstance(codec, FrameCodec | PlayedCodec)

    def is_playable(role: Role) -> bool:
        return role.part != "accompaniment" or (can_harmonise if role.is_immediate else can_accompany)

    return tuple(name for name, role in ROLES.items() if is_playable(role))


def role_refusal(bundle: Bundle, name: RoleName) -> str:
    """A line that says why a model cannot play a role, and what is played instead; "" when it can."""
    roles = playable_roles(bundle.codec)
    if name in roles:
        return ""
    can = f"it can {' and '.join(roles)}; playing '{OTHERWISE}' instead"
    return f"the model '{bundle.card.name}' cannot {name}: {can}; livegen models shows which models can"


class Composer:
    """Owner of the stream of tokens, the key and the random numbers."""

    def __init__(self, bundle: Bundle, settings: Settings) -> None:
        self._sampler = Sampler(settings.sampling, max(0, settings.play.seed))
        self._stream: TokenStream[Cursor] | None = None
        self._left_hand: frozenset[int] = frozenset()
        self._zone: frozenset[int] | None = None  # pitch classes that the left hand allows
        self._shift = 0
        self.key: Key | None = None
        self.heard_key: KeyChange | None = None  # the key of what was played last, from its first note on
        self._heard_metre: HeardMetre | None = None  # of the last phrase without a clock
        self._tracker: BeatTracker | None = None  # of what was accompanied since then
        self.change(settings, bundle)

    def change(self, settings: Settings, bundle: Bundle | None = None) -> None:
        """Use these settings from now on, and this model if one is given; the part that plays goes on.

        SettingsError when a key is unknown; nothing has changed then.
        """
        self._fixed_key = parse_key(settings.play.key) if settings.play.key else None
        self.settings = settings
        if bundle:
            self._bundle, self._stream = bundle, None
            self._cache = cache_for(bundle.codec)
        asked, own = settings.sampling, self._bundle.card.own_sampling.model_dump()
        defaults = {key: getattr(asked, key) or value for key, value in own.items()}
        self._sampler.settings = asked.model_copy(update=defaults)

    @property
    def codec(self) -> Codec[Cursor]:
        """The model's codec."""
        return self._bundle.codec

    def refusal(self, name: RoleName) -> str:
        """As ``role_refusal``, of this model."""
        return role_refusal(self._bundle, name)

    def set_chord(self, event: NoteOn | NoteOff) -> None:
        """Allow the pitch classes of the left hand's chord; the last chord stays in force until the next one."""
        if isinstance(event, NoteOff):
            self._left_hand -= {event.pitch}
        else:
            self._left_hand |= {event.pitch}
            self._zone = frozenset(pitch % 12 for pitch in self._left_hand)

    @property
    def middle(self) -> int:
        """A pitch in the middle of the player's range."""
        return _REGISTER[0] - self._shift

    def sixteenth_ns(self, transport: TransportState | None) -> int:
        """The duration of a sixteenth note by the clock, as it is set or heard, or at the usual tempo."""
        own_ns = self._tracker.tempo.beat_ns if self._tracker else self._steady_beat_ns
        return (transport.beat_ns if transport else own_ns) // 4

    @property
    def beats_per_bar(self) -> int:
        """Quarters in a bar of a clock, and of music that no phrase was heard before."""
        return self.settings.time.beats_per_bar or 4

    def make(self, role: Role, beginning: Beginning) -> Part:
        """Make the role's part."""
        part = self._make(role, beginning)
        self._set_familiarity(part)
        return part

    def _make(self, role: Role, beginning: Beginning) -> Part:
        match role.part:
            case "answer":
                return self._answer(beginning)
            case "endless":
                return self._solo(beginning)
            case "accompaniment":
                if isinstance(self.codec, PlayedCodec):
                    return self._duet(role, beginning, self.codec)
                return self._accompaniment(role, beginning)

    def _answer(self, beginning: Beginning) -> Answer:
        """The answer to a phrase; with a clock, on the clock's beat."""
        played, transport = beginning.played, beginning.transport
        phrase, origin = self._lay_out(played, transport)
        before, self.key = self.key, self._find_key([(n.pitch, n.duration / TICKS_PER_QUARTER) for n in phrase.notes])
        self.heard_key = KeyChange(played[0].onset_ns, self.key.tonic, self.key.is_minor)
        self._shift = self.codec.shift(self.key, [note.pitch for note in phrase.notes])
        stream = self._continue(is_same_key=self.key == before)
        self.apply_bias(stream)
        if isinstance(self.codec, PlayedCodec):
            return self._played_answer(self.codec, stream, beginning, phrase)
        notes = _transposed(phrase, self._shift)
        is_timed = transport is None or self.settings.time.beats_per_bar  # a clock has beats, and no bars
        home, bars = self.key.transposed(self._shift), phrase.bars
        prompt = self.codec.prompt(notes, stream.cursor, home, bars if is_timed else None)
        stream.begin(prompt)
        length = next_multiple(round(phrase.whole_length * self.settings.play.answer_length), TICKS_PER_QUARTER)
        longest = bars.ticks * self.settings.play.answer_bars or None
        start = Start(
            bars.ticks if self.settings.time.begin_on == "bar" else TICKS_PER_QUARTER,
            origin + phrase.length,
            self._in_words(len(played), [note.pitch for note in notes], phrase),
            None if transport else _metre_of(phrase),
            (origin + bars.upbeat) % bars.ticks,
        )
        style, beat = self._line_style(phrase.notes), transport or phrase.tempo
        felt = bars_by_end(notes, bars)
        ahead = replace(felt, upbeat=(felt.upbeat - phrase.length) % felt.ticks)
        wish = Wish(min(length, longest or length), longest, home, ahead, tuple(notes))
        answer = Answer(stream, prompt, style, beat, start, wish)
        lines = Lines(bars if is_timed else None, start.line)
        answer.phraser = self._phraser(stream, lines, told(phrase, origin))
        return answer

    def _played_answer(
        self, codec: PlayedCodec[Cursor], stream: TokenStream[Cursor], beginning: Beginning, phrase: Phrase
    ) -> Answer:
        """The answer of a codec of performances: in real time, or the clock's, from a beat of the phrase on."""
        is_whole = phrase.length == phrase.whole_length
        begin_ns = beginning.played[0].onset_ns if is_whole else phrase.tempo.ns_at(0)
        beat: TempoMap = beginning.transport or SteadyTempo(begin_ns, codec.beat_ns)
        origin = beat.tick_at(begin_ns)
        notes = [
            Note(tick, note.pitch, max(codec.grid_ticks, beat.tick_at(note.end_ns) - origin - tick), note.velocity)
            for note in beginning.played
            for tick in (max(0, beat.tick_at(note.onset_ns) - origin),)
            if note.end_ns > begin_ns or note.onset_ns >= begin_ns
        ]
        events = [Ticked(max(0, beat.tick_at(each.at_ns) - origin), each.event) for each in _since(beginning, begin_ns)]
        end = max(note.end for note in notes)
        loudnesses = {note.velocity for note in notes}
        has_loudness = len(loudnesses) > 1 or len(notes) < _FEWEST  # else the keyboard has one for all keys
        prompt = codec.prompt_of_events(events, stream.cursor, end, has_loudness=has_loudness)
        stream.begin(prompt)
        beat_ticks = round_div(phrase.tempo.beat_ns * TICKS_PER_QUARTER, beat.beat_ns)
        bar_ticks = beat_ticks * phrase.bars.ticks // TICKS_PER_QUARTER
        grid = bar_ticks if self.settings.time.begin_on == "bar" else beat_ticks
        start = Start(
            grid,
            origin + end,
            self._in_words(len(beginning.played), [note.pitch for note in notes], phrase),
            None if beginning.transport else _metre_of(phrase),
            beat.tick_at(phrase.tempo.ns_at(phrase.bars.upbeat)) % grid,
        )
        whole = end + origin - beat.tick_at(beginning.played[0].onset_ns)
        length = next_multiple(round(whole * self.settings.play.answer_length), TICKS_PER_QUARTER)
        longest = bar_ticks * self.settings.play.answer_bars or None
        assert self.key
        wish = Wish(min(length, longest or length), longest, self.key, Bars(), tuple(notes))
        return Answer(stream, prompt, self._line_style(notes), beat, start, wish, codec.waits)

    def _in_words(self, count: int, pitches: Sequence[int], phrase: Phrase) -> str:
        """What was heard; ``pitches``, as the model is told them."""
        folded = sum(self.codec.fold(pitch) != pitch for pitch in pitches)
        moved = f" ({folded} out of the model's range, moved by octaves)" if folded else ""
        return f"heard {count} notes{moved}, {self.key}, {in_words(phrase.tempo, phrase.bars)}"

    def _solo(self, beginning: Beginning) -> Solo:
        """Music without a phrase to answer; it continues the last stream, if there is one."""
        self.key = self.key or self._fixed_key
        stream = self._continue(is_same_key=True)
        self.apply_bias(stream)
        solo = Solo(stream, self._line_style(()), self._beat(beginning), Start(metre=self._own_metre(beginning)))
        solo.phraser = self._phraser(stream, Lines(), Told())
        return solo

    def _accompaniment(self, role: Role, beginning: Beginning) -> Accompaniment:
        """Voices that accompany the player, whose first note is known."""
        pitch, codec = beginning.pitch, self.codec
        assert isinstance(codec, FrameCodec)
        first = [note.pitch for note in beginning.newest(_KEY_NOTES, beginning.at_ns)]
        self.key = self._fixed_key or (hear_key(first, self.key) if first else self.key or Key(0))
        if not self._is_in_register([pitch]):
            self._shift = codec.shift(self.key, [pitch])
        beat = beginning.transport or self._track(beginning)
        part = Accompaniment(
            codec,
            self._key_setting(),
            self._style(),
            beat,
            candidates=self.settings.sampling.candidates,
            is_immediate=role.is_immediate,
            patience_ns=role.patience_ns,
            hands=beginning.hands,
            update_key=lambda now_ns, melody: self.update_key(beginning.newest(_KEY_NOTES, now_ns), melody),
        )
        part.metre = beat.metre if isinstance(beat, BeatTracker) else None
        return part

    def _duet(self, role: Role, beginning: Beginning, codec: PlayedCodec[Cursor]) -> Duet:
        """What is played with the player, in real time; it continues the last stream, if there is one."""
        self._shift = 0
        stream = self._continue(is_same_key=True)

        def update_key(now_ns: int) -> None:
            heard = [note.pitch for note in beginning.newest(_KEY_NOTES, now_ns)]
            found = hear_key(heard, self.key, is_opening=len(heard) < _KEY_NOTES) if heard else self.key
            self.key = self._fixed_key or found
            self.apply_bias(stream)

        update_key(beginning.at_ns)
        part = Duet(codec, stream, self._line_style(()), beginning.at_ns, role.patience_ns, update_key)
        part.metre = self._own_metre(beginning)
        for event in beginning.down:
            part.hear(Timed(beginning.at_ns, event))
        return part

    def update_key(self, heard: Sequence[HeardNote], melody: Sequence[int]) -> KeySetting | None:
        """Find the key anew; another ``KeySetting`` when the transposition changes with the key or the register."""
        if not heard:
            return None
        before = self.key
        is_opening = len(heard) < _KEY_NOTES
        self.key = self._fixed_key or hear_key([note.pitch for note in heard], before, is_opening=is_opening)
        self.heard_key = KeyChange(heard[0].onset_ns, self.key.tonic, self.key.is_minor)
        if self.key == before and (len(melody) < _FEWEST or self._is_in_register(melody)):
            return None
        pitches = melody or [note.pitch for note in heard]
        shift, self._shift = self._shift, self.codec.shift(self.key, pitches)
        if self._shift != shift:
            return self._key_setting()
        if self._stream:  # same transposition, other scale: C major and A minor
            self.apply_bias(self._stream)
        return None

    def apply_settings(self, part: Part) -> None:
        """Apply the present settings to a part that plays."""
        part.apply_settings(self._style(), -self._shift, self.settings.sampling.candidates)
        self.apply_bias(part.stream)
        self._set_familiarity(part)

    def apply_bias(self, stream: TokenStream[Cursor]) -> None:
        """Set the stream's log-odds (density, notes out of key) and its allowed pitches."""
        sampling = self.settings.sampling
        odds = self.codec.density_weights() * np.float32(log(sampling.density))
        if self.key:
            strange = self.codec.out_of_scale(self.key.transposed(self._shift).scale)
            odds = odds + np.where(strange, np.float32(log(sampling.out_of_key)), np.float32(0))
        stream.set_bias(odds, self._allowed())

    def _set_familiarity(self, part: Part) -> None:
        part.stream.set_familiarity(self.settings.sampling.familiarity * part.takes_up)

    def _style(self) -> PlaybackStyle:
        """How an accompaniment is played: without a shift from the model's key, for it is written transposed."""
        play, limits = self.settings.play, self.settings.limits
        return PlaybackStyle(
            shift=12 * play.octaves,
            lowest=limits.lowest,
            highest=limits.highest,
            most_voices=limits.most_voices,
            velocity_follow=play.velocity_follow,
            phrasing=play.phrasing,
            pedal=play.pedal,
        )

    def _line_style(self, notes: Sequence[Note]) -> PlaybackStyle:
        """How an answer or a solo is played; ``notes`` are the phrase that it answers."""
        loudness = sum(note.velocity for note in notes) // len(notes) if notes else 64
        is_own = self.codec.has_velocities or self.settings.play.phrasing > 0
        return self._style().shifted(-self._shift, None if is_own else max(1, loudness))

    def _phraser(self, stream: TokenStream[Cursor], lines: Lines, said: Told) -> Phraser | None:
        """What gives the notes the loudness, and the pedal, that the model does not write."""
        play, codec = self.settings.play, self.codec
        is_loud = not codec.has_velocities and play.phrasing > 0
        if not is_loud and codec.name not in PIANO_CODECS:
            return None
        pitches = [pitch for _, together, _ in said.onsets for pitch in together]
        seed = mixed(max(0, play.seed), stream.cursor.tick, *pitches)
        return Phraser(seed, lines.place, said, is_loud=is_loud, is_pedalled=codec.name in PIANO_CODECS)

    def _beat(self, beginning: Beginning) -> TempoMap:
        """The clock's beat, or the set or usual tempo from that moment on."""
        return beginning.transport or SteadyTempo(beginning.at_ns, self._steady_beat_ns)

    def _track(self, beginning: Beginning) -> BeatTracker:
        """The beat of the player who begins now: as it was heard last, until it is heard anew."""
        before = self._heard_metre = self._belief
        begun = self._own_metre(beginning)
        assert begun is not None
        if before and not self._fixed_beat_ns:
            known = self._counted(before).in_quarters()
            beat_ns = known.tempo.beat_ns * (1 if known.tempo.beat_ns >= FASTEST_NS else 2)
            begun = replace(begun, beat_ns=beat_ns, beats_per_bar=known.bars.beats)
        self._tracker = BeatTracker(
            begun, before, newest=beginning.newest, counted=self._counted, fixed_ns=lambda: self._fixed_beat_ns
        )
        return self._tracker

    @property
    def _belief(self) -> HeardMetre | None:
        """The metre that was heard last, of a phrase or of what was accompanied."""
        return (self._tracker.belief if self._tracker else None) or self._heard_metre

    def _own_metre(self, beginning: Beginning) -> Metre | None:
        """Bars at the steady tempo from that moment on; None with a clock."""
        return None if beginning.transport else Metre(beginning.at_ns, 0, self._steady_beat_ns, self.beats_per_bar)

    @property
    def _steady_beat_ns(self) -> int:
        return self._fixed_beat_ns or round(60 * NS_PER_S / _DEFAULT_BPM)

    @property
    def _fixed_beat_ns(self) -> int:
        """The length of a quarter at the tempo that is set; 0 when none is."""
        bpm = self.settings.time.tempo_bpm
        return round(60 * NS_PER_S / bpm) if bpm else 0

    def _allowed(self) -> PitchSet | None:
        """The model's pitches that may sound [128]; None when all may."""
        limits, classes = self.settings.limits, self._zone
        if limits.scale_lock and self.key:
            classes = (self.key.scale & classes if classes else None) or self.key.scale
        if classes is None and (limits.lowest, limits.highest) == _PIANO:
            return None
        sounding = np.arange(128) - self._shift + 12 * self.settings.play.octaves
        allowed: PitchSet = (sounding >= limits.lowest) & (sounding <= limits.highest)
        return allowed & np.isin(sounding % 12, list(classes)) if classes else allowed

    def _key_setting(self) -> KeySetting:
        stream = self._begun()
        self.apply_bias(stream)
        return KeySetting(-self._shift, stream)

    def _is_in_register(self, pitches: Sequence[int]) -> bool:
        """Do these pitches lie in the register of the model's melodies?"""
        middle = sum(pitches) / len(pitches) + self._shift
        return _REGISTER[0] <= middle <= _REGISTER[1] and self._shift % 12 == self._home_shift % 12

    @property
    def _home_shift(self) -> int:
        return int(self.codec.shift(self.key or Key(0), [_REGISTER[0]]))

    def _find_key(self, sounding: Sequence[tuple[int, float]]) -> Key:
        """The key of a phrase; a few notes are an opening, of which the usual keys are expected."""
        if len(sounding) < _FEWEST:
            return self._fixed_key or hear_key([pitch for pitch, _ in sounding], self.key)
        return self._fixed_key or find_key(sounding, self.key)

    def _lay_out(self, played: Sequence[HeardNote], transport: TransportState | None) -> tuple[Phrase, int]:
        """The phrase on its grid, and the tick at which it begins: the transport's tick, or 0 at the detected tempo."""
        onsets = [note.onset_ns for note in played]
        origin = 0
        if transport:
            origin = (transport.tick_at(onsets[0]) + _EARLY) // TICKS_PER_QUARTER * TICKS_PER_QUARTER
            tempo = SteadyTempo(transport.ns_at(origin), transport.beat_ns)
            bars = Bars(self.beats_per_bar, upbeat=-origin % (self.beats_per_bar * TICKS_PER_QUARTER))
            heard = HeardMetre(tempo, bars, tuple(map(tempo.tick_at, onsets)))
        else:
            heard = self._hear_metre(played)
        notes = [(note.onset_ns, note.end_ns, note.pitch, note.velocity) for note in played]
        return lay_out(notes, heard, self.codec.grid_ticks), origin

    def _hear_metre(self, played: Sequence[HeardNote]) -> HeardMetre:
        """The metre of a phrase, as the codec counts it."""
        fixed_beat_ns, before = self._fixed_beat_ns, self._belief
        onsets, pitches = [note.onset_ns for note in played], [note.pitch for note in played]
        is_free = self._has_thirds or not fixed_beat_ns  # else the quarters of 6/8 would have another tempo
        heard = hear_metre(onsets, pitches, before, fixed_beat_ns=fixed_beat_ns, may_be_compound=is_free)
        self._heard_metre = heard if heard.sureness else before
        self._tracker = None
        return self._counted(heard)

    def _counted(self, heard: HeardMetre) -> HeardMetre:
        """What was heard, in bars as they are set; a beat has two parts where the codec cannot divide it in three."""
        beats = self.settings.time.beats_per_bar
        if not self._has_thirds:
            heard = heard.in_quarters()
        if not beats:
            return heard
        bars = replace(heard.bars, beats=beats)
        return replace(heard, bars=replace(bars, upbeat=bars.upbeat % bars.ticks))

    @property
    def _has_thirds(self) -> bool:
        return _A_SIXTH % self.codec.grid_ticks == 0  # of a beat

    def _continue(self, *, is_same_key: bool) -> TokenStream[Cursor]:
        """Continue the last stream when the key is the same and it ended on a beat, else begin a new one.

        A codec of performances has neither keys nor beats: both play on in one stream.
        """
        last, is_played = self._stream, isinstance(self.codec, PlayedCodec)
        if last and (is_played or (is_same_key and last.cursor.tick % TICKS_PER_QUARTER == 0)):
            return last
        return self._begun()

    def _begun(self) -> TokenStream[Cursor]:
        bundle, sampling = self._bundle, self.settings.sampling
        longest_run = bundle.card.longest_run
        repetition = RepetitionGuard(longest_run) if longest_run and sampling.avoid_loops else None
        self._stream = TokenStream(
            bundle.stepper,
            bundle.codec,
            self._sampler,
            repetition=repetition,
            cache=self._cache,
            avoids_errors=sampling.voice_leading,
        )
        return self._stream


def _metre_of(phrase: Phrase) -> Metre:
    """The phrase's tempo, from the bar line at or before its first beat; that beat may have been left out."""
    bars, skipped = phrase.bars, phrase.whole_length - phrase.length
    begin = bars.upbeat - next_multiple(bars.upbeat + skipped, bars.ticks)
    beat_ns = phrase.tempo.beat_ns * 2 // 3 if bars.is_compound else phrase.tempo.beat_ns
    return Metre(phrase.tempo.ns_at(begin), 0, beat_ns, bars.in_quarters().beats, is_compound=bars.is_compound)


def _since(beginning: Beginning, begin_ns: int) -> list[Timed]:
    """What was played from a moment on, without what a pedal does on one side; before it, what lasts then."""
    lasting = {(note.onset_ns, note.pitch) for note in beginning.played if note.onset_ns < begin_ns < note.end_ns}
    found: list[Timed] = []
    before: dict[int, Timed] = {}  # by the channel, the pedal's last move before the moment
    sides: dict[int, bool] = {}
    for each in beginning.events:
        event = each.event
        if isinstance(event, ControlChange) and event.number == SUSTAIN_PEDAL:
            is_down = event.value >= HALF_PEDAL
            if each.at_ns < begin_ns:
                before[event.channel] = each
            elif sides.get(event.channel) != is_down:
                found.append(each)
            sides[event.channel] = is_down
        elif each.at_ns >= begin_ns or (isinstance(event, NoteOn) and (each.at_ns, event.pitch) in lasting):
            found.append(each)
    return sorted([*before.values(), *found], key=lambda each: each.at_ns)


def _transposed(phrase: Phrase, semitones: int) -> list[Note]:
    return [replace(note, pitch=note.pitch + semitones) for note in phrase.notes]
