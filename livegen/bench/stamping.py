"""Stamps the clock pulses that arrive from a port, in a process of its own, to measure at the other end of a cable.

    python -m livegen.bench.stamping SYSTEM SOURCE

It prints "ready" when it listens. For each line that it reads it prints one: the moments since the last, as JSON.
"""

import gc
import json
import sys

from livegen.errors import PortError
from livegen.events import Timed, Transport
from livegen.midi_in.input_filter import InputFilter
from livegen.midi_in.port import open_input
from livegen.realtime import lock_memory
from livegen.routing import InputRoute
from livegen.settings import Ports
from livegen.sync.clock_message import ClockMessage

NAME = "livegen-bench-stamps"


def main(system: str, source: str) -> None:
    """Stamp pulses until the standard input ends; PortError when there is no such source."""
    stamps: list[int] = []

    def hear(heard: Timed | ClockMessage) -> None:
        if heard.event is Transport.CLOCK:
            stamps.append(heard.at_ns)

    settings = Ports.model_validate({"system": system, "name": NAME, "input": source})
    port = open_input(settings, lambda name, _: InputFilter(name, InputRoute(), hear))
    if not port.poll():
        raise PortError(f"no connection from '{source}'")
    lock_memory()
    gc.freeze()
    _say("ready")
    for _ in sys.stdin:
        count = len(stamps)
        _say(json.dumps(stamps[:count]))
        del stamps[:count]
    port.close()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
