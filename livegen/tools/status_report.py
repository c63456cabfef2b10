"""The status of a running livegen as text, for the technician who is called when it does not play."""

from typing import Any

from livegen.daemon.now_playing import Scene
from livegen.printable import printable

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_COLUMNS = 120
_SPARE = {"ready": "a second one is ready to take over", "loading": "a second one is being loaded"}
_CLOCKS = {
    "player": "none: the tempo is found in each phrase",
    "internal": "livegen's own",
    "midi": "MIDI clock",
    "link": "Ableton Link",
}
_SILENT_S = 10  # an answer may take so long to begin
_LATE_MS = 10.0  # people hear a delay from here on


def as_text(status: dict[str, Any]) -> str:
    """A line for each item; the last line says what to do."""
    music, failure, hours = status["music"], status["last_failure"], status["settings"]["installation"]["hours"]
    plugged = [f"{port['name']} (for {_span(port['for_s'])})" for port in status["plugged"]]
    last = f"; last: {failure['what']}, {_span(failure['ago_s'])} ago" if failure else ""
    due = f"; silent for {_span(music['silent_s'])} though music is due" if music["silent_s"] else ""
    spare = _SPARE.get(status.get("spare", ""), "no second one is loaded")
    rows = {
        "playing": f"as '{status['name']}' for {_span(status['up_s'])}: {status['role']}, {status['model']}",
        "now": Scene(**status["now"]).text(_COLUMNS) if "now" in status else "",
        "hours": _hours(status["open"], hours),
        "plugged in": ", ".join(plugged) or "nothing",
        "notes": f"{status['notes_in']} in, {status['notes_out']} out{due}",
        "on time": _on_time(status),
        "reaction": _reaction(status),
        "clock": _clock(**status["clock"]),
        "engine": f"restarted {status['engine_restarts']} times; {spare}{last}",
        "to do": "; ".join(to_do(status)) or "nothing",
    }
    return "\n".join(f"{name:<11}{printable(said)}" for name, said in rows.items() if said)


def to_do(status: dict[str, Any]) -> list[str]:
    """What a technician should do, the most serious problem first; the daemon's own lines come first.

    A daemon of an earlier version may have written the status.
    """
    music, failure = status["music"], status["last_failure"]
    found = list(status.get("to_do", ()))
    if music["engines_silent"] > 1:
        found.append("no engine plays music: try another model, then send the file that livegen support writes")
    elif music["silent_s"] > _SILENT_S:
        found.append(f"no music for {_span(music['silent_s'])} though it is due: see 'engine', and livegen doctor")
    if failure and not status.get("engine_ready", True):
        found.append(f"no engine plays, for {failure['what']}: see the last lines, and livegen doctor")
    found += not_ready(status)
    for name in status.get("deaf", ()):  # an earlier version did not say that either
        found.append(f"nothing arrives at '{name}' any more: restart livegen, then its MIDI server")
    if status["delivery_p99_ms"] > _LATE_MS:
        found.append("notes are sent late: see 'priority' in livegen doctor, and stop other programs on this machine")
    return found


def not_ready(status: dict[str, Any]) -> list[str]:
    """What keeps people from playing and hearing; an earlier version did not say it."""
    return [f"not ready yet: {lacking}"] if (lacking := status.get("not_ready")) else []


def _hours(is_open: bool, hours: list[str]) -> str:  # noqa: FBT001 (as in the status)
    if is_open:
        return f"open ({', '.join(hours) or 'always open'})"
    return f"closed ({', '.join(hours)}); at the wrong time? then correct the clock of this machine"


def _on_time(status: dict[str, Any]) -> str:
    left_out = status["late_note_ons"]
    if not status["notes_out"]:
        return "no note was played yet"
    late = f"half at most {status['delivery_p50_ms']} ms late, 99 of 100 at most {status['delivery_p99_ms']} ms"
    cut = f"; {status['hanging']} cut off because a device was unplugged" if status["hanging"] else ""
    return f"{late}; {left_out} came too late and were left out{cut}" if left_out else f"{late}{cut}"


def _reaction(status: dict[str, Any]) -> str:
    """How soon a note of the player had its harmony: in the roles that answer each note."""
    if not status["reactions"]:
        return ""
    return f"half of {status['reactions']} notes had their harmony within {status['reaction_p50_ms']} ms"


def _clock(source: str, running: bool | None = None, tempo_bpm: float | None = None) -> str:  # noqa: FBT001 (as in the status)
    tempo = f" at {tempo_bpm:g} bpm" if tempo_bpm else ""
    state = "" if running is None else f", which {'runs' if running else 'stands'}{tempo}"
    return f"{_CLOCKS.get(source, source)}{state}"


def _span(seconds: int) -> str:
    """A time in at most two units: 3 d 4 h."""
    parts: list[str] = []
    for size, unit in _UNITS:
        if seconds >= size and len(parts) < 2:
            parts.append(f"{seconds // size} {unit}")
            seconds %= size
        elif parts:
            break
    return " ".join(parts) or "0 s"
