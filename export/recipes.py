"""A recipe: everything that turns a corpus into a model, from one TOML file into frozen values."""

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from livegen.errors import SettingsError, did_you_mean

CONFIGS = Path(__file__).parents[1] / "configs" / "train"
RUNS = Path(__file__).parents[1] / "runs"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Network(_Frozen):
    """The shape of the network; see ``networks.Sizes``."""

    embedding: int = Field(ge=1, le=1024)
    window: int = Field(ge=2, le=64)
    features: int = Field(ge=1, le=4096)
    hidden: int = Field(ge=1, le=4096)
    layers: int = Field(ge=1, le=8)
    bar: int = Field(ge=1, le=1024)
    beat: str  # the text of the token that moves the place in the bar


class Dropouts(_Frozen):
    """Shares of numbers left out while training."""

    features: float = Field(0.0, ge=0, lt=1)
    between: float = Field(0.0, ge=0, lt=1)
    output: float = Field(0.0, ge=0, lt=1)


class Training(_Frozen):
    """How the network is trained."""

    epochs: int = Field(ge=1)
    patience: int = Field(20, ge=1)  # epochs without a better validation
    streams: int = Field(32, ge=1)  # read side by side
    chunk: int = Field(128, ge=1)  # tokens between two updates; the state is carried on
    learning_rate: float = Field(2e-3, gt=0)
    warm_up_epochs: float = Field(1, ge=0)
    weight_decay: float = Field(0.01, ge=0)
    clip: float = Field(1.0, gt=0)  # norm of the gradient
    averaging: float = Field(0.999, ge=0, lt=1)  # of the weights, per update
    forgetting: float = Field(0.05, ge=0, le=1)  # chance per stream and chunk that the state is lost
    shifts: tuple[int, int] = (-5, 6)  # semitones, both included
    unshifted_first: float = Field(0.3, ge=0, le=1)  # share of pieces in their own key at first ...
    unshifted_last: float = Field(1.0, ge=0, le=1)  # ... and at last ...
    unshifted_by: float = Field(0.75, gt=0, le=1)  # ... from this share of the epochs on
    test_every: int = Field(0, ge=0)  # epochs between two reports of the test figure, which decides nothing
    bf16: bool = True  # the forward pass in bfloat16; weights, loss and validation stay float32
    seed: int = Field(0, ge=0)


class Defaults(_Frozen):
    """How the finished model is sampled unless the player says otherwise."""

    temperature: float = Field(0.8, gt=0, le=5)
    top_p: float = Field(0.95, gt=0, le=1)


class Recipe(_Frozen):
    """One model, from corpus to card."""

    name: str = Field(pattern=r"^[a-z0-9_-]{1,32}$")
    title: str
    corpus: Literal["bach-chorales"]
    codec: Literal["chorale"]
    network: Network
    dropout: Dropouts = Dropouts()
    training: Training
    sampling: Defaults = Defaults()


def find(config: str) -> Path:
    """The path of a recipe, given as a path or as the name of one in ``configs/train``."""
    named = CONFIGS / f"{config}.toml"
    if named.exists():
        return named
    if Path(config).exists():
        return Path(config)
    raise SettingsError(f"no recipe '{config}'{did_you_mean(config, (p.stem for p in CONFIGS.glob('*.toml')))}")


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
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"unknown key '{place}'"
    if first["type"] == "missing":
        return f"'{place}' is missing"
    return f"'{place}' is {first['input']!r}: {first['msg']}"
