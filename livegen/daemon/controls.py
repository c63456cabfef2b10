"""Changes settings while playing: by knobs, by program changes, by a changed settings file."""

from collections.abc import Callable
from pathlib import Path
from typing import get_args

from livegen.clock import NS_PER_S, now_ns
from livegen.errors import SettingsError
from livegen.events import ALL_SOUND_OFF, ControlChange, Event, ProgramChange
from livegen.log_line import WarningLine
from livegen.parameters import KNOBS
from livegen.settings import Parameter, Role, Settings
from livegen.settings_file import bind

_REST_NS = NS_PER_S * 3 // 10  # a knob that does not move for so long rests
_NEAR = 4  # positions: a knob this near to the current value takes it over
_LIVE = ("play", "time", "sampling", "limits", "installation", "controls")  # sections that take effect while playing
_MOVED = 8  # positions: a knob that is learnt has moved so far; a breath sensor at rest trembles by one or two
_NO_KNOBS = {  # controllers that no knob sends by itself
    *(0, 6),  # bank select, data entry
    *range(32, 64),  # the lower halves of 0-31
    *range(64, 70),  # pedals and switches
    *range(96, 102),  # data increment and decrement, numbers of NRPNs and RPNs
    *range(ALL_SOUND_OFF, 128),  # channel mode messages
}


class Controls:
    """Owner of the current settings. One thread calls its methods; any thread may read ``settings``."""

    def __init__(self, settings: Settings, say: Callable[[str], None], path: Path | None = None) -> None:
        self.settings = settings
        self._read = settings  # the settings file, as last read
        self._say = say
        self._path = path
        self._learning: Parameter | None = None
        self._moves: dict[tuple[int, int], tuple[int, int]] = {}  # (channel, controller) → its lowest, highest value
        self._before: dict[int, int] = {}  # controller → its last value
        self._held: set[int] = set()  # controllers that have taken over
        self._turned: dict[str, str] = {}  # parameter → the line about it, to be said when its knob rests
        self._turned_ns = 0  # when a knob was turned last

    def learn(self, parameter: Parameter) -> None:
        """Assign this parameter to the next controller that moves."""
        self._learning = parameter
        self._moves.clear()
        self._say(f"move the knob that will set {parameter}")

    def hear(self, event: Event) -> bool:
        """Take a control change or a program change; True when the settings have changed."""
        match event:
            case ControlChange(number, value, channel):
                return self._is_listened_to(channel) and self._turn(number, value, channel)
            case ProgramChange(number, channel):
                return self._is_listened_to(channel) and self._choose(number)
        return False

    @property
    def rests_ns(self) -> int | None:
        """When the knob that is turned will have come to rest, if it is not turned further; None while none is."""
        return self._turned_ns + _REST_NS if self._turned else None

    def say_turned(self) -> None:
        """Say where the knobs that were turned have come to rest."""
        for line in self._turned.values():
            self._say(line)
        self._turned.clear()

    def role_changed(self, role: Role) -> None:
        """The engine has changed to this role by itself."""
        self.settings = self.settings.model_copy(update={"play": self.settings.play.model_copy(update={"role": role})})
        self._say(f"role {role}")

    def start_idle_play(self) -> bool:
        """Play solo; when a key is pressed, the previous role returns. True when the settings have changed."""
        play = self.settings.play
        if play.role == "solo":
            return False
        update = {"role": "solo", "role_after_touch": play.role}
        return self._change(self.settings.model_copy(update={"play": play.model_copy(update=update)}))

    def take(self, settings: Settings) -> bool:
        """Apply the values that have changed in the settings file; values set by knobs stay. True when any changed.

        Ports stay unchanged until a restart.
        """
        if settings.ports != self._read.ports:
            self._say("[ports] has changed: it takes effect at the next start")
        changed = self.settings
        for name in _LIVE:
            before, now = getattr(self._read, name), getattr(settings, name)
            update = {key: value for key, value in now if value != getattr(before, key)}
            changed = changed.model_copy(update={name: getattr(changed, name).model_copy(update=update)})
        self._read = settings
        self._held.clear()
        return self._change(changed)

    def _is_listened_to(self, channel: int) -> bool:
        return self.settings.controls.channel in (0, channel + 1)

    def _turn(self, number: int, value: int, channel: int) -> bool:
        if self._learning and number not in _NO_KNOBS and self._has_moved((channel, number), value):
            self._bind(number, self._learning)
        parameter = self.settings.controls.cc.get(number)
        if parameter is None:
            return False
        before = self._before.get(number)
        self._before[number] = value
        knob = KNOBS[parameter]
        if not self._has(number, before, value, knob.stands(self.settings)):
            return False
        self._held.add(number)
        self._turned_ns = now_ns()
        return self._change(knob.turned(self.settings, value), self._turned.__setitem__)

    def _has_moved(self, knob: tuple[int, int], value: int) -> bool:
        """The knob has moved a real distance since the learning began; a preset sends each controller once."""
        lowest, highest = self._moves.get(knob, (value, value))
        self._moves[knob] = min(lowest, value), max(highest, value)
        return max(highest, value) - min(lowest, value) >= _MOVED

    def _has(self, number: int, before: int | None, value: int, stands: int | None) -> bool:
        """The knob has taken over; with soft takeover only once it is near the current value, or has passed it."""
        if not self.settings.controls.soft_takeover or number in self._held or stands is None:
            return True
        is_past = before is not None and min(before, value) <= stands <= max(before, value)
        return is_past or abs(value - stands) <= _NEAR

    def _bind(self, number: int, parameter: Parameter) -> None:
        self._learning = None
        controls = self.settings.controls
        others = {known: what for known, what in controls.cc.items() if what != parameter}
        changed = controls.model_copy(update={"cc": {**others, number: parameter}})
        self.settings = self.settings.model_copy(update={"controls": changed})
        self._held.add(number)
        try:
            saved = f", written to {bind(self._path, changed.cc)}" if self._path else ""
        except (OSError, SettingsError) as error:
            self._say(WarningLine(f"controller {number} sets {parameter}; not saved: {error}"))
        else:
            self._say(f"controller {number} sets {parameter}{saved}")

    def _choose(self, number: int) -> bool:
        programs = self.settings.controls.programs
        if number >= len(programs):
            return False
        name = programs[number]
        key = "role" if name in get_args(Role) else "model"
        return self._change(
            self.settings.model_copy(update={"play": self.settings.play.model_copy(update={key: name})})
        )

    def _change(self, settings: Settings, say: Callable[[str, str], None] | None = None) -> bool:
        """Take these settings; ``say`` is told each parameter that changed and the line about it."""
        is_new = settings != self.settings
        for section in _LIVE[:-1]:
            for key, value in getattr(settings, section):
                if value != getattr(getattr(self.settings, section), key):
                    if say:
                        say(key, f"{key} {value}")
                    else:
                        self._turned.pop(key, None)
                        self._say(f"{key} {value}")
        self.settings = settings
        return is_new
