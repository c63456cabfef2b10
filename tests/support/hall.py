"""An engine, and what stands between it and the ears, on a manual clock."""

from collections.abc import Mapping
from typing import Any

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.engine.engine import Engine
from livegen.events import Event, NoteOff, NoteOn, Timed
from livegen.midi_out.ledger import blank_ledger
from livegen.midi_out.scheduler import Scheduler
from livegen.model.bundle import Bundle
from livegen.settings import Settings, load

STEP_NS = 10 * NS_PER_MS


class Hall:
    """What is played in it is heard at once; ``sent`` is what sounded, in order."""

    def __init__(self, bundle: Bundle, settings: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self.settings: Settings = load(None, {section: dict(keys) for section, keys in (settings or {}).items()})
        self.engine = Engine(bundle, self.settings)
        self.scheduler, self.ledger = Scheduler(), blank_ledger()
        self.now_ns = NS_PER_S
        self.sent: list[Timed] = []
        self.notices: list[str] = []
        self.planned: tuple[Timed, ...] = ()  # what the last step handed over

    def play(self, event: Event, *, is_left_hand: bool = False) -> None:
        """Play it now."""
        self.engine.hear(Timed(self.now_ns, event, is_left_hand))
        self.step(0)

    def change(self, **sections: dict[str, Any]) -> None:
        """Change settings now."""
        for name, update in sections.items():
            section = getattr(self.settings, name).model_copy(update=update)
            self.settings = self.settings.model_copy(update={name: section})
        self.engine.change(self.settings, self.now_ns)
        self.step(0)

    def step(self, step_ns: int = STEP_NS) -> None:
        """Let time pass."""
        self.now_ns += step_ns
        plan = self.engine.imagine(self.now_ns)
        self.notices += plan.notices
        self.planned = plan.events
        if plan.retract_ns is not None:
            self.scheduler.retract(plan.retract_ns, self.now_ns, self.ledger.lasting(), plan.kept)
        self.scheduler.add(plan.events)
        for timed in self.scheduler.due(self.now_ns):
            self.ledger.leaves(timed.event)
            self.sent.append(timed)
            self.ledger.has_left(timed.event)

    def wait(self, wait_ms: float) -> None:
        """Let so much time pass."""
        until_ns = self.now_ns + round(wait_ms * NS_PER_MS)
        while self.now_ns < until_ns:
            self.step(min(STEP_NS, until_ns - self.now_ns))

    def note(self, pitch: int, sounding_ms: float, rest_ms: float = 0, velocity: int = 80) -> None:
        """A key goes down and up again."""
        self.play(NoteOn(pitch, velocity))
        self.wait(sounding_ms)
        self.play(NoteOff(pitch))
        self.wait(rest_ms)

    def wait_for_onset(self) -> None:
        """Until the machine begins a note."""
        before = len(self.onsets())
        while len(self.onsets()) == before:
            self.step()

    def onsets(self, after_ns: int = 0) -> list[Timed]:
        """The note-ons that sounded after a moment."""
        return [timed for timed in self.sent if isinstance(timed.event, NoteOn) and timed.at_ns > after_ns]

    def pitches(self, after_ns: int = 0) -> list[int]:
        """Their pitches."""
        return [timed.event.pitch for timed in self.onsets(after_ns) if isinstance(timed.event, NoteOn)]

    @property
    def sounding(self) -> list[int]:
        """Pitches that sound now."""
        return sorted(note.pitch for note in self.ledger.sounding())
