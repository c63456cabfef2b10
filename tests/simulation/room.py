"""What an installation promises its room: closed it is silent, nothing is too loud or too long, alone it plays."""

from random import Random
from typing import TYPE_CHECKING

from livegen.clock import NS_PER_MS, NS_PER_S
from livegen.settings import Installation

from .agenda import Alarm

if TYPE_CHECKING:
    from .world import World

OPENS, CLOSES = 10, 18  # o'clock
LOUDEST, MOST_VOLUME, LONGEST_S = 100, 110, 30
_ATTRACT_S, _FADE_S, _MUTE_S = 45, 10, 30
_LOOK_S = 5
_GRACE_S = 8  # two polls of ours and one of livegen's, and a little
_TROUBLE_NS = 40 * NS_PER_S  # an engine may be slow for so long
_ALONE_S = 180  # engines die, and the next ones have to load
_YIELD_NS = 500 * NS_PER_MS  # a beat


class Room:
    """Checks the rules of an installation, as an informed visitor would."""

    def __init__(self, world: "World", random: Random) -> None:
        self._world = world
        self.has_hours = random.random() < 0.6
        self._fade_by = random.choice(("velocity", "volume"))
        self._alarm = Alarm(world.agenda, self._poll)
        self._open_ns = self._struck_ns = self._played_ns = self._troubled_ns = world.agenda.now_ns()
        self._unruled_ns = 0
        self._jumped_ns = 0
        self.rules = Installation()  # until they are read
        self.yielded = self.nights = 0
        self._was_open = True

    def toml(self) -> str:
        """Its part of the settings."""
        hours = f'["{OPENS}:00-{CLOSES}:00"]' if self.has_hours else "[]"
        return f"""
[installation]
attract_s = {_ATTRACT_S}
hours = {hours}
fade_s = {_FADE_S}
fade_by = "{self._fade_by}"
loudest = {LOUDEST}
most_volume = {MOST_VOLUME}
longest_note_s = {LONGEST_S}
max_silence_s = {_MUTE_S}
stand_in = "bach"
"""

    def begin(self) -> None:
        """Begin to check."""
        self._poll()

    def end(self) -> None:
        """Stop checking."""
        self._alarm.set(None)

    def leaves(self, message: bytes) -> None:
        """A message leaves livegen."""
        kind, world = message[0] & 0xF0, self._world
        if not self.look_at_rules():
            return
        if kind == 0xB0 and message[1] == 7 and message[2] > MOST_VOLUME:
            world.fail(f"the volume is set to {message[2]}")
        if kind != 0x90 or not message[2]:
            return
        if message[2] > LOUDEST:
            world.fail(f"{message.hex(' ')} is too loud")
        if not self._is_open() and world.agenda.now_ns() - self._known_open_ns() > (_FADE_S + _GRACE_S) * NS_PER_S:
            world.fail(f"{message.hex(' ')} leaves while the room is closed")

    def played(self) -> None:
        """The machine begins a note."""
        self._played_ns = self._world.agenda.now_ns()

    def struck(self) -> None:
        """A visitor begins a note."""
        world, port = self._world, self._world.port
        self._struck_ns = world.agenda.now_ns()
        if not port or not port.supervisor.is_ready or port.controls.settings.play.role != "solo":
            return
        struck_ns, jumped_ns = self._struck_ns, world.agenda.jumped_ns

        def poll() -> None:
            is_same = port is world.port and jumped_ns == world.agenda.jumped_ns
            if not is_same or self._troubled_ns > struck_ns - _TROUBLE_NS:
                return
            self.yielded += 1
            if before := [key for key, since_ns in world.machine.items() if since_ns <= struck_ns]:
                world.fail(f"a visitor plays, and {before} goes on")

        world.agenda.once(struck_ns + _YIELD_NS, poll)

    def trouble(self) -> None:
        """Something goes wrong."""
        self._troubled_ns = self._world.agenda.now_ns()

    def complain(self, line: str) -> None:
        """An engine is replaced because it is silent."""
        if self._world.agenda.now_ns() - self._troubled_ns > _TROUBLE_NS + _MUTE_S * NS_PER_S:
            self._world.fail(f"nothing is wrong, and livegen says: {line}")

    def look_at_rules(self) -> bool:
        """Are they those of the beginning, for a while? A settings file that is cut off may be one without any."""
        port, now_ns = self._world.port, self._world.agenda.now_ns()
        if port is None or port.controls.settings.installation != self.rules:
            self._unruled_ns = self._open_ns = now_ns
            self.trouble()
        return now_ns - self._unruled_ns > _GRACE_S * NS_PER_S

    def _is_open(self) -> bool:
        return not self.has_hours or OPENS <= self._world.wall_time().tm_hour < CLOSES

    def _known_open_ns(self) -> int:
        """When it was last open, as far as has been looked; a time in which nothing is done counts for neither."""
        agenda = self._world.agenda
        if self._jumped_ns != agenda.jumped_ns:
            self.trouble()
        if self._is_open() or (self._jumped_ns != agenda.jumped_ns and self._was_open):
            self._open_ns = agenda.now_ns()
        self._jumped_ns = agenda.jumped_ns
        return self._open_ns

    def _poll(self) -> None:
        world = self._world
        now_ns = world.agenda.now_ns()
        self._alarm.set(now_ns + _LOOK_S * NS_PER_S)
        is_open = self._is_open()
        self._known_open_ns()
        self.nights += self._was_open and not is_open
        if is_open and not self._was_open:
            self.trouble()  # it has just opened
        self._was_open = is_open
        port = world.port
        if not (self.look_at_rules() and port and port.supervisor.is_ready and world.midi.is_alive):
            self.trouble()
        silent_ns = now_ns - max(self._played_ns, self._struck_ns, self._troubled_ns, world.checks.unsettled_ns)
        is_due = is_open and world.drums is None  # by a drum machine's clock it waits for the song
        if is_due and silent_ns > (_ATTRACT_S + _ALONE_S) * NS_PER_S:
            world.fail(f"alone, and silent for {silent_ns // NS_PER_S} s")
