"""Clients of ALSA's sequencer by alsa-midi: the kernel queues what arrives, and tells when."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EAGAIN, ENOMEM, ENOSPC

from alsa_midi import READ_PORT, WRITE_PORT, ALSAError, MidiBytesEvent, Port, PortInfo, PortType
from alsa_midi.client import SequencerClientBase  # SequencerClient repeats a message while one of its receivers hangs

from livegen.clock import NS_PER_S
from livegen.midi_ports.client import Direction, MidiSystemError
from livegen.midi_ports.names import listed

_QUEUED = 2_000  # events that the kernel keeps for an input at most
_MUSICAL = PortType.MIDI_GENERIC | PortType.SYNTH | PortType.APPLICATION
_KIND = PortType.MIDI_GENERIC | PortType.APPLICATION


class AlsaMidiClient:
    """See ``MidiClient``. Ports are named as rtmidi names them: "client:port 20:0"."""

    system = "alsa"

    def __init__(self, direction: Direction, name: str) -> None:
        self._is_input = direction == "input"
        self._port: Port
        self._last_ns = 0
        with _its_errors():
            self._client = SequencerClientBase(name)
            if self._is_input:
                self._client.set_client_pool_input(_QUEUED)

    def names(self) -> list[str]:
        """The names of all ports that this client can connect to."""
        return listed(lambda: map(_name, filter(_is_musical, self._present())))

    def open_virtual(self, name: str) -> None:
        """Open a virtual port, to which other programs connect; what arrives there gets the time of a queue."""
        with _its_errors():
            if not self._is_input:
                self._port = self._client.create_port(name, READ_PORT, _KIND)
                return
            self._queue = queue = self._client.create_queue(name)  # alsa-midi frees one that nobody keeps
            self._port = self._client.create_port(
                name, WRITE_PORT, _KIND, timestamping=True, timestamp_real=True, timestamp_queue=queue
            )
            queue.start()
            self._client.drain_output()

    def connect(self, port: str, name: str) -> None:
        """Open a port called ``name`` and connect it to ``port``."""
        other = next((info for info in self._present() if _name(info) == port), None)
        if other is None:
            raise MidiSystemError(f"no port '{port}'")
        self.open_virtual(name)
        address, own = (other.client_id, other.port_id), (self._client.client_id, self._port.port_id)
        with _its_errors():
            self._client.subscribe_port(*((address, own) if self._is_input else (own, address)))

    def receive(self) -> tuple[list[int], float] | None:
        """The oldest message that waits; None when none waits, or when the kernel has lost some."""
        with _its_losses(), suppress(ValueError):  # an event of a kind that alsa-midi does not know
            while self._client.event_input_pending(fetch_sequencer=True):
                event = self._client.event_input(prefer_bytes=True)
                if isinstance(event, MidiBytesEvent) and event.midi_bytes:  # the others tell of connections
                    time = event.time
                    at_ns = time.seconds * NS_PER_S + time.nanoseconds if time else self._last_ns
                    after_ns, self._last_ns = at_ns - self._last_ns, at_ns
                    return list(event.midi_bytes), after_ns / NS_PER_S
        return None

    def send(self, message: bytes) -> None:
        """Send one MIDI message now; a receiver whose queue is full loses it.

        alsa-midi 1.0.4's ``event_output_direct`` keeps it in a buffer.
        """
        with _its_errors(), _its_losses():
            self._client.event_output(MidiBytesEvent(message), port=self._port)
            try:
                self._client.drain_output()
            except ALSAError:
                self._client.drop_output_buffer()  # or the others get it twice
                raise

    def close(self) -> None:
        """Close the client."""
        self._client.close()

    def _present(self) -> list[PortInfo]:
        found: list[PortInfo] = self._client.list_ports(
            input=self._is_input, output=not self._is_input, type=PortType(0), sort=False
        )
        return found


def _name(port: PortInfo) -> str:
    return f"{port.client_name}:{port.name} {port.client_id}:{port.port_id}"


def _is_musical(port: PortInfo) -> bool:
    return bool(port.type & _MUSICAL)


@contextmanager
def _its_errors() -> Iterator[None]:
    """Within this, ALSA's errors are ours."""
    try:
        yield
    except ALSAError as error:
        raise MidiSystemError(str(error)) from None


@contextmanager
def _its_losses() -> Iterator[None]:
    """Within this, a queue that is full is no error."""
    try:
        yield
    except ALSAError as error:
        if -error.errnum not in (EAGAIN, ENOMEM, ENOSPC):
            raise
