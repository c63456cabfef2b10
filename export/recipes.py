"""A recipe: everything that turns a corpus into a model, from one TOML file into frozen values."""

import hashlib
import re
import tomllib
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from export import places
from livegen.errors import SettingsError
from livegen.wrong_value import remedy

CONFIGS = places.CONFIGS / "train"
RUNS = places.RUNS


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Cell = Literal["lstm", "gru", "rnn"]
Size = Field(ge=1, le=4096)
Layers = Field(1, ge=1, le=8)


class _Windowed(_Frozen):
    """What networks share that see the last tokens beside their layers."""

    kind: str
    embedding: int = Size
    window: int = Field(ge=2, le=64)
    features: int = Size
    hidden: int = Size
    layers: int = Layers


class WindowedLstm(_Windowed):
    """The shape of the network; see ``networks.windowed_lstm``."""

    kind: Literal["windowed-lstm"]
    head: int = Field(0, ge=0, le=4096)
    bar: int = Field(0, ge=0, le=1024)
    beat: str = ""  # the text of the token that moves the place in the bar
    copies: bool = False  # it says of each of the last tokens how likely it comes again


class TimedLstm(_Windowed):
    """The shape of the network; see ``networks.timed_lstm``."""

    kind: Literal["timed-lstm"]
    onsets: int = Field(ge=3, le=64)
    bins: int = Field(ge=2, le=256)
    notes: int = Field(ge=1, le=1024)
    heads: int = Field(ge=1, le=16)
    key: int = Field(ge=1, le=256)


class Recurrent(_Frozen):
    """The shape of the network; see ``networks.recurrent``."""

    kind: Literal["recurrent"]
    cell: Cell = "lstm"
    embedding: int = Size
    hidden: int = Size
    layers: int = Layers


class Rereading(_Frozen):
    """The shape of the network; see ``networks.rereading``."""

    kind: Literal["rereading"]
    cell: Cell = "lstm"
    bidirectional: bool = False
    embedding: int = Size
    window: int = Field(ge=2, le=512)
    hidden: int = Size
    layers: int = Layers


class Dropouts(_Frozen):
    """Shares of numbers left out while training."""

    features: float = Field(0.0, ge=0, lt=1)
    between: float = Field(0.0, ge=0, lt=1)
    output: float = Field(0.0, ge=0, lt=1)


class Training(_Frozen):
    """How the network is trained."""

    epochs: int = Field(ge=1)
    patience: int = Field(20, ge=1)  # epochs without a better validation
    batches: Literal["streams", "windows"] = "streams"  # the state is carried on, or windows from a blank state
    windows: int = Field(0, ge=0)  # of an epoch, drawn anew; 0: one at every token
    targets: Literal["all", "last"] = "all"  # of a window: many to many, or many to one
    streams: int = Field(32, ge=1)  # read side by side: the size of a batch
    chunk: int = Field(128, ge=1)  # tokens between two updates, or of a window
    parts: dict[str, tuple[float, float]] = {}  # by part of the corpus, its share of an epoch at first and at last
    epoch_tokens: int = Field(0, ge=0)  # with parts: of an epoch
    optimiser: Literal["adamw", "adam", "rmsprop", "sgd"] = "adamw"
    learning_rate: float = Field(2e-3, gt=0)
    schedule: Literal["cosine", "constant", "warm-up"] = "cosine"  # "warm-up": constant once it is over
    warm_up_epochs: float = Field(1, ge=0)
    weight_decay: float = Field(0.01, ge=0)
    clip: float = Field(1.0, gt=0)  # norm of the gradient
    averaging: float = Field(0.999, ge=0, lt=1)  # of the weights, per update
    forgetting: float = Field(0.05, ge=0, le=1)  # chance per stream and chunk that the state is lost
    shifts: tuple[int, int] = (-5, 6)  # semitones, both included
    paces: tuple[float, float] = (1, 1)  # of performances in another key: how many times as long they are, at the most
    louder: int = Field(0, ge=0)  # ... and how many steps of loudness louder or softer, at the most
    unshifted_first: float = Field(0.3, ge=0, le=1)  # share of pieces in their own key at first ...
    unshifted_last: float = Field(1.0, ge=0, le=1)  # ... and at last ...
    settled_by: float = Field(0.75, gt=0, le=1)  # ... from this share of the epochs on, and so the parts
    test_every: int = Field(0, ge=0)  # epochs between two reports of the test figure, which decides nothing
    bf16: bool = True  # the forward pass in bfloat16, where the processor has it; all else is float32
    seed: int = Field(0, ge=0)


class Defaults(_Frozen):
    """How the finished model is sampled unless the player says otherwise."""

    temperature: float = Field(0.8, gt=0, le=5)
    top_p: float = Field(0.95, gt=0, le=1)
    timing_temperature: float = Field(1.0, gt=0, le=5)  # times the temperature, for waits


class Recipe(_Frozen):
    """One model, from corpus to card."""

    name: str = Field(pattern=r"^[a-z0-9_-]{1,32}$")
    title: str
    corpus: str
    codec: str
    network: WindowedLstm | TimedLstm | Recurrent | Rereading = Field(discriminator="kind")
    dropout: Dropouts = Dropouts()
    training: Training
    sampling: Defaults = Defaults()


def find(config: str) -> Path:
    """The path of a recipe, given as a path or as the name of one in ``configs/train``."""
    return places.find_config(CONFIGS, config, "recipe")


def of_folder(folder: Path, *, is_tiny: bool) -> Recipe:
    """The recipe for anybody's folder of music, named after it."""
    recipe = load(CONFIGS / ("folder-tiny.toml" if is_tiny else "folder.toml"))
    name = re.sub(r"[^a-z0-9_-]+", "-", folder.resolve().name.lower()).strip("-")[:32] or recipe.name
    return recipe.model_copy(update={"name": name, "title": f"Music after the folder '{folder.resolve().name}'"})


def run_folder(recipe: Recipe, digest: str, name: str = "") -> Path:
    """Where this recipe is trained on music of this digest: other music, or another training, has its own."""
    key = hashlib.sha256(f"{trained_by(recipe)}\n{digest}".encode()).hexdigest()
    return RUNS / f"{name or recipe.name}-{key[:12]}"


def trained_by(recipe: Recipe) -> str:
    """The part of a recipe that decides the weights, as JSON: all but how the model is sampled."""
    return recipe.model_dump_json(exclude={"sampling"})


def load(path: Path) -> Recipe:
    """The recipe in a TOML file; SettingsError names the file and the key."""
    try:
        return Recipe.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read as TOML: {error}") from None
    except ValidationError as error:
        raise SettingsError(f"{path}: {_explain(error)}") from None


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    kinds = get_args(Recipe.model_fields["network"].annotation)
    tags = [get_args(kind.model_fields["kind"].annotation)[0] for kind in kinds]
    place = ".".join(str(part) for part in first["loc"] if part not in tags)
    if first["type"] == "extra_forbidden":
        return f"unknown key '{place}'"
    if first["type"] == "missing":
        return f"'{place}' is missing"
    return f"'{place}' is {first['input']!r}: {remedy(first)}"
