"""An engine, call by call: the same in its process and in a replay of it."""

from collections.abc import Iterator
from dataclasses import replace

from livegen.engine import Engine
from livegen.errors import LivegenError
from livegen.imagine.bundle import Bundle
from livegen.plan import Plan
from livegen.serve.link import Became, Configure, Follow, Heard, Message, Notice, Panic, Planned, Retract
from livegen.settings import Settings


class Performer:
    """Owner of the engine. What it does depends on its calls alone; it is told each one's moment."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self.settings = settings

    def take(self, message: Message, at_ns: int) -> Plan:
        """Take in what the port process sent; ValueError for what it sends to no engine."""
        match message:
            case Heard(events):
                for timed in events:
                    self._engine.hear(timed)
            case Panic():
                return self._engine.silence(at_ns)
            case Follow(song):
                self._engine.follow(song, at_ns)
            case Configure(text):
                return self._change(Settings.model_validate_json(text), at_ns)
            case _:
                raise ValueError(f"link: {type(message).__name__} is no message for an engine")
        return Plan()

    def imagine(self, at_ns: int) -> Plan:
        """See to it that music is planned."""
        return self._engine.imagine(at_ns)

    def change(self, bundle: Bundle | None, at_ns: int) -> Plan:
        """From now on by the settings as they are, with this model if there is one."""
        return self._change(self.settings, at_ns, bundle)

    def _change(self, settings: Settings, at_ns: int, bundle: Bundle | None = None) -> Plan:
        try:
            self._engine.change(settings, at_ns, bundle)
        except LivegenError as error:
            return Plan(notices=(f"{error}; playing on as before",))
        self.settings = settings
        return Plan()


def messages(plan: Plan, at_ns: int, ready_ns: int) -> Iterator[Message]:
    """What is to be said of a plan: what was to sound when it was asked for, at ``at_ns``, sounds at ``ready_ns``."""
    if plan.retract_ns is not None:
        yield Retract(plan.retract_ns, plan.kept)
    if plan.events:
        yield Planned(tuple(replace(t, at_ns=ready_ns) if t.at_ns == at_ns else t for t in plan.events))
    if plan.became:
        yield Became(plan.became)
    for text in plan.notices:
        yield Notice(text)
