"""How far ahead music is planned, and handed over."""

from dataclasses import dataclass

from livegen.clock import NS_PER_MS
from livegen.music.transport import Song
from livegen.settings import Settings


@dataclass(frozen=True, slots=True)
class LookAhead:
    """In ns: what begins within ``horizon_ns`` is planned, what is within ``commit_ns`` is promised."""

    horizon_ns: int
    commit_ns: int


def look_ahead(settings: Settings, song: Song | None) -> LookAhead:
    """In beats where a clock runs and the settings say so; earlier for the earliest output."""
    play, early_ns = settings.play, round(settings.ports.ahead_ms * NS_PER_MS)

    def ahead_ns(usual_ms: int, beats: float) -> int:
        return early_ns + (round(beats * song.beat_ns) if song and beats else usual_ms * NS_PER_MS)

    commit_ns = ahead_ns(play.commit_ms, play.commit_beats)
    return LookAhead(max(ahead_ns(play.horizon_ms, play.horizon_beats), commit_ns), commit_ns)
