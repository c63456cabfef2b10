"""Every setting with its default; reads them from TOML and the environment into frozen values."""

import json
import os
import tomllib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from livegen.errors import SettingsError, did_you_mean, nearest
from livegen.key_names import read_key
from livegen.opening_hours import parse_hours
from livegen.regular_file import read_regular
from livegen.wrong_value import remedy

MOST_BYTES = 65_536  # of a file: ten times the length of a file with every key
_VERSION = 1  # of the settings file; none means 1

Role = Literal["respond", "accompany", "harmonise", "solo"]
Parameter = Literal[
    "temperature",
    "top_p",
    "timing_temperature",
    "density",
    "octaves",
    "scale_lock",
    "answer_length",
    "role",
    "model",
    "horizon_ms",
    "velocity_follow",
    "familiarity",
    "phrasing",
    "pedal",
]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _by_name(given: Any) -> Any:
    return {"name": given} if isinstance(given, str) else given


_BY_NAME = BeforeValidator(_by_name)
Channel = Annotated[int, Field(ge=1, le=16)]
ChannelOrNone = Annotated[int, Field(ge=0, le=16)]


class InputPort(_Frozen):
    """An input port, and how its events are changed. In the list of inputs, a name alone is enough."""

    name: str = ""  # a part of the name is enough; "": the virtual port, and every hardware keyboard without an entry
    channels: dict[Channel, ChannelOrNone] = {}  # { 1 = 3 }: 1 counts as 3; 0 drops it; notes on 10, not named: drums
    transpose: int = Field(0, ge=-60, le=60)  # semitones
    split: int | None = Field(None, ge=0, le=127)  # instead of ``ports.split``


class OutputPort(_Frozen):
    """An output port, and how its events are changed. In the list of outputs, a name alone is enough."""

    name: str = ""  # a part of the name is enough; "": the virtual port
    channels: tuple[Channel, ...] = Field((), max_length=16)  # [3]: all on 3; [1, 2, 3]: a voice each, highest first
    transpose: int = Field(0, ge=-60, le=60)  # semitones
    offset_ms: float = Field(0, ge=-500, le=2_000)  # delay of all events; negative: earlier


class Ports(_Frozen):
    """The MIDI ports."""

    system: Literal["auto", "alsa", "jack", "core", "windows", "memory"] = "auto"
    name: str = Field(  # of the virtual ports: see names.virtual_ports
        "livegen", pattern=r"^[A-Za-z0-9_.-]{1,32}$", description="1 to 32 letters, digits, '_', '.' or '-'"
    )
    input: str = ""  # the port to listen to; "": every hardware keyboard
    output: str = ""  # a port to play to, besides the virtual one
    inputs: tuple[Annotated[InputPort, _BY_NAME], ...] = ()  # several input ports, each with its own channels
    outputs: tuple[Annotated[OutputPort, _BY_NAME], ...] = ()  # the same for outputs
    require: bool = False  # when a named port is missing, livegen ends; else it waits for the port
    split: int = Field(0, ge=0, le=127)  # keys below this pitch are the left hand: chords; 0: no split
    thru: Literal["off", "on"] = "off"  # on: the player's notes also go to the outputs, at once
    thru_channel: ChannelOrNone = 0  # the channel for thru; 0: the channel of each event
    poll_s: float = Field(0.25, ge=0.1, le=60)  # seconds between two polls for plugged and unplugged devices

    @property
    def all_inputs(self) -> tuple[InputPort, ...]:
        """Every input with its split; ``input`` is one of them."""
        named = (InputPort(name=self.input),) if self.input else ()
        found = (*self.inputs, *named) or (InputPort(),)
        return tuple(port.model_copy(update={"split": self.split}) if port.split is None else port for port in found)

    @property
    def all_outputs(self) -> tuple[OutputPort, ...]:
        """Every output, the virtual one first, ``output`` last."""
        virtual = tuple(port for port in self.outputs if not port.name)[:1] or (OutputPort(),)
        named = (OutputPort(name=self.output),) if self.output else ()
        return (*virtual, *(port for port in self.outputs if port.name), *named)

    @property
    def named(self) -> list[str]:
        """The names that the settings give for ports, as they stand there."""
        ports: tuple[InputPort | OutputPort, ...] = (*self.all_inputs, *self.all_outputs)
        return [port.name for port in ports if port.name]

    @property
    def ahead_ms(self) -> float:
        """How much earlier the earliest output gets its events, in ms."""
        return max(0.0, *(-port.offset_ms for port in self.all_outputs))


class Play(_Frozen):
    """How livegen plays."""

    role: Role = "respond"
    role_after_touch: Role = "respond"  # the role after a solo: a key press changes to it
    model: str = "bach"  # a shipped model's name, or the path of an .onnx file
    seed: int = Field(-1, ge=-1)  # -1: a new one at each start of jam or run; 0 for render and demo
    key: str = ""  # "": found in the phrase; else "C", "F# minor", ...
    pause_ms: int = Field(600, ge=50, le=10_000)  # the shortest silence that ends a phrase
    answer_length: float = Field(1.0, ge=0.5, le=2.0)  # intended length of an answer, in phrase lengths
    answer_bars: int = Field(8, ge=0, le=256)  # the longest answer, in bars; 0: off
    octaves: int = Field(0, ge=-3, le=3)  # transposes the machine's music by octaves
    velocity_follow: float = Field(1.0, ge=0, le=1)  # 1: velocities follow the player's; 0: they are all the same
    phrasing: float = Field(1.0, ge=0, le=2)  # how much louder and softer notes are than their mean; 0: not at all
    pedal: bool = True  # the sustain pedal is pressed for piano models that do not write it
    horizon_ms: int = Field(150, ge=20, le=5_000)  # how far ahead music is planned
    commit_ms: int = Field(40, ge=5, le=1_000)  # how far ahead it is handed over: only a retraction changes it then
    horizon_beats: float = Field(0.0, ge=0, le=16)  # with a clock, instead of horizon_ms; 0: off
    commit_beats: float = Field(0.0, ge=0, le=4)  # with a clock, instead of commit_ms; 0: off


class Time(_Frozen):
    """The clock and the metre."""

    clock: Literal["player", "internal", "midi", "link"] = "player"  # player: the tempo is found in each phrase
    tempo_bpm: float = Field(0, ge=0, le=400)  # 0: found in the phrase, or 120 with the internal clock
    beats_per_bar: int = Field(0, ge=0, le=12)  # 0: found in the phrase, or 4 with a clock
    begin_on: Literal["beat", "bar"] = "beat"  # where answers begin
    send_clock: bool = False  # send MIDI clock and transport to every output


class Sampling(_Frozen):
    """How tokens are drawn from the logits."""

    temperature: float = Field(0.0, ge=0, le=5)  # 0: the model's own
    timing_temperature: float = Field(0.0, ge=0, le=5)  # times the temperature, for waits; 0: the model's own
    top_k: int = Field(0, ge=0)  # 0: off
    top_p: float = Field(0.0, ge=0, le=1)  # 0: the model's own; 1: off
    min_p: float = Field(0.0, ge=0, lt=1)  # 0: off
    out_of_key: float = Field(0.1, gt=0, le=1)  # factor of the odds of notes out of the phrase's key; 1: unchanged
    density: float = Field(1.0, ge=0.1, le=10)  # factor of the odds of more and shorter notes; 1: unchanged
    familiarity: float = Field(1.0, ge=0, le=2)  # how much comes back of what was played in this session; 0: off
    voice_leading: bool = True  # avoid parallel fifths and octaves, where the model's codec shows them
    avoid_loops: bool = True  # break long repetitions
    candidates: int = Field(4, ge=1, le=16)  # sampled for each chord of an accompaniment; the likeliest is played


class Limits(_Frozen):
    """Limits of the machine's music, for every model."""

    lowest: int = Field(21, ge=0, le=127)  # pitch; a piano has 21-108
    highest: int = Field(108, ge=0, le=127)
    most_voices: int = Field(0, ge=0, le=16)  # notes at the same time; 0: off
    scale_lock: bool = False  # play only notes of the key's scale
    left_hand: Literal["plays", "chord"] = "plays"  # chord: only pitch classes that it holds may sound (ports.split)

    @model_validator(mode="after")
    def _an_octave_at_least(self) -> Self:
        if self.highest - self.lowest < 11:
            raise ValueError("'highest' must be at least an octave (11 semitones) above 'lowest'")
        return self


class Controls(_Frozen):
    """What the player's knobs and program changes set."""

    cc: dict[int, Parameter] = {}  # controller number → parameter; {}: none, until one is learnt
    channel: int = Field(0, ge=0, le=16)  # the channel of the knobs; 0: any
    programs: tuple[str, ...] = ()  # program change n chooses the n-th role or model; (): off
    soft_takeover: bool = True  # a knob has no effect until it has passed the present value


class Daemon(_Frozen):
    """The daemon's processes and recordings."""

    record: str = ""  # folder for sessions; "": only the last minutes are kept
    record_mb: int = Field(1_024, ge=8)  # for all sessions; the oldest are deleted first, saved sessions never
    ring_minutes: int = Field(10, ge=0, le=120)  # the last minutes that are kept, at least; 0: off
    realtime: bool = True  # SCHED_FIFO and locked memory where allowed
    silence_ms: int = Field(500, ge=100, le=60_000)  # an engine that could speak, and does not for longer, is replaced
    spare: Literal["auto", "on", "off"] = "auto"  # a second engine, loaded, that takes over; auto: with memory for it


def _as_hours(text: str) -> str:
    parse_hours(text)
    return text


class Installation(_Frozen):
    """A computer that plays unattended for weeks; the defaults switch all of it off. See docs/installation.md."""

    attract_s: float = Field(0, ge=0, le=86_400)  # after so long without a player it plays by itself; 0: never
    hours: tuple[Annotated[str, AfterValidator(_as_hours)], ...] = ()  # "Tue-Sun 10:00-18:00"; (): always
    fade_s: float = Field(20, ge=0, le=600)  # fade in when the hours begin, fade out when they end
    fade_by: Literal["velocity", "volume"] = "velocity"  # volume: controller 7
    loudest: int = Field(127, ge=1, le=127)  # the highest velocity that is sent
    most_volume: int = Field(127, ge=1, le=127)  # the highest volume (controller 7) that is sent
    longest_note_s: float = Field(0, ge=0, le=86_400)  # a note that sounds for longer is ended; 0: off
    max_silence_s: float = Field(0, ge=0, le=3_600)  # the engine is replaced after so long without due music; 0: off
    fallback_model: str = ""  # plays when the chosen model cannot be loaded; "": none


class Sound(_Frozen):
    """livegen's own sound: a FluidSynth that it starts, with a volume of its own."""

    on: bool = False
    soundfont: str = ""  # the path of an SF2 or SF3 file; "": the system's
    driver: str = Field(  # of FluidSynth
        "auto", pattern=r"^[a-z0-9]{1,20}$", description="the name of a driver: jack, pulseaudio, pipewire, alsa, ..."
    )
    gain: float = Field(0.6, gt=0, le=5)


OLD_NAMES = {  # section → the name until version 0.1 → the present name; the old names are still read
    "play": {"touched_role": "role_after_touch"},
    "sampling": {"outside": "out_of_key", "futures": "candidates", "guard": "avoid_loops"},
    "installation": {"mute_s": "max_silence_s", "stand_in": "fallback_model"},
}


_OPTIONS = {  # (section, key) → the option of the command line that sets it
    ("play", "role"): "--role",
    ("play", "model"): "--model",
    ("play", "seed"): "--seed",
    ("play", "key"): "--key",
    ("time", "clock"): "--clock",
    ("time", "tempo_bpm"): "--tempo",
    ("ports", "system"): "--midi",
    ("ports", "name"): "--name",
}


class Settings(_Frozen):
    """All settings; environment variables such as ``LIVEGEN_PLAY__SEED=7`` override a file."""

    ports: Ports = Ports()
    play: Play = Play()
    time: Time = Time()
    sampling: Sampling = Sampling()
    limits: Limits = Limits()
    controls: Controls = Controls()
    daemon: Daemon = Daemon()
    installation: Installation = Installation()
    sound: Sound = Sound()

    def with_seed(self, seed: int) -> Self:
        """The same settings with this seed, unless they have one."""
        if self.play.seed >= 0:
            return self
        return self.model_copy(update={"play": self.play.model_copy(update={"seed": seed})})

    def with_model(self, model: str) -> Self:
        """The same settings with this model, unless they name one, or livegen may be asked to harmonise."""
        roles = (self.play.role, self.play.role_after_touch, *self.controls.programs)
        may_harmonise = "harmonise" in roles or "role" in self.controls.cc.values()
        if "model" in self.play.model_fields_set or may_harmonise:
            return self
        return self.model_copy(update={"play": self.play.model_copy(update={"model": model})})

    @model_validator(mode="before")
    @classmethod
    def _with_new_names(cls, given: Any) -> Any:
        """Accept old names, as in older files and sessions; when both names are given, the new one counts."""
        if not isinstance(given, dict):
            return given
        named = {section: _renamed(section, keys) for section, keys in given.items() if section in OLD_NAMES}
        return {**given, **named}


def _renamed(section: str, keys: Any) -> Any:
    if not isinstance(keys, dict):
        return keys
    old = OLD_NAMES.get(section, {})
    return {old[key]: value for key, value in keys.items() if key in old} | {
        key: value for key, value in keys.items() if key not in old
    }


def load(
    path: Path | None = None,
    overrides: dict[str, dict[str, Any]] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Settings:
    """Read a TOML file; the environment overrides it, and ``overrides`` (section → key → value or None) both.

    ``say`` gets a line for each setting that is given by its old name. SettingsError names the file, the key and what
    would be right.
    """
    layers = _Layers(path, _read(path) if path else {}, _from_environment(), overrides or {})
    merged = layers.merged()
    for line in _about_old_names(str(path) if path else "settings", merged):
        say(line)
    try:
        settings = Settings.model_validate(merged)
    except ValidationError as error:
        raise SettingsError(_explain(error, layers)) from None
    if settings.play.key:
        try:
            read_key(settings.play.key)
        except SettingsError as error:
            raise SettingsError(f"{layers.source('play', 'key')}: {error}") from None
    return settings


@dataclass(frozen=True, slots=True)
class _Layers:
    """What is given, section → key → value: by a file, over it by the environment, over both by the command line."""

    path: Path | None
    file: dict[str, Any]
    environment: dict[str, dict[str, Any]]
    overrides: dict[str, dict[str, Any]]

    def merged(self) -> dict[str, Any]:
        """What counts."""
        merged: dict[str, Any] = {}
        for layer in (self.file, self.environment, self.overrides):
            for section, keys in layer.items():
                if isinstance(keys, dict):
                    keys = {key: value for key, value in keys.items() if value is not None}
                    before = merged.get(section, {})
                    keys = {**before, **keys} if isinstance(before, dict) else before  # refused below
                merged[section] = keys
        return merged

    def source(self, section: str, key: str) -> str:
        """The option, the variable or the file that a setting was given by."""
        if _renamed(section, self.overrides.get(section, {})).get(key) is not None:
            return _OPTIONS.get((section, key), "settings")
        if key in _renamed(section, self.environment.get(section, {})):
            return f"LIVEGEN_{section}__{key}".upper()
        return str(self.path) if self.path else "settings"


def _about_old_names(where: str, given: dict[str, Any]) -> Iterator[str]:
    for section, names in OLD_NAMES.items():
        keys = given.get(section)
        for old in names.keys() & keys.keys() if isinstance(keys, dict) else ():
            yield f"{where}: '{section}.{old}' is called '{section}.{names[old]}' now; the old name is still read"


def _read(path: Path) -> dict[str, Any]:
    try:
        given = tomllib.loads(read_regular(path, MOST_BYTES).decode())
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such file; give the path of a settings file (TOML)") from None
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; give the path of a settings file (TOML)") from None
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path}: cannot be read as TOML: {error}") from None
    version = given.pop("version", _VERSION)
    if type(version) is not int or version < 1:
        raise SettingsError(f"{path}: 'version' is {version!r}; write version = {_VERSION}, or leave it out")
    if version > _VERSION:
        newer = f"settings of version {version}, and this livegen reads version {_VERSION}"
        raise SettingsError(f"{path}: {newer}; install the livegen that they are for, or see livegen config --show")
    return given


def _from_environment() -> dict[str, dict[str, Any]]:
    """Settings from ``LIVEGEN_SECTION__KEY``, in upper or lower case; lists and tables are given as JSON."""
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


def _explain(error: ValidationError, layers: _Layers) -> str:
    """Where a wrong value was given, what it is, and what would be right."""
    first = error.errors()[0]
    place, given = [str(part) for part in first["loc"]], first["input"]
    where, name = layers.source(*(*place, "")[:2]), ".".join(place)
    if first["type"] == "extra_forbidden":
        return f"{where}: unknown key '{name}'{_elsewhere(place) or did_you_mean(place[-1], _keys_beside(place))}"
    if first["type"] == "literal_error":
        choices = first["ctx"]["expected"].replace(" or ", ", ").replace("'", "").split(", ")
        what = name if place[-1].isdigit() else place[-1]
        return f"{where}: unknown {what} '{given}'{did_you_mean(str(given), choices)}"
    right = remedy(first, _model_of(place).model_fields.get(place[-1]))
    if len(place) == 2 and where.startswith("--"):
        return f"{where} {given}: {right}"
    if len(place) == 2 and where.startswith("LIVEGEN_"):
        return f"{where}={given}: {right}"
    if place[-1] == "[key]":
        return f"{where}: '{'.'.join(place[:-2])}' has the key {given!r}: {right}"
    return f"{where}: '{name}'{'' if isinstance(given, dict) else f' is {given!r}'}: {right}"


def _elsewhere(place: list[str]) -> str:
    """Where a key belongs that was written into another section, or into none; "" when it is in no section."""
    section, key = ("", place[0]) if len(place) == 1 else (place[0], place[-1])
    if len(place) > 2 or nearest(key, _keys_beside(place)):
        return ""
    for name, field in Settings.model_fields.items():
        if name != section and (near := nearest(key, _models_in(field.annotation)[0].model_fields)):
            return f"; did you mean '{near}' in [{name}]?"
    return ""


def _keys_beside(place: list[str]) -> list[str]:
    return list(_model_of(place).model_fields)


def _model_of(place: list[str]) -> type[BaseModel]:
    """The model that has the last key of a place."""
    model: type[BaseModel] = Settings
    for part in place[:-1]:
        field = model.model_fields.get(part)
        model = next(iter(_models_in(field.annotation)), model) if field else model
    return model


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models_in(argument)]
