"""Every setting once, with its default: TOML and environment in, frozen values out."""

import json
import os
import tomllib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from livegen.errors import SettingsError, did_you_mean
from livegen.opening_hours import parse_hours

_MOST_CHARACTERS = 65_536  # of a file: ten times what a file with every key has

Role = Literal["respond", "accompany", "harmonise", "solo"]
Parameter = Literal[
    "temperature",
    "top_p",
    "density",
    "octaves",
    "scale_lock",
    "answer_length",
    "role",
    "model",
    "horizon_ms",
    "velocity_follow",
]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _by_name(given: Any) -> Any:
    return {"name": given} if isinstance(given, str) else given


_BY_NAME = BeforeValidator(_by_name)
Channel = Annotated[int, Field(ge=1, le=16)]
ChannelOrNone = Annotated[int, Field(ge=0, le=16)]


class InputPort(_Frozen):
    """An input, and what becomes of what it sends. In a list of inputs its name alone will do."""

    name: str = ""  # a part of it is enough; "" is the virtual port, and every hardware keyboard without an entry
    channels: dict[Channel, ChannelOrNone] = {}  # { 1 = 3 }: what comes on 1 counts as 3; 0 leaves it out
    transpose: int = Field(0, ge=-60, le=60)  # semitones
    split: int | None = Field(None, ge=0, le=127)  # instead of the one for all


class OutputPort(_Frozen):
    """An output, and what becomes of what it is sent. In a list of outputs its name alone will do."""

    name: str = ""  # a part of it is enough; "" is the virtual port
    channels: tuple[Channel, ...] = Field((), max_length=16)  # [3]: all on 3; [1, 2, 3]: a voice each, highest first
    transpose: int = Field(0, ge=-60, le=60)  # semitones
    offset_ms: float = Field(0, ge=-500, le=2_000)  # later than written; negative: earlier


class Ports(_Frozen):
    """Where notes come from and go to."""

    system: Literal["auto", "alsa", "jack", "core", "windows", "memory"] = "auto"
    name: str = Field("livegen", pattern=r"^[A-Za-z0-9_.-]{1,32}$")  # of the virtual ports' client
    input: str = ""  # a port to connect from; "" is every hardware keyboard
    output: str = ""  # a port to connect to, besides the virtual one
    inputs: tuple[Annotated[InputPort, _BY_NAME], ...] = ()  # several, each with its own channels, ...
    outputs: tuple[Annotated[OutputPort, _BY_NAME], ...] = ()
    require: bool = False  # a named port that is missing ends livegen; else it is waited for
    split: int = Field(0, ge=0, le=127)  # keys below it are the left hand: chords; 0 is no split
    thru: Literal["off", "on"] = "off"  # what is played goes to the outputs, too, at once
    thru_channel: ChannelOrNone = 0  # on this channel; 0 is its own
    poll_s: float = Field(0.25, ge=0.1, le=60)  # how often plugs and unplugs are looked for

    @property
    def all_inputs(self) -> tuple[InputPort, ...]:
        """Every input with its split, the short form among them."""
        named = (InputPort(name=self.input),) if self.input else ()
        found = (*self.inputs, *named) or (InputPort(),)
        return tuple(port.model_copy(update={"split": self.split}) if port.split is None else port for port in found)

    @property
    def all_outputs(self) -> tuple[OutputPort, ...]:
        """Every output, the virtual one first, the short form last."""
        virtual = tuple(port for port in self.outputs if not port.name)[:1] or (OutputPort(),)
        named = (OutputPort(name=self.output),) if self.output else ()
        return (*virtual, *(port for port in self.outputs if port.name), *named)

    @property
    def ahead_ms(self) -> float:
        """How much earlier than written the earliest output is played to."""
        return max(0.0, *(-port.offset_ms for port in self.all_outputs))


class Play(_Frozen):
    """What the player hears."""

    role: Role = "respond"
    role_after_touch: Role = "respond"  # what a solo turns into when a key is touched
    model: str = "bach"  # a shipped model's name, or the path of an .onnx file
    seed: int = Field(0, ge=0)
    key: str = ""  # "" finds it in the phrase; else "C", "F# minor", ...
    pause_ms: int = Field(600, ge=50, le=10_000)  # silence that ends a phrase, at the least
    answer_length: float = Field(1.0, ge=0.5, le=2.0)  # aimed at, in phrase lengths
    octaves: int = Field(0, ge=-3, le=3)  # octaves up or down
    velocity_follow: float = Field(1.0, ge=0, le=1)  # 1 is as loud as the player, 0 is always the same
    horizon_ms: int = Field(150, ge=20, le=5_000)  # how far ahead music is planned
    commit_ms: int = Field(40, ge=5, le=1_000)  # how far ahead it is handed over
    horizon_beats: float = Field(0.0, ge=0, le=16)  # under a clock, instead of horizon_ms; 0 is off
    commit_beats: float = Field(0.0, ge=0, le=4)  # under a clock, instead of commit_ms; 0 is off


class Time(_Frozen):
    """Whose beat it is."""

    clock: Literal["player", "internal", "midi", "link"] = "player"  # player: the tempo is found in each phrase
    tempo_bpm: float = Field(0, ge=0, le=400)  # 0 finds it in the phrase; 120 on a clock of our own
    beats_per_bar: int = Field(0, ge=0, le=12)  # 0 finds them in the phrase; 4 under a clock
    begin_on: Literal["beat", "bar"] = "beat"  # where answers begin
    send_clock: bool = False  # MIDI clock and transport to every output


class Sampling(_Frozen):
    """How a token is chosen from the logits."""

    temperature: float = Field(0.0, ge=0, le=5)  # 0 takes the model's own
    top_k: int = Field(0, ge=0)  # 0 is off
    top_p: float = Field(0.0, ge=0, le=1)  # 0 takes the model's own; 1 is off
    min_p: float = Field(0.0, ge=0, lt=1)  # 0 is off
    out_of_key: float = Field(0.1, gt=0, le=1)  # odds of notes outside the phrase's key; 1 leaves them as they are
    density: float = Field(1.0, ge=0.1, le=10)  # odds of more and shorter notes; 1 leaves them as they are
    voice_leading: bool = True  # avoid parallel fifths and octaves, where the model's notation shows them
    avoid_loops: bool = True  # lead out of loops
    candidates: int = Field(4, ge=1, le=16)  # ways tried for each chord of a harmony; the likeliest is played


class Limits(_Frozen):
    """What may sound at all, whatever the model."""

    lowest: int = Field(21, ge=0, le=127)  # pitch; 21-108 are a piano's keys
    highest: int = Field(108, ge=0, le=127)
    most_voices: int = Field(0, ge=0, le=16)  # at once; 0 is off
    scale_lock: bool = False  # nothing outside the scale of the key
    left_hand: Literal["plays", "chord"] = "plays"  # chord: what it holds is all that may sound (see ports.split)

    @model_validator(mode="after")
    def _an_octave_at_least(self) -> Self:
        if self.highest - self.lowest < 11:
            raise ValueError("from 'lowest' to 'highest' an octave is needed at least")
        return self


class Controls(_Frozen):
    """What the knobs under the player's hands do."""

    cc: dict[int, Parameter] = {1: "temperature"}  # controller number → parameter
    channel: int = Field(0, ge=0, le=16)  # that knobs are listened to on; 0 is any
    programs: tuple[str, ...] = ()  # program change n takes the n-th: a role or a model; () is off
    soft_takeover: bool = True  # a knob does nothing until it has passed the value that is set


class Daemon(_Frozen):
    """The two processes."""

    record: str = ""  # folder for sessions; "" keeps the ring only
    record_mb: int = Field(1_024, ge=8)  # of them; the oldest go first, those saved by hand never
    ring_minutes: int = Field(10, ge=0, le=120)  # at least kept of what was played last; 0 is off
    realtime: bool = True  # SCHED_FIFO and locked memory where allowed
    silence_ms: int = Field(500, ge=100, le=60_000)  # an engine silent for longer is dead


def _as_hours(text: str) -> str:
    parse_hours(text)
    return text


class Installation(_Frozen):
    """A box that plays alone for weeks; nothing of it counts unless it is set. See docs/installation.md."""

    attract_s: float = Field(0, ge=0, le=86_400)  # nobody has played for so long: it plays by itself; 0 is never
    hours: tuple[Annotated[str, AfterValidator(_as_hours)], ...] = ()  # "Tue-Sun 10:00-18:00"; () is always
    fade_s: float = Field(20, ge=0, le=600)  # in when the hours begin, out when they end
    fade_by: Literal["velocity", "volume"] = "velocity"  # volume is controller 7
    loudest: int = Field(127, ge=1, le=127)  # velocity: nothing louder leaves
    most_volume: int = Field(127, ge=1, le=127)  # the same for controller 7
    longest_note_s: float = Field(0, ge=0, le=86_400)  # whatever sounds for longer is ended; 0 is off
    max_silence_s: float = Field(0, ge=0, le=3_600)  # the engine is replaced after so long without music; 0 is off
    fallback_model: str = ""  # the model that plays when the one that was asked for cannot be loaded; "" is none


OLD_NAMES = {  # section → the name until version 0.1 → the name; the old ones are still read
    "play": {"touched_role": "role_after_touch"},
    "sampling": {"outside": "out_of_key", "futures": "candidates", "guard": "avoid_loops"},
    "installation": {"mute_s": "max_silence_s", "stand_in": "fallback_model"},
}


class Settings(_Frozen):
    """All settings; ``LIVEGEN_PLAY__SEED=7`` and its like in the environment override a file."""

    ports: Ports = Ports()
    play: Play = Play()
    time: Time = Time()
    sampling: Sampling = Sampling()
    limits: Limits = Limits()
    controls: Controls = Controls()
    daemon: Daemon = Daemon()
    installation: Installation = Installation()

    @model_validator(mode="before")
    @classmethod
    def _with_new_names(cls, given: Any) -> Any:
        """Files, and sessions recorded earlier, may have old names; where both are given, the new one counts."""
        if not isinstance(given, dict):
            return given
        named = {section: _renamed(section, keys) for section, keys in given.items() if section in OLD_NAMES}
        return {**given, **named}


def _renamed(section: str, keys: Any) -> Any:
    if not isinstance(keys, dict):
        return keys
    old = OLD_NAMES[section]
    return {old[key]: value for key, value in keys.items() if key in old} | {
        key: value for key, value in keys.items() if key not in old
    }


def load(
    path: Path | None = None,
    overrides: dict[str, dict[str, Any]] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Settings:
    """A TOML file under the environment under ``overrides`` (section → key → value; None is left out).

    ``say`` gets a line for each setting that has another name now. SettingsError names the file, the key and what would
    be right.
    """
    where = str(path) if path else "settings"
    merged: dict[str, Any] = {}
    for layer in (_read(path) if path else {}, _from_environment(), overrides or {}):
        for section, keys in layer.items():
            if isinstance(keys, dict):
                keys = {key: value for key, value in keys.items() if value is not None}
                before = merged.get(section, {})
                keys = {**before, **keys} if isinstance(before, dict) else before  # which will be refused
            merged[section] = keys
    for line in _about_old_names(where, merged):
        say(line)
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        raise SettingsError(f"{where}: {_explain(error)}") from None


def _about_old_names(where: str, given: dict[str, Any]) -> Iterator[str]:
    for section, names in OLD_NAMES.items():
        keys = given.get(section)
        for old in names.keys() & keys.keys() if isinstance(keys, dict) else ():
            yield f"{where}: '{section}.{old}' is called '{section}.{names[old]}' now; the old name is still read"


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_MOST_CHARACTERS + 1)
        if len(text) > _MOST_CHARACTERS:
            raise SettingsError(f"{path}: longer than {_MOST_CHARACTERS} characters; that is no settings file")
        return tomllib.loads(text)
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such file; give the path of a settings file (TOML)") from None
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError(f"{path}: cannot be read as TOML: {error}") from None


def _from_environment() -> dict[str, dict[str, Any]]:
    """``LIVEGEN_SECTION__KEY``, in either case; lists and tables are written as JSON."""
    found: dict[str, dict[str, Any]] = {}
    for name, value in os.environ.items():
        prefix, _, rest = name.lower().partition("_")
        section, _, key = rest.partition("__")
        if prefix == "livegen" and key and section in Settings.model_fields:
            found.setdefault(section, {})[key] = _unwritten(value)
    return found


def _unwritten(value: str) -> Any:
    if value.startswith(("[", "{")):
        with suppress(ValueError):
            return json.loads(value)
    return value


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    place = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        return f"unknown key '{'.'.join(place)}'{did_you_mean(place[-1], _keys_beside(place))}"
    if first["type"] == "literal_error":
        choices = first["ctx"]["expected"].replace(" or ", ", ").replace("'", "").split(", ")
        return f"unknown {place[-1]} '{first['input']}'{did_you_mean(str(first['input']), choices)}"
    return f"'{'.'.join(place)}' is {first['input']!r}: {first['msg']}"


def _keys_beside(place: list[str]) -> list[str]:
    model: type[BaseModel] = Settings
    for part in place[:-1]:
        field = model.model_fields.get(part)
        model = next(iter(_models_in(field.annotation)), model) if field else model
    return list(model.model_fields)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models_in(argument)]
