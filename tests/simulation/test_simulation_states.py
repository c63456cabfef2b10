"""Whatever a player, the cables and the processes do, in whatever order: the ledger is what was sent.

LIVEGEN_STATE_EXAMPLES=10000 tries as many; a few hundred are the gate.
"""

import os
from contextlib import ExitStack

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.simulation.world import Plot, World

_EXAMPLES = int(os.environ.get("LIVEGEN_STATE_EXAMPLES", "200"))
_PROGRAMS = 8  # roles and models, see ``World``
channels = st.sampled_from((0, 0, 1, 9, 15))
pitches = st.integers(58, 64)  # few, so that they meet


class Installation(RuleBasedStateMachine):
    """A simulated installation under hypothesis's hands."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()

    @initialize(seed=st.integers(0, 7), role=st.sampled_from(("respond", "solo", "harmonise", "accompany")))
    def begin(self, seed: int, role: str) -> None:
        self.world = World(Plot(seed, hours=1, faults=0, role=role, switches=True))
        self._stack.enter_context(self.world.begun())
        self.world.wait(4)

    @rule(channel=channels, pitch=pitches, velocity=st.integers(1, 127))
    def press(self, channel: int, pitch: int, velocity: int) -> None:
        self._play([0x90 | channel, pitch, velocity])
        self.world.wait(0.02)

    @rule(channel=channels, pitch=pitches)
    def let_go(self, channel: int, pitch: int) -> None:
        self._play([0x80 | channel, pitch, 0])
        self.world.wait(0.02)

    @rule(channel=channels, number=st.sampled_from((64, 66, 67, 69)), value=st.sampled_from((0, 63, 64, 127)))
    def pedal(self, channel: int, number: int, value: int) -> None:
        self._play([0xB0 | channel, number, value])
        self.world.wait(0.01)

    @rule(channel=channels, value=st.sampled_from((0, 63, 64, 65, 127)))
    def bend(self, channel: int, value: int) -> None:
        self._play([0xE0 | channel, 0, value])

    @rule(number=st.sampled_from((120, 121, 123, 124, 127)), channel=channels)
    def change_mode(self, number: int, channel: int) -> None:
        self._play([0xB0 | channel, number, 0])

    @rule(program=st.integers(0, _PROGRAMS))
    def switch_role_or_model(self, program: int) -> None:
        self._play([0xC0, program])
        self.world.wait(0.05)

    @rule(name=st.sampled_from(("synth_unplugged", "keyboard_unplugged", "server_killed")))
    def unplug(self, name: str) -> None:
        self.world.do(lambda: self.world.faults.strike(getattr(self.world.faults, name)))

    @rule()
    def plug_in_again(self) -> None:
        self.world.do(self.world.faults.mend)

    @rule(
        name=st.sampled_from(
            (
                *("engine_killed", "engine_stopped", "panic"),
                *("livegen_killed", "livegen_killed_while_sending", "sostenuto_held_at_a_crash"),
            )
        )
    )
    def strike(self, name: str) -> None:
        if self.world.port:
            self.world.do(lambda: self.world.faults.strike(getattr(self.world.faults, name)))

    @rule(wait_s=st.sampled_from((0.001, 0.1, 0.7, 2.0)))
    def listen(self, wait_s: float) -> None:
        self.world.wait(wait_s)

    @invariant()
    def the_ledger_is_what_is_on_the_wire(self) -> None:
        if hasattr(self, "world"):
            self.world.do(lambda: None)  # each event is followed by all checks

    def teardown(self) -> None:
        with self._stack:  # else, after a violation, the tests that follow have this world's clock
            if hasattr(self, "world"):
                self._play([0xFF])  # reset: the keyboard holds nothing any more
                self.world.finish()

    def _play(self, message: list[int]) -> None:
        self.world.do(lambda: self.world.keyboard.play(message))


TestInstallation = Installation.TestCase
TestInstallation.settings = settings(
    max_examples=_EXAMPLES, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
