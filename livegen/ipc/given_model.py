"""A model's file as the port process gives it to an engine: in parts, between which other messages are sent."""

from collections.abc import Iterator
from dataclasses import dataclass

from livegen.ipc.messages import ModelGiven, ModelPart

_PART_BYTES = 64 * 2**10  # no note waits for long while one is sent


@dataclass(frozen=True, slots=True)
class GivenModel:
    """The validated content of a model's file."""

    name: str  # as the settings have it: a shipped model's name, or a path
    sha256: str  # of the content, in hex
    content: bytes

    def messages(self, *, is_known: bool) -> Iterator[ModelPart | ModelGiven]:
        """The messages to an engine; its content need not be sent again to one that knows it."""
        if not is_known:
            for begin in range(0, len(self.content), _PART_BYTES):
                yield ModelPart(self.content[begin : begin + _PART_BYTES])
        yield ModelGiven(self.sha256, self.name)
