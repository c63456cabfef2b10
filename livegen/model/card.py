"""The card inside a model file: what the model is, its codec, and its state."""

from collections.abc import Mapping
from math import prod
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from livegen.errors import ModelError, did_you_mean
from livegen.wrong_value import remedy

CONTRACT = "1"  # the version of the contract between a model file and livegen

_MOST_STATE_BYTES = 2**20  # thousands of states are kept, in checkpoints
_BYTES = {"float32": 4, "float16": 2, "int64": 8, "int32": 4, "bool": 1}

Dtype = Literal["float32", "float16", "int64", "int32", "bool"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CodecCard(_Frozen):
    """The codec's name and parameters: the vocabulary travels with the weights."""

    name: str
    parameters: dict[str, Any] = {}


class StatePart(_Frozen):
    """One tensor of a state: its shape without the batch, and what is in it before the first token.

    That is ``fill``, everywhere; or ``values``, one for each number of it in row order, where a beginning was learned.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    shape: tuple[Annotated[int, Field(ge=1)], ...]
    dtype: Dtype
    fill: int | float
    values: tuple[float, ...] | None = None

    @property
    def bytes(self) -> int:
        """Its size for a batch of one."""
        return prod(self.shape) * _BYTES[self.dtype]


class TrainedOn(_Frozen):
    """The music that a model was trained on."""

    corpus: str
    credit: str
    licence: str


class SamplingDefaults(_Frozen):
    """The model's own temperatures and top-p, used where the settings give 0."""

    temperature: float = Field(gt=0, le=5)
    top_p: float = Field(gt=0, le=1)
    timing_temperature: float = Field(1.0, gt=0, le=5)  # times the temperature, for waits


class Card(_Frozen):
    """The metadata of a model file."""

    contract: str = CONTRACT
    name: str
    title: str
    codec: CodecCard
    state: tuple[StatePart, ...] = Field(min_length=1)
    matrices: tuple[tuple[int, int], ...]  # (rows, columns) of each matrix that a step multiplies a vector by
    trained_on: TrainedOn
    metrics: dict[str, float] = {}
    command: str  # the command that made the file
    commit: str  # the commit of the code that made the file
    sampling: SamplingDefaults | None = None
    longest_run: int | None = Field(None, ge=4)  # of events, in real music (``repetition``); None: loops are allowed

    @property
    def own_sampling(self) -> SamplingDefaults:
        """How it is sampled unless the player says otherwise."""
        return self.sampling or SamplingDefaults(temperature=1, top_p=1)

    @model_validator(mode="after")
    def _is_small_enough(self) -> Self:
        if (size := sum(part.bytes for part in self.state)) > _MOST_STATE_BYTES:
            raise ValueError(f"its state takes {size} bytes; the limit is {_MOST_STATE_BYTES}")
        return self

    @model_validator(mode="after")
    def _has_a_value_for_each_number(self) -> Self:
        for part in self.state:
            if part.values is not None and len(part.values) != prod(part.shape):
                raise ValueError(f"state '{part.name}' has {len(part.values)} values, but {prod(part.shape)} numbers")
        return self

    def to_json(self) -> str:
        """The card as JSON, as it is kept in the model file."""
        return self.model_dump_json(exclude_none=True)

    @classmethod
    def from_json(cls, text: str, where: str = "card") -> Self:
        """Read a card from JSON; ModelError names ``where`` and the field that is wrong."""
        try:
            card = cls.model_validate_json(text)
        except ValidationError as error:
            raise ModelError(f"{where}: {_explain(error, cls.model_fields)}") from None
        if card.contract != CONTRACT:
            raise ModelError(f"{where}: 'contract' is '{card.contract}' but this livegen reads '{CONTRACT}'")
        return card


def _explain(error: ValidationError, fields: Mapping[str, Any]) -> str:
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "json_invalid":
        return f"the card is not valid JSON: {first['ctx']['error']}"
    if first["type"] == "missing":
        return f"'{place}' is missing"
    if first["type"] == "extra_forbidden":
        return f"unknown field '{place}'{did_you_mean(place, fields)}"
    return f"'{place}' is {first['input']!r}: {remedy(first)}" if place else remedy(first)
