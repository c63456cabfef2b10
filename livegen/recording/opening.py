"""The first record of a session: which livegen made it, when, on what machine."""

import json
import platform
import time
from collections.abc import Mapping

from livegen.recording.format import Kind, Record, encode_frames
from livegen.version import RUNNING, engine_checksum


def opening(name: str, at_ns: int) -> bytes:
    """The record for a session of the ports called ``name`` that begins now."""
    opened = {
        "livegen": RUNNING,
        "engine": engine_checksum(),
        "name": name,
        "begun": time.strftime("%Y-%m-%d %H:%M:%S"),
        "machine": platform.machine(),
    }
    return encode_frames([Record(at_ns, Kind.OPENED, json.dumps(opened).encode())])


def read_opening(record: Record) -> Mapping[str, str]:
    """What such a record says, as far as it can be read."""
    try:
        opened = json.loads(record.content)
    except ValueError:
        return {}
    return {key: str(value) for key, value in opened.items()} if isinstance(opened, dict) else {}


def maker(opened: Mapping[str, str]) -> str:
    """The livegen that made a session, in words. Before 2026-11-28 a session did not say which engine it had."""
    version, engine = opened.get("livegen", ""), opened.get("engine", "")
    return f"livegen {version or 'of unknown version'} ({f'engine {engine}' if engine else 'an earlier engine'})"


def this_livegen() -> str:
    """The livegen that runs, in the same words."""
    return maker({"livegen": RUNNING, "engine": engine_checksum()})
