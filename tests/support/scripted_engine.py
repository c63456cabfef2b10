"""An engine's process without a model, for tests of what stands around it.

``python scripted_engine.py SCRIPT HANDLE``: SCRIPT says what it does when a note-on is heard.

    echo    answers it with the same note an octave higher, 300 ms later, for as long as a minute: a busy
            machine may not run us for 100 ms, and a note that is 10 ms late is left out
    die     dies of a middle C; otherwise like echo
    damage  finds that its network has lost its way at a middle C; otherwise like echo
    eat     has no memory left at a middle C; otherwise like echo
    babble  sends an invalid message at a middle C; otherwise like echo
    hang    says nothing any more after a middle C; otherwise like echo
    pause   takes half a second over a middle C; otherwise like echo
    leave   begins the note like echo, and dies 800 ms later, while it sounds
    mute    is well, and never plays a note
    refuse  cannot be loaded, unless the model is called bach-2
    crash   dies while it is loaded
    pedalled  is no script: the shipped model of chorales, with pedals and bends (see ``pedalled.py``)
"""

import os
import sys
import time

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.engine.engine import Engine
from livegen.engine.plan import Plan
from livegen.engine.turn_taking import Turn
from livegen.errors import ModelError
from livegen.events import NoteOff, NoteOn, Timed
from livegen.ipc.engine_worker import open_connection, run_engine
from livegen.music.transport import TransportState
from livegen.settings import Settings

MIDDLE_C = 60
ECHO_NS = 300 * NS_PER_MS
_PAUSES_S = {"hang": 60, "pause": 0.5}


class ScriptedEngine:
    """Does what the script says."""

    sha256 = ""
    turn = Turn.IDLE

    def __init__(self, script: str) -> None:
        self._script = script
        self._heard: list[Timed] = []
        self._left_ns = 0

    def hear(self, timed: Timed) -> None:
        if isinstance(timed.event, NoteOn):
            self._heard.append(timed)

    def imagine(self, now_ns: int) -> Plan:
        heard, self._heard = self._heard, []
        if self._left_ns and now_ns > self._left_ns:
            sys.exit(1)
        if not heard or self._script == "mute":
            return Plan()
        if any(timed.event.pitch == MIDDLE_C for timed in heard):
            if self._script == "die":
                sys.exit(1)
            if self._script == "damage":
                raise ModelError("the network's logits are not finite (nan)")
            if self._script == "eat":
                bytearray(2**62)
            if self._script == "babble":
                os.write(int(sys.argv[2]), b"\x00\x00\x00\x03\xff\xff\xff")  # a frame of three bytes
            if self._script in _PAUSES_S:
                time.sleep(_PAUSES_S[self._script])
        events = tuple(
            Timed(now_ns + delay_ns, event)
            for timed in heard
            for delay_ns, event in (
                (ECHO_NS, NoteOn(timed.event.pitch + 12, timed.event.velocity)),
                (60 * NS_PER_S, NoteOff(timed.event.pitch + 12)),
            )
        )
        if self._script == "leave":
            self._left_ns, events = now_ns + 800 * NS_PER_MS, events[:1]
        return Plan(events, notices=(f"heard {len(heard)}",))

    def follow(self, transport: TransportState, now_ns: int) -> None:
        pass

    def change(self, settings: Settings, now_ns: int, bundle: None = None) -> None:
        pass

    def is_between_phrases(self, now_ns: int) -> bool:
        return True

    def silence(self, now_ns: int) -> Plan:
        return Plan(retract_ns=now_ns)


def load(script: str, settings: Settings) -> ScriptedEngine | Engine:
    if script == "pedalled":
        from pedalled import pedalled_bundle  # beside this script

        return Engine(pedalled_bundle(), settings)
    if script == "refuse" and settings.play.model != "bach-2":
        raise ModelError(f"{settings.play.model}: no such model")
    if script == "crash":
        sys.exit(1)
    return ScriptedEngine(script)


if __name__ == "__main__":
    script, handle, *more = sys.argv[1:]
    run_engine(open_connection(int(handle)), lambda settings: load(script, settings), is_spare=more == ["spare"])
