"""A native player and receiver on JACK (``jack_partner.c``), with a strict ledger of what it hears."""

import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from livegen.clock import NS_PER_MS, now_ns

_SOURCE = Path(__file__).with_suffix(".c")


def build_partner(folder: Path) -> Path:
    """Compile it; needs gcc and JACK's headers (Debian: libjack-jackd2-dev)."""
    program = folder / "jack_partner"
    command = ["gcc", "-O2", "-Wall", "-o", str(program), str(_SOURCE), "-ljack", "-lpthread"]
    subprocess.run(command, check=True)
    return program


class Partner:
    """It plays at ``NAME:play`` and hears at ``NAME:hear``: each note-on needs a note-off of its own.

    It hears sound at ``NAME:ear``.
    """

    def __init__(self, program: Path, name: str) -> None:
        self.name = name
        self.heard: list[tuple[int, bytes]] = []  # with their moments
        self.loud: list[int] = []  # when sound began after a silence
        self.sent: list[tuple[int, bytes]] = []
        self.sounding: Counter[tuple[int, int]] = Counter()  # (channel, pitch)
        self.strays = 0  # note-offs of notes that it never heard begin, or that had ended
        self.lost = 0
        self._answers: list[int] = []
        self._process = subprocess.Popen([str(program), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        assert self._process.stdout.readline() == "ready\n"
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def send(self, *messages: bytes) -> None:
        """Send these messages, as soon as they go."""
        self._tell("".join(f"send {message.hex()}\n" for message in messages))

    def connect(self, source: str, target: str, *, is_on: bool = True) -> int:
        """Connect two ports, or disconnect them; JACK's answer."""
        before = len(self._answers)
        self._tell(f"{'connect' if is_on else 'disconnect'} {source} {target}\n")
        wait_until(lambda: len(self._answers) > before, "JACK's answer", 20)
        return self._answers[-1]

    def wait_for(self, message: bytes, after_ns: int, patience_s: float = 10) -> int:
        """The first moment after that one at which it heard this message."""

        def found() -> int | None:
            return next((at_ns for at_ns, heard in list(self.heard) if at_ns >= after_ns and heard == message), None)

        wait_until(lambda: found() is not None, f"{message.hex()} at {self.name}", patience_s)
        return found() or 0

    def silent_ms(self, after_ns: int, patience_s: float = 10) -> float:
        """How long after that moment the last note had ended."""
        wait_until(lambda: not +self.sounding, f"silence at {self.name}", patience_s)
        ends = [at_ns for at_ns, message in list(self.heard) if message[0] & 0xE0 == 0x80]
        return max(0, ends[-1] - after_ns) / NS_PER_MS if ends else 0.0

    def close(self) -> None:
        """Let it end, when all has been sent."""
        assert self._process.stdin
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(60)
        self._reader.join()

    def kill(self) -> None:
        """As if by the plug."""
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def _tell(self, lines: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(lines)
        self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            words = line.split()
            if words[0] in ("sent", "heard"):
                seen = int(words[1]), bytes.fromhex(words[2])
                (self.sent if words[0] == "sent" else self.heard).append(seen)
                if words[0] == "heard":
                    self._count(seen[1])
            elif words[0] == "loud":
                self.loud.append(int(words[1]))
            elif words[0] == "is":
                self._answers.append(int(words[1]))
            elif words[0] == "lost":
                self.lost = int(words[1])

    def _count(self, message: bytes) -> None:
        if message[0] & 0xE0 != 0x80:
            return
        key = message[0] & 0x0F, message[1]
        if message[0] & 0x10 and message[2]:
            self.sounding[key] += 1
        elif self.sounding[key]:
            self.sounding[key] -= 1
        else:
            self.strays += 1


def wait_until(is_so: Callable[[], bool], what: str, patience_s: float) -> None:
    """Wait for it; AssertionError when it does not come."""
    until = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < until, f"waited {patience_s} s for {what}"
        time.sleep(0.001)


def between_ms(pairs: Sequence[tuple[int, int]]) -> list[float]:
    """From the first to the second of each pair of moments."""
    return [(second - first) / NS_PER_MS for first, second in pairs]


def moment() -> int:
    """Now, on the clock of its stamps."""
    return now_ns()
