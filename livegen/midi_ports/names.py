"""Finds the MIDI port that a name means; tells keyboards from software."""

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from livegen.errors import PortError, did_you_mean

_ALSA_NUMBERS = re.compile(r"\s+(\d+):\d+$")  # "KeyStep 37:KeyStep 37 MIDI 1 20:0": the numbers change with each replug
_ALSA_CARDS = range(16, 128)  # clients of the kernel; programs are numbered from 128
_ALSA_IN_JACK = re.compile(r"\[(\d+)\] \(capture\)")  # as a2jmidid writes it
_JACK_DRIVERS = ("system:", "a2j:", "alsa_midi:", "alsa_pcm:", "Midi-Bridge:")
_TRIES = 10

Peer = tuple[str, str | None]  # a port's name, and what tells its program from the next one of the same name
_SOFTWARE = ("midi through", "virmidi", "virtual raw midi", "iac driver", "loopmidi", "f_midi", "livegen")


class ConnectionWatch:
    """Who has been disconnected from one port, however short the time. ``check``: one thread, many times a second."""

    def __init__(self, connected: Callable[[], frozenset[str]]) -> None:
        self._connected = connected
        self._names: frozenset[str] = frozenset()
        self._gone: frozenset[str] = frozenset()

    def check(self) -> bool:
        """See who is connected now; True when anybody is."""
        names = self._connected()
        if names != self._names:
            self._gone |= self._names - names
            self._names = names
        return bool(names)

    def gone(self) -> frozenset[str]:
        """Who has gone since the last call; some of them may be back."""
        gone, self._gone = self._gone, frozenset()
        return gone


def without_numbers(name: str) -> str:
    """The name without the numbers that ALSA appends."""
    return _ALSA_NUMBERS.sub("", name)


def listed(get_ports: Callable[[], Iterable[str]]) -> list[str]:
    """The names of all ports. Libraries count the ports, then ask for each; if one disappears meanwhile, ask again."""
    for _ in range(_TRIES):
        with suppress(ValueError):
            return [str(name) for name in get_ports()]
    return []


def find_port(wanted: str, names: Iterable[str]) -> str | None:
    """The first port whose name equals ``wanted``, else begins with it, else contains it; case does not matter."""
    wanted = without_numbers(wanted).lower()
    plain = {name: without_numbers(name).lower() for name in names}
    for is_meant in (str.__eq__, str.startswith, str.__contains__):
        for name, candidate in plain.items():
            if is_meant(candidate, wanted):
                return name
    return None


def require_port(wanted: str, names: Sequence[str], direction: str) -> str:
    """As ``find_port``; PortError, which lists the ports there are, when none is found."""
    found = find_port(wanted, names)
    if found is None:
        known = {without_numbers(name) for name in names}
        raise PortError(f"no MIDI {direction} called '{wanted}'{did_you_mean(wanted, known)}")
    return found


def missing_ports(wanted: Iterable[str], names: Sequence[str], direction: str) -> list[PortError]:
    """An error for each named port that does not exist; "" names no port."""
    errors = []
    for name in filter(None, wanted):
        try:
            require_port(name, names, direction)
        except PortError as error:
            errors.append(error)
    return errors


def output_client(name: str, system: str | None) -> str:
    """The name of the client that has our virtual output, when the input's is ``name``.

    JACK gives a name only once. On ALSA, aconnect takes the first client of a name: so they are two names there, too.
    """
    return f"{name}-out" if system in ("alsa", "jack") else name


def virtual_ports(name: str, system: str | None) -> tuple[str, str]:
    """Our virtual input and output, as programs for that MIDI system find them; None: no system answers."""
    return f"{name}:in", f"{output_client(name, system)}:out"


def of_others(names: Iterable[str], own: str) -> list[str]:
    """These ports without those of the livegen that is called ``own``: it does not play to itself."""
    clients = {own, *(f"{own}-{part}" for part in ("out", "watch", "keyboard", "to", "list"))}
    return [name for name in names if name.partition(":")[0] not in clients]


def is_device(name: str) -> bool:
    """The port is one of a device, as far as its name tells: unplugged and plugged in again it is the same."""
    numbers = _ALSA_NUMBERS.search(name)
    return int(numbers[1]) in _ALSA_CARDS if numbers else name.startswith(_JACK_DRIVERS)


def is_own(name: str, own: str) -> bool:
    """The port is one of the livegen whose ports are called ``own``, or of another that runs beside it."""
    return name.lower().startswith((f"{own.lower()}:", f"{own.lower()}-"))


def is_keyboard(name: str, system: str, own: str) -> bool:
    """The source is hardware, as far as its name tells. Our own port and another livegen's are not."""
    if is_own(name, own) or any(word in name.lower() for word in _SOFTWARE):
        return False
    if system == "alsa":
        numbers = _ALSA_NUMBERS.search(name)
        return numbers is not None and int(numbers[1]) in _ALSA_CARDS
    if system == "jack":
        client = _ALSA_IN_JACK.search(name)
        return name.startswith(_JACK_DRIVERS) and (client is None or int(client[1]) in _ALSA_CARDS)
    return True
