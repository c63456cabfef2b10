"""How a running livegen stands, in the words of whoever is called when it does not play."""

from typing import Any

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_LATE_MS = 10.0  # a delivery that people hear


def as_text(standing: dict[str, Any]) -> str:
    """A line for each thing that may be asked, what is to be done last."""
    music, failure, hours = standing["music"], standing["last_failure"], standing["settings"]["installation"]["hours"]
    plugged = [f"{port['name']} (for {_span(port['for_s'])})" for port in standing["plugged"]]
    last = f"; last: {failure['what']}, {_span(failure['ago_s'])} ago" if failure else ""
    due = f"; silent for {_span(music['silent_s'])} though music is due" if music["silent_s"] else ""
    rows = {
        "playing": f"as '{standing['name']}' for {_span(standing['up_s'])}: {standing['role']}, {standing['model']}",
        "hours": f"{'open' if standing['open'] else 'closed'} ({', '.join(hours) or 'always open'})",
        "plugged in": ", ".join(plugged) or "nothing",
        "notes": f"{standing['notes_in']} in, {standing['notes_out']} out{due}",
        "on time": _on_time(standing),
        "reaction": f"{standing['reactions']} times, p50 {standing['reaction_p50_ms']} ms",
        "clock": ", ".join(f"{key} {value}" for key, value in standing["clock"].items()),
        "engine": f"started again {standing['engine_restarts']} times{last}",
        "to do": "; ".join(to_do(standing)) or "nothing",
    }
    return "\n".join(f"{name:<11}{said}" for name, said in rows.items())


def to_do(standing: dict[str, Any]) -> list[str]:
    """What a technician should look at, the gravest first."""
    found = []
    if standing["music"]["engines_silent"] > 1:
        found.append("no engine brings music: try another model, then send the file that livegen support writes")
    if not standing["open"]:
        found.append("wait: it is closed by its opening hours; is the clock of this machine right?")
    if not any(port["name"].startswith("out:") for port in standing["plugged"]):
        found.append(f"connect a synthesizer to {standing['name']}:out; see livegen ports")
    if standing["delivery_p99_ms"] > _LATE_MS:
        found.append("notes leave late: see 'priority' in livegen doctor, and what else this machine does")
    return found


def _on_time(standing: dict[str, Any]) -> str:
    left_out = standing["late_note_ons"]
    late = f"p50 {standing['delivery_p50_ms']} ms late, p99 {standing['delivery_p99_ms']} ms"
    return f"{late}; {left_out} left out, {standing['hanging']} cut off by a pulled plug"


def _span(seconds: int) -> str:
    """Two units will do: 3 d 4 h."""
    parts: list[str] = []
    for size, unit in _UNITS:
        if seconds >= size and len(parts) < 2:
            parts.append(f"{seconds // size} {unit}")
            seconds %= size
        elif parts:
            break
    return " ".join(parts) or "0 s"
