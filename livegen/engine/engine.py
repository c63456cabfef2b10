"""Hear, imagine, play: joined, and told the time."""

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.engine.accompaniment import Accompaniment
from livegen.engine.composer import Composer
from livegen.engine.part import Part
from livegen.engine.parts import Answer, Solo
from livegen.engine.plan import Plan, look_ahead
from livegen.engine.turn_taking import ROLES, Turn, TurnEvent
from livegen.events import TICKS_PER_QUARTER, NoteOff, NoteOn, Timed
from livegen.model.bundle import Bundle, load_bundle
from livegen.music.phrase_capture import PhraseCapture
from livegen.music.tempo_map import TempoMap
from livegen.music.transport import TransportState
from livegen.settings import Role, Settings

_TOKENS_A_CALL = 32  # a call of imagine lasts some milliseconds at the most
_PATIENCE_NS = 4 * NS_PER_S  # of a machine that plays beside a player who has stopped
_LONG_PATIENCE_NS = 30 * NS_PER_S  # after which a melody is forgotten
_BREATH_NS = NS_PER_S  # without a key: between two phrases of who plays together with us
_KEY_NOTES = 16  # notes that the key is found by while playing together


class Engine:
    """Owner of one conversation. No thread, port, sleep or clock: it is told the time, in ns of one clock."""

    def __init__(self, bundle: Bundle, settings: Settings) -> None:
        self.sha256 = bundle.sha256  # of the model that it begins with
        self._composer = Composer(bundle, settings)
        self._settings = settings
        self._role: Role = "respond"
        self._turn = Turn.IDLE
        self._capture = PhraseCapture(settings.play.pause_ms * NS_PER_MS)
        self._transport: TransportState | None = None
        self._ahead = look_ahead(settings, None)
        self._part: Part | None = None
        self._accompaniment: Accompaniment | None = None
        self._grid = TICKS_PER_QUARTER  # that the answer being prepared begins on
        self._not_before = 0
        self._is_prepared = False
        self._is_key_known = self._is_precomputed = True
        self._touched_ns = 0
        self._retraction: tuple[int, tuple[int, ...]] | None = None
        self._role_changed: Role | None = None
        self._notices: list[str] = []
        self._take_role(settings.play.role)

    def hear(self, timed: Timed) -> None:
        """Something was played. During an answer a note takes the floor: the rest of the answer is retracted."""
        event = timed.event
        is_conducted = self._settings.limits.left_hand == "chord"
        if is_conducted and isinstance(event, NoteOn | NoteOff) and timed.is_left_hand:
            self._composer.set_chord(event)
            return self._apply_settings()
        if self._turn is Turn.LISTENING and self._capture.has_ended(timed.at_ns):
            self._capture.take()  # its answer would come too late
        before = self._capture.held
        self._capture.hear(timed)
        if isinstance(event, NoteOn):
            self._note_on(event, timed.at_ns)
        elif self._accompaniment and self._turn is Turn.TOGETHER:
            for pitch in before - self._capture.held:
                self._take_back(self._accompaniment.note_off(pitch, timed.at_ns))

    def imagine(self, now_ns: int) -> Plan:
        """See to it that music is planned a horizon ahead; hand over what is due within the commitment."""
        if self._turn is Turn.IDLE:
            self._wake(now_ns)
        if self._turn is Turn.LISTENING and self._capture.has_ended(now_ns):
            self._take_turn(TurnEvent.PHRASE_END)
            self._begin_answer()
        if self._turn is Turn.PLAYING and self._part:
            return self._plan(self._play_part(self._part, now_ns))
        if self._turn is Turn.TOGETHER and self._accompaniment:
            return self._plan(self._play_together(self._accompaniment, now_ns))
        return self._plan(())

    def retract(self, after_ns: int) -> None:
        """Forget what is due after a moment; the state goes back to the last whole moment that was heard."""
        if self._part:
            self._part.retract(after_ns)
            self._retraction = after_ns, ()

    def silence(self, now_ns: int) -> Plan:
        """Stop at once and forget the phrase; a solo goes on when a key is touched."""
        self._stop(now_ns)
        self._capture.take()
        if self._role == "solo":
            self._take_role(self._settings.play.role_after_touch)
        self._turn = Turn.IDLE
        return self._plan(())

    def follow(self, transport: TransportState, now_ns: int) -> None:
        """A clock says where the song stands: what is planned moves with it; a stop silences, a jump re-anchors."""
        before, self._transport = self._transport, transport
        self._ahead = look_ahead(self._settings, transport)
        is_same = (
            before is not None
            and before.discontinuities == transport.discontinuities
            and before.is_running == transport.is_running
        )
        if self._accompaniment:
            self._accompaniment.beat = transport
            if not is_same and not transport.is_running:
                self._stop_together(now_ns)
        if self._part and is_same:
            self._part.beat = transport
        elif self._part:
            self._part.pause(now_ns)
            self._retraction = now_ns, ()
            if transport.is_running:
                self._part.go_on(transport, now_ns + self._ahead.commit_ns)

    def change(self, settings: Settings, now_ns: int, bundle: Bundle | None = None) -> None:
        """From now on by these settings, and with this model if there is one; SettingsError when one is refused."""
        self._composer.change(settings, bundle)
        before, self._settings = self._settings, settings
        self._ahead = look_ahead(settings, self._transport)
        self._capture.pause_ns = settings.play.pause_ms * NS_PER_MS
        if bundle or settings.play.role != before.play.role:
            self._go_over(settings.play.role, now_ns, is_new_model=bundle is not None)
        self._apply_settings()

    def pending(self) -> tuple[Timed, ...]:
        """The plan that has not been handed over yet, as it stands."""
        part = self._part if self._turn is Turn.PLAYING else self._accompaniment
        return part.pending() if part else ()

    def is_between_phrases(self, now_ns: int) -> bool:
        """Is there no phrase, of the player's or of ours, that a change would break off?"""
        if self._turn is Turn.PLAYING:
            return self._part is None or self._part.is_between_phrases
        is_quiet = not self._capture.held and now_ns - self._touched_ns > _BREATH_NS
        return self._turn is Turn.IDLE or (self._turn is Turn.TOGETHER and is_quiet)

    # what happens

    def _take_turn(self, event: TurnEvent) -> None:
        self._turn = ROLES[self._role].get((self._turn, event), self._turn)

    def _note_on(self, event: NoteOn, at_ns: int) -> None:
        self._touched_ns = at_ns
        if self._turn is Turn.PLAYING:
            self.retract(at_ns)
        is_over = self._role == "solo"
        self._take_turn(TurnEvent.NOTE_ON)
        if is_over:
            self._take_role(self._settings.play.role_after_touch)
            self._take_turn(TurnEvent.NOTE_ON)
        if self._turn is Turn.TOGETHER:
            if self._accompaniment is None:
                self._accompaniment = self._start(event.pitch, at_ns)
            self._take_back(self._accompaniment.note_on(event.pitch, event.velocity, at_ns))

    def _take_role(self, role: Role) -> None:
        """Begin a role; one that the model cannot play is said, and another is played instead."""
        if role in ("accompany", "harmonise") and not self._composer.has_frames:
            codec = self._composer.codec.name
            remedy = "take a model of chorales (bach); playing 'respond' instead"
            self._notices.append(f"a model of '{codec}' writes one voice after the other and cannot {role}: {remedy}")
            role = "respond"
        self._role, self._turn = role, Turn.IDLE
        if role != self._settings.play.role:
            play = self._settings.play.model_copy(update={"role": role})
            self._settings = self._settings.model_copy(update={"play": play})
            self._role_changed = role

    def _go_over(self, role: Role, now_ns: int, *, is_new_model: bool) -> None:
        """Change roles while playing: a solo goes on from what plays, anything else ends it."""
        part = self._part if self._turn is Turn.PLAYING and not is_new_model else None
        if role == "solo" and part and self._is_prepared:
            self._role, self._part = role, Solo.from_part(part)
            return
        was_playing = self._turn is Turn.PLAYING
        self._stop(now_ns)
        self._capture.take()
        self._take_role(role)
        if self._role == "accompany" and was_playing:
            self._turn = Turn.TOGETHER
            self._accompaniment = self._start(self._composer.middle, now_ns)
            self._accompaniment.go_on(now_ns)
            self._touched_ns = now_ns

    def _apply_settings(self) -> None:
        for part in (self._part, self._accompaniment):
            if part:
                self._composer.apply_settings(part)

    def _stop(self, now_ns: int) -> None:
        if self._part:
            self.retract(now_ns)
        if self._accompaniment:
            self._stop_together(now_ns)
        self._part = None

    def _stop_together(self, now_ns: int) -> None:
        if self._accompaniment:
            self._accompaniment.silence(now_ns)
            self._retraction = now_ns, ()
        self._accompaniment = None
        if self._turn is Turn.TOGETHER:
            self._take_turn(TurnEvent.SILENCE)

    def _take_back(self, after_ns: int | None) -> None:
        if after_ns is not None and self._accompaniment:
            earlier_ns = self._retraction[0] if self._retraction else after_ns
            self._retraction = min(earlier_ns, after_ns), tuple(sorted(self._accompaniment.sounding))

    # what is played

    def _begin_answer(self) -> None:
        reply = self._composer.answer(self._capture.take(), self._transport)
        self._part = reply.answer
        self._not_before = reply.not_before
        self._grid = TICKS_PER_QUARTER * (reply.beats_per_bar if self._settings.time.begin_on == "bar" else 1)
        self._is_prepared = False
        self._notices.append(reply.said)

    def _start(self, pitch: int, at_ns: int) -> Accompaniment:
        return self._composer.accompaniment(self._beat(at_ns), pitch, is_immediate=self._role == "harmonise")

    def _wake(self, now_ns: int) -> None:
        self._take_turn(TurnEvent.BEGIN)
        if self._turn is Turn.PLAYING:
            self._part = self._composer.solo(self._beat(now_ns))
            self._grid, self._not_before = TICKS_PER_QUARTER, 0
            self._is_prepared = False

    def _play_part(self, part: Part, now_ns: int) -> tuple[Timed, ...]:
        if not self._is_prepared:
            self._is_prepared = part.prepare(_TOKENS_A_CALL)
            if not self._is_prepared:
                return ()
            self._begin(part, now_ns)
        if self._is_stopped:
            return ()
        part.plan(now_ns + self._ahead.horizon_ns)
        events = part.hand_over(now_ns + self._ahead.commit_ns)
        if part.is_over(now_ns):
            self._take_turn(TurnEvent.ANSWER_END)
        return events

    def _begin(self, part: Part, now_ns: int) -> None:
        begin_ns = part.begin(now_ns + self._ahead.commit_ns, self._grid, self._not_before)
        if self._is_stopped:
            part.pause(now_ns)
            self._notices.append("answer when the clock runs")
        elif isinstance(part, Answer):
            self._notices.append(f"answer in {(begin_ns - now_ns) / NS_PER_S:.2f} s")

    def _play_together(self, accompaniment: Accompaniment, now_ns: int) -> tuple[Timed, ...]:
        """A touch is answered before anything else is done; the rest is planned when it has been handed over."""
        if accompaniment.is_touched:
            self._is_key_known, self._is_precomputed = False, False
            accompaniment.plan(now_ns, now_ns)
            return accompaniment.hand_over(now_ns + self._ahead.commit_ns)
        accompaniment.advance(now_ns)
        if not self._is_key_known and accompaniment.is_open:
            self._composer.update_key(accompaniment, self._capture.last(_KEY_NOTES))
        self._is_key_known = True
        waited_ns = 0 if self._capture.held else now_ns - self._touched_ns
        if waited_ns > (_PATIENCE_NS if self._role == "accompany" else _LONG_PATIENCE_NS):
            self._stop_together(now_ns)
            return ()
        accompaniment.plan(now_ns, now_ns if self._is_stopped else now_ns + self._ahead.horizon_ns)
        events = accompaniment.hand_over(now_ns + self._ahead.commit_ns)
        self._is_precomputed = bool(events) or waited_ns > _PATIENCE_NS or not accompaniment.precompute()
        return events

    def _plan(self, events: tuple[Timed, ...]) -> Plan:
        together = self._is_key_known and self._is_precomputed
        is_behind = not {Turn.PLAYING: self._is_prepared, Turn.TOGETHER: together}.get(self._turn, True)
        retract_ns, kept = self._retraction or (None, ())
        plan = Plan(events, retract_ns, kept, tuple(self._notices), self._role_changed, is_behind, self._due_ns())
        self._retraction, self._notices, self._role_changed = None, [], None
        return plan

    # time

    def _beat(self, now_ns: int) -> TempoMap:
        return self._transport or self._composer.tempo(now_ns)

    @property
    def _is_stopped(self) -> bool:
        return self._transport is not None and not self._transport.is_running

    def _due_ns(self) -> int | None:
        """When there may be something to do again; 0 is soon, None not before something is heard."""
        if self._turn is Turn.IDLE:
            return None
        if self._turn is Turn.LISTENING:
            return self._capture.due_ns
        is_playing = self._turn is Turn.PLAYING and self._is_prepared and not self._is_stopped
        return self._part.due_ns(self._ahead) if self._part and is_playing else 0


def load_engine(settings: Settings) -> Engine:
    """The engine of these settings; LivegenError when the model or a setting is refused."""
    return Engine(load_bundle(settings.play.model), settings)
