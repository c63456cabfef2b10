"""The engine: hears what is played, plans music, hands it over."""

from collections.abc import Callable, Sequence

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.engine.composer import Beginning, Composer
from livegen.engine.mark_log import MarkLog
from livegen.engine.part import Moment, Part
from livegen.engine.plan import Plan, look_ahead
from livegen.engine.turn_taking import OTHERWISE, ROLES, Turn, TurnEvent
from livegen.events import NoteOff, NoteOn, Timed
from livegen.model.bundle import Bundle, load_bundle
from livegen.music.hands import Hands
from livegen.music.key import Key
from livegen.music.phrase_capture import HeardNote, PhraseCapture
from livegen.music.taps import Taps
from livegen.music.transport import TransportState
from livegen.settings import Role, Settings

_BREATH_NS = NS_PER_S  # so long without a held key is a pause between two phrases of a player whom we accompany


class Engine:
    """Owner of the turns and of the part that plays.

    It has no thread, port, sleep or clock: each call gives the time, in ns of one clock.
    """

    def __init__(self, bundle: Bundle, settings: Settings) -> None:
        self.sha256 = bundle.sha256  # of the model that it begins with
        self._composer = Composer(bundle, settings)
        self._settings = settings
        self._role = ROLES[OTHERWISE]
        self._turn = Turn.IDLE
        self._capture = PhraseCapture(settings.play.pause_ms * NS_PER_MS)
        self._hands = Hands()
        self._taps = Taps()
        self._transport: TransportState | None = None
        self.is_interrupted: Callable[[], bool] = lambda: False  # by a message that waits; changes no output
        self._ahead = look_ahead(settings, None)
        self._part: Part | None = None
        self._touched_ns = 0
        self._retraction: tuple[int, tuple[int, ...]] | None = None
        self._role_changed: Role | None = None
        self._notices: list[str] = []
        self._marks = MarkLog()
        self._take_role(settings.play.role)

    def hear(self, timed: Timed) -> None:
        """Take what was played. A note during an answer takes the turn: the rest of the answer is retracted."""
        event = timed.event
        is_conducted = self._settings.limits.left_hand == "chord"
        if is_conducted and isinstance(event, NoteOn | NoteOff) and timed.is_left_hand:
            self._composer.set_chord(event)
            return self._apply_settings()
        least_ns = self._composer.sixteenth_ns(self._transport) if self._turn is Turn.TOGETHER else 0
        for each in self._taps.hear(timed, least_ns):
            self._hear(each)

    def _hear(self, timed: Timed) -> None:
        event = timed.event
        is_onset = isinstance(event, NoteOn)
        if is_onset and self._turn is Turn.LISTENING and self._capture.has_ended(timed.at_ns):
            self._capture.take()  # drop the phrase: its answer would come too late
        before = self._capture.held
        self._capture.hear(timed)
        self._hands.hear(timed)
        if isinstance(event, NoteOn):
            self._note_on(event, timed.at_ns)
        elif self._part and self._turn is Turn.TOGETHER:
            for pitch in before - self._capture.held:
                self._take_back(self._part, self._part.note_off(pitch, timed.at_ns))
        if self._part and self._turn is Turn.TOGETHER:
            self._take_back(self._part, self._part.hear(timed))

    def imagine(self, now_ns: int) -> Plan:
        """Plan music up to the horizon; hand over the events up to the commit time."""
        for late in self._taps.due(now_ns):
            self._hear(late)
        if self._turn is Turn.IDLE and self._take_turn(TurnEvent.BEGIN) is Turn.PLAYING:
            self._part = self._make(now_ns)
        if self._turn is Turn.LISTENING and self._capture.has_ended(now_ns):
            self._take_turn(TurnEvent.PHRASE_END)
            if self._capture.is_sustained:
                sooner = "lift it at the end of a phrase to be answered sooner"
                self._notices.append(f"the pedal is still down: it is waited for no longer; {sooner}")
            events = self._capture.events
            self._part = self._make(now_ns, played=self._capture.take(), events=events)
        if self._part and self._is_playing:
            return self._plan(self._play(self._part, now_ns))
        return self._plan(())

    def retract(self, after_ns: int) -> None:
        """Drop the events after a moment; the stream goes back to its last checkpoint before that moment."""
        if self._part:
            self._part.retract(after_ns)
            self._retraction = after_ns, ()

    def silence(self, now_ns: int) -> Plan:
        """Stop at once and forget the phrase; a role that a key press ends (solo) is left for the role after it."""
        self._stop(now_ns)
        self._capture.take()
        if self._role.is_left_by_a_touch:
            self._take_role(self._settings.play.role_after_touch)
        self._turn = Turn.IDLE
        return self._plan(())

    def follow(self, transport: TransportState, now_ns: int) -> None:
        """Take a new transport state: planned events move with the clock; a stop silences, a jump re-anchors them."""
        before, self._transport = self._transport, transport
        self._ahead = look_ahead(self._settings, transport)
        if transport.is_running:
            self._marks.follow(transport, self._composer.beats_per_bar)
        is_same_run = before is not None and before.run == transport.run
        if self._part and self._part.follow(transport, self._moment(now_ns), is_same_run=is_same_run):
            self._retraction = now_ns, ()
        if self._turn is Turn.TOGETHER and not is_same_run and not transport.is_running:
            self._stop(now_ns)

    def change(self, settings: Settings, now_ns: int, bundle: Bundle | None = None) -> None:
        """Use these settings from now on, and this model if one is given; SettingsError when a setting is refused."""
        self._composer.change(settings, bundle)
        before, self._settings = self._settings, settings
        self._ahead = look_ahead(settings, self._transport)
        self._capture.pause_ns = settings.play.pause_ms * NS_PER_MS
        if bundle or settings.play.role != before.play.role:
            self._go_over(settings.play.role, now_ns, is_new_model=bundle is not None)
        self._apply_settings()

    @property
    def turn(self) -> Turn:
        """Who plays."""
        return self._turn

    @property
    def key(self) -> Key | None:
        """The key that is heard, or set; None before the first note."""
        return self._composer.key

    @property
    def part(self) -> Part | None:
        """What plays, or played last."""
        return self._part

    def pending(self) -> tuple[Timed, ...]:
        """The events that are planned and not yet handed over."""
        return self._part.pending() if self._part else ()

    def is_between_phrases(self, now_ns: int) -> bool:
        """Would a change now interrupt no phrase, neither the player's nor ours?"""
        if self._turn is Turn.PLAYING:
            return self._part is None or self._part.is_between_phrases
        is_quiet = not self._capture.held and now_ns - self._touched_ns > _BREATH_NS
        return self._turn is Turn.IDLE or (self._turn is Turn.TOGETHER and is_quiet)

    # turns

    def _take_turn(self, event: TurnEvent) -> Turn:
        self._turn = self._role.turns.get((self._turn, event), self._turn)
        return self._turn

    def _note_on(self, event: NoteOn, at_ns: int) -> None:
        self._touched_ns = at_ns
        if self._turn is Turn.PLAYING:
            self.retract(at_ns)
        was_together = self._turn is Turn.TOGETHER
        is_left = self._role.is_left_by_a_touch
        self._take_turn(TurnEvent.NOTE_ON)
        if is_left:
            self._take_role(self._settings.play.role_after_touch)
            self._take_turn(TurnEvent.NOTE_ON)
        if self._turn is Turn.TOGETHER:
            if not was_together or self._part is None:
                self._part = self._make(at_ns, pitch=event.pitch)
            self._take_back(self._part, self._part.note_on(event, at_ns))

    def _take_role(self, name: Role) -> None:
        """Begin a role; when the model cannot play it, add a notice and begin ``OTHERWISE`` instead."""
        if refusal := self._composer.refusal(name):
            self._notices.append(refusal)
            name = OTHERWISE
        self._role, self._turn = ROLES[name], Turn.IDLE
        if name != self._settings.play.role:
            play = self._settings.play.model_copy(update={"role": name})
            self._settings = self._settings.model_copy(update={"play": play})
            self._role_changed = name

    def _go_over(self, name: Role, now_ns: int, *, is_new_model: bool) -> None:
        """Change roles while music plays: a role with ``goes_on`` takes over the part, any other role ends it."""
        was_playing = self._turn is Turn.PLAYING
        part = self._part if was_playing and not is_new_model else None
        if part and ROLES[name].goes_on and not part.is_behind:
            self._role, self._part = ROLES[name], part.without_end()
            return
        self._stop(now_ns)
        self._capture.take()
        self._take_role(name)
        if self._role.begins_alone and was_playing:
            self._turn = Turn.TOGETHER
            self._part = self._make(now_ns, pitch=self._composer.middle)
            self._part.begin(now_ns)
            self._touched_ns = now_ns

    def _apply_settings(self) -> None:
        if self._part:
            self._composer.apply_settings(self._part)

    def _stop(self, now_ns: int) -> None:
        self.retract(now_ns)
        self._part = None
        if self._turn is Turn.TOGETHER:
            self._take_turn(TurnEvent.SILENCE)

    def _take_back(self, part: Part, after_ns: int | None) -> None:
        if after_ns is not None:
            earlier_ns = self._retraction[0] if self._retraction else after_ns
            self._retraction = min(earlier_ns, after_ns), tuple(sorted(part.sounding))

    # parts

    def _make(
        self,
        now_ns: int,
        *,
        played: Sequence[HeardNote] = (),
        events: Sequence[Timed] = (),
        pitch: int = 0,
    ) -> Part:
        def newest(count: int, until_ns: int) -> Sequence[HeardNote]:
            return self._capture.newest(count, until_ns, now_ns)

        down = self._capture.down_since(now_ns)
        beginning = Beginning(now_ns, self._transport, played, events, pitch, newest, self._hands, down)
        return self._composer.make(self._role, beginning)

    def _play(self, part: Part, now_ns: int) -> tuple[Timed, ...]:
        self._notices += part.plan(self._moment(now_ns))
        events = part.hand_over(now_ns + self._ahead.commit_ns)
        ending = part.ending(now_ns)
        if ending is TurnEvent.SILENCE:
            self._stop(now_ns)
        elif ending:
            self._take_turn(ending)
        return events

    def _plan(self, events: tuple[Timed, ...]) -> Plan:
        is_behind = self._is_playing and self._part is not None and self._part.is_behind
        retract_ns, kept = self._retraction or (None, ())
        if self._part and self._part.metre:
            self._marks.begin(self._part.metre)
        if self._composer.heard_key:
            self._marks.change_key(self._composer.heard_key)
        notices, marks = tuple(self._notices), self._marks.take()
        plan = Plan(events, retract_ns, kept, notices, self._role_changed, marks, is_behind, self._due_ns())
        self._retraction, self._notices, self._role_changed = None, [], None
        return plan

    # time

    @property
    def _is_playing(self) -> bool:
        return self._turn in (Turn.PLAYING, Turn.TOGETHER)

    def _moment(self, now_ns: int) -> Moment:
        is_stopped = self._transport is not None and not self._transport.is_running
        return Moment(now_ns, self._ahead, is_stopped, bool(self._capture.held), self.is_interrupted)

    def _due_ns(self) -> int | None:
        """When to call again; 0: soon, None: not before something is played."""
        moments = (self._turn_due_ns(), self._taps.due_ns)
        return min((moment for moment in moments if moment is not None), default=None)

    def _turn_due_ns(self) -> int | None:
        if self._turn is Turn.IDLE:
            return None
        if self._turn is Turn.LISTENING:
            return self._capture.due_ns
        return self._part.due_ns(self._ahead) if self._part else 0


def load_engine(settings: Settings) -> Engine:
    """An engine with these settings; LivegenError when the model or a setting is refused."""
    return Engine(load_bundle(settings.play.model), settings)
