"""A value that pydantic refuses: what would be right, in words of ours."""

from collections.abc import Mapping
from typing import Any

from pydantic_core import ErrorDetails

_UNITS = {"bpm": "beats a minute", "ms": "milliseconds", "s": "seconds", "mb": "megabytes"}  # by the ends of keys
_LIMITS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
_SAID = {"missing": "it is missing", "extra_forbidden": "there is no such key"}
_WANTED = {  # the beginning of an error's type → what is wanted
    "bool": "true or false",
    "string": "a text in quotes",
    "tuple": "a list: [ ]",
    "list": "a list: [ ]",
    "dict": "a table: { }",
    "model": "a table: { }",
}


def remedy(error: ErrorDetails, field: Any = None) -> str:
    """What to write instead, for the end of a line. ``field``: pydantic's description of the field, where it is known.

    A ValueError of a validator of ours says it in its own words.
    """
    kind, context = error["type"], error.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind in _SAID:
        return _SAID[kind]
    if description := getattr(field, "description", None):
        return f"write {description}"
    limits = {name: context[name] for name in _LIMITS if name in context}
    if limits or kind.startswith(("int", "float", "finite")):
        is_whole = kind.startswith("int") or any(isinstance(limit, int) for limit in limits.values())
        return f"write a{' whole' if is_whole else ''} number{_within(_limits_of(field) or limits)}{_unit(error)}"
    if kind == "too_long":
        return f"write at most {context['max_length']}"
    if kind == "literal_error":
        return f"write {context['expected']}"
    if kind == "string_pattern_mismatch":
        return f"write what fits {context['pattern']}"
    wanted = next((words for beginning, words in _WANTED.items() if kind.startswith(beginning)), None)
    return f"write {wanted}" if wanted else error["msg"]


def _limits_of(field: Any) -> dict[str, float]:
    metadata = getattr(field, "metadata", ())
    return {name: getattr(each, name) for each in metadata for name in _LIMITS if hasattr(each, name)}


def _within(limits: Mapping[str, float]) -> str:
    if limits.keys() == {"ge", "le"}:
        return f" from {limits['ge']:g} to {limits['le']:g}"
    said = " and ".join(f"{words} {limits[name]:g}" for name, words in _LIMITS.items() if name in limits)
    return f", {said}" if said else ""


def _unit(error: ErrorDetails) -> str:
    key = str(error["loc"][-1]) if error["loc"] else ""
    unit = _UNITS.get(key.rpartition("_")[2])
    return f", in {unit}" if unit else ""
