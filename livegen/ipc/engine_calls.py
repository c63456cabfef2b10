"""The calls of an engine: the same in its process and in a replay."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from livegen.engine.engine import Engine
from livegen.engine.plan import Plan
from livegen.engine.turn_taking import Turn
from livegen.errors import LivegenError
from livegen.events import NoteOff, NoteOn, Timed
from livegen.ipc.messages import (
    Configure,
    Follow,
    Heard,
    HeardHands,
    Message,
    Notice,
    Panic,
    PlayEvents,
    Prepare,
    Retract,
    RoleChanged,
    TurnName,
)
from livegen.model.bundle import Bundle
from livegen.settings import Settings

_TURNS: Mapping[Turn, TurnName] = {
    Turn.IDLE: "idle",
    Turn.LISTENING: "listening",
    Turn.PLAYING: "playing",
    Turn.TOGETHER: "together",
}


class Performer:
    """Owner of the engine. Its output depends on its calls alone; each call gives the time."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self.settings = settings
        self.sha256 = engine.sha256  # of the model that plays
        self._coming: Settings | None = None  # settings that wait for the end of a phrase

    @property
    def chosen(self) -> Settings:
        """The settings that wait, else the current settings."""
        return self._coming or self.settings

    @property
    def turn(self) -> TurnName:
        """Who plays."""
        return _TURNS[self._engine.turn]

    def take(self, message: Message, at_ns: int) -> Plan:
        """Handle a message of the port process; ValueError for a message that is not for an engine."""
        match message:
            case Heard(events) | HeardHands(events):
                for timed in events:
                    self._engine.hear(timed)
            case Panic():
                return self._noted(self._engine.silence(at_ns))
            case Follow(transport):
                self._engine.follow(transport, at_ns)
            case Configure(text):
                return self._change(Settings.model_validate_json(text), at_ns)
            case Prepare(text):
                self._coming = Settings.model_validate_json(text)
            case _:
                raise ValueError(f"pipe: {type(message).__name__} is not a message for an engine")
        return Plan()

    def imagine(self, at_ns: int) -> Plan:
        """Plan music."""
        return self._noted(self._engine.imagine(at_ns))

    def is_between_phrases(self, at_ns: int) -> bool:
        """No phrase is under way that a change would interrupt."""
        return self._engine.is_between_phrases(at_ns)

    def change(self, bundle: Bundle | None, at_ns: int) -> Plan:
        """Apply the chosen settings, with this model if one is given."""
        return self._change(self.chosen, at_ns, bundle)

    def _change(self, settings: Settings, at_ns: int, bundle: Bundle | None = None) -> Plan:
        self._coming = None
        try:
            self._engine.change(settings, at_ns, bundle)
        except LivegenError as error:
            return Plan(notices=(f"{error}; playing on as before",))
        self.settings = settings
        self.sha256 = bundle.sha256 if bundle else self.sha256
        return Plan(notices=(f"model {settings.play.model}",)) if bundle else Plan()

    def _noted(self, plan: Plan) -> Plan:
        """Keep a role change in the settings that wait: else they would undo it."""
        if plan.role_changed and self._coming:
            play = self._coming.play.model_copy(update={"role": plan.role_changed})
            self._coming = self._coming.model_copy(update={"play": play})
        return plan


def messages(plan: Plan, at_ns: int, ready_ns: int) -> Iterator[Message]:
    """The messages for a plan that was requested at ``at_ns`` and ready at ``ready_ns``."""
    if plan.retract_ns is not None:
        yield Retract(plan.retract_ns, plan.kept)
    if plan.events:
        yield PlayEvents(tuple(_ready(plan.events, at_ns, ready_ns)))
    if plan.role_changed:
        yield RoleChanged(plan.role_changed)
    for text in plan.notices:
        yield Notice(text)
    yield from plan.marks


def _ready(events: Sequence[Timed], at_ns: int, ready_ns: int) -> Iterator[Timed]:
    """Move events at ``at_ns``, when the plan was requested, to ``ready_ns``, and their note-offs after that."""
    begun = {timed.event.pitch for timed in events if timed.at_ns == at_ns and isinstance(timed.event, NoteOn)}
    for timed in events:
        if timed.at_ns == at_ns:
            yield replace(timed, at_ns=ready_ns)
        elif timed.at_ns <= ready_ns and isinstance(timed.event, NoteOff) and timed.event.pitch in begun:
            yield replace(timed, at_ns=ready_ns + 1)
        else:
            yield timed
