"""A model as the port process gives it to an engine."""

from hashlib import sha256

from livegen.ipc.given_model import GivenModel
from livegen.shipped import model_path


def given(name: str) -> GivenModel:
    """The file of a shipped model's name or of a path, whatever is in it."""
    content = model_path(name).read_bytes()
    return GivenModel(name, sha256(content).hexdigest(), content)
