"""Runs a daemon (``livegen jam``) in a process of its own, to measure it from outside through real ports."""

import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from livegen.clock import now_ns
from livegen.errors import LivegenError
from livegen.events import Event, Timed, to_bytes
from livegen.midi_in.input_filter import InputFilter
from livegen.midi_in.port import MidiInput, open_input
from livegen.midi_out.port import MidiOutput, open_output
from livegen.midi_ports.names import virtual_ports
from livegen.midi_ports.systems import answering_system
from livegen.own_process import module_command
from livegen.routing import input_route
from livegen.settings import Ports
from livegen.sync.clock_message import ClockMessage

NAME = "livegen-bench"
_LIVEGEN = module_command("livegen.cli")


@contextmanager
def daemon(*options: str) -> Iterator[subprocess.Popen[str]]:
    """A running daemon called ``NAME``, its engine ready; LivegenError with its last line when it does not start."""
    with tempfile.TemporaryDirectory() as folder:
        own = dict.fromkeys(("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"), folder)  # without the user's ledger and settings
        environment = {**os.environ, **own, "PYTHONUNBUFFERED": "1"}
        command = [*_LIVEGEN, "jam", "--name", NAME, *options]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        ) as process:
            assert process.stdout
            said = ""
            for said in process.stdout:
                if said.startswith("loaded"):  # "ready" it says when somebody is connected
                    break
            else:
                raise LivegenError(f"the daemon to be measured did not start: {said.strip()}")
            drain = threading.Thread(target=process.stdout.read)
            drain.start()
            try:
                yield process
            finally:
                process.terminate()
                drain.join()


class MidiProbe:
    """An output and an input port. Every time stamp is taken here, as near to the port as possible."""

    def __init__(self, played: MidiOutput, heard: MidiInput, arrived: list[Timed]) -> None:
        self._played = played
        self._heard = heard
        self._named = played.routed()[-1][0]
        self.arrived = arrived

    def send(self, event: Event) -> int:
        """Send an event now; return the moment before it was sent."""
        at_ns = now_ns()
        self._named.send(to_bytes(event))
        return at_ns

    def close(self) -> None:
        """Close both ports."""
        self._played.close()
        self._heard.close()


@contextmanager
def probes() -> Iterator[tuple[str, MidiProbe, MidiProbe]]:
    """The MIDI system, a probe through the daemon, and a probe from port to port without it, as the control."""
    system = answering_system("auto", NAME)
    with ExitStack() as stack:
        through = _probe(system, f"{NAME}-probe", *virtual_ports(NAME, system))
        stack.callback(through.close)
        bare, ear = f"{NAME}-bare", f"{NAME}-bare-ear"
        control = _probe(system, bare, virtual_ports(ear, system)[0], virtual_ports(bare, system)[1])
        stack.callback(control.close)
        yield system, through, control


def _probe(system: str, name: str, target: str, source: str) -> MidiProbe:
    """It hears under another name than it plays: livegen does not listen to a port of its own name."""
    arrived: list[Timed] = []

    def hear(heard: Timed | ClockMessage) -> None:
        if isinstance(heard, Timed):
            arrived.append(heard)

    ports = Ports.model_validate({"system": system, "name": f"{name}-ear", "input": source, "output": target})
    heard = open_input(ports, lambda port, settings: InputFilter(port, input_route(settings), hear))
    played = open_output(system, name, ports.all_outputs)
    for missing in (*heard.missing(), *played.missing()):
        raise missing
    heard.poll(played.connections)
    played.poll()
    return MidiProbe(played, heard, arrived)
