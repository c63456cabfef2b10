"""What a run of the benchmark is made of, read from TOML."""

import math
import tomllib
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from livegen.errors import SettingsError
from livegen.wrong_value import remedy

Share = Field(ge=0, le=1)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Shape(_Frozen):
    """The network's sizes."""

    embedding: int = Field(ge=1)  # of a pitch
    interval: int = Field(ge=1)  # embedding of an interval
    features: int = Field(ge=1)  # of a frame, as every part of the network reads it
    hidden: int = Field(ge=1)  # of each recurrent layer
    layers: int = Field(ge=1)
    attention: int = Field(ge=1)  # heads of the memory
    key: int = Field(ge=1)  # size of a head's keys and values
    span: int = Field(1024, ge=1)  # frames that the memory holds; no piece of the benchmark is longer
    voice: int = Field(ge=1)  # hidden size of each voice's own part


class Dropout(_Frozen):
    """Shares left out while training, the same units for a whole piece (Gal and Ghahramani 2016)."""

    features: float = Share
    between: float = Share  # the layers
    output: float = Share  # of the last layer and of the memory
    voice: float = Share
    weights: float = Share  # of the recurrent weights (Merity et al. 2018)


class Hiding(_Frozen):
    """Shares of the pieces, while training, of which some of the past or some order of the voices is another."""

    below_soprano: float = Share  # alto, tenor and bass hidden for a whole piece: nothing to lean on but the soprano
    any_voices: float = Share  # each voice of each stretch hidden or not, by chance
    soprano_first: float = Share  # the voices below it in any order, drawn for each frame
    any_order: float = Share  # all four in any order, drawn for each frame


class Training(_Frozen):
    """How the network is trained."""

    patience: ClassVar[float] = math.inf  # always to the last epoch
    schedule: ClassVar[str] = "cosine"

    epochs: int = Field(ge=1)
    batch: int = Field(ge=1)  # pieces
    learning_rate: float = Field(gt=0)
    warm_up_epochs: float = Field(ge=0)
    weight_decay: float = Field(ge=0)
    clip: float = Field(gt=0)
    averaging: float = Field(ge=0, lt=1)  # of the weights, per update
    valid_every: int = Field(ge=1)  # epochs
    bf16: bool
    seed: int = 1


class Distillation(_Frozen):
    """What a network learns from others (Hinton, Vinyals and Dean 2015)."""

    from_teacher: bool  # it begins with the weights of the first teacher, else with random ones
    temperature: float = Field(gt=0)  # the teachers' logits are divided by it
    keys: tuple[int, ...] = Field(min_length=1)  # semitones: the teachers hear every piece in these at once
    labels: float = Share  # how much Bach's own notes count beside the teachers, in Bach's pieces
    drawn: int = Field(ge=0)  # pieces that the teachers write
    drawn_per_epoch: int = Field(ge=0)  # those of an epoch, beside all of Bach's
    given_soprano: float = Share  # of the pieces drawn, those that are written to a soprano by Bach


class Settings(_Frozen):
    """A whole run."""

    network: Shape
    dropout: Dropout
    hiding: Hiding
    training: Training
    distillation: Distillation | None = None


def load(path: Path) -> Settings:
    """The settings in a TOML file; what does not fit is named."""
    if not path.is_file():
        raise SettingsError(f"{path}: no such file; there is configs/train/jsb16.toml")
    try:
        return Settings.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingsError(f"{path}: '{'.'.join(map(str, first['loc']))}': {remedy(first)}") from error
