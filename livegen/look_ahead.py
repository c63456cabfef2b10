"""How far ahead music is planned and handed over."""

from livegen.clock import NS_PER_MS
from livegen.music.song import Song
from livegen.settings import Settings


def horizon_ns(settings: Settings, song: Song | None) -> int:
    """How far ahead music is planned: at least as far as it is handed over."""
    play = settings.play
    return max(_ahead_ns(settings, song, play.horizon_ms, play.horizon_beats), commit_ns(settings, song))


def commit_ns(settings: Settings, song: Song | None) -> int:
    """How far ahead it is handed over."""
    return _ahead_ns(settings, song, settings.play.commit_ms, settings.play.commit_beats)


def _ahead_ns(settings: Settings, song: Song | None, usual_ms: int, beats: float) -> int:
    """In beats where a clock runs and the settings say so; earlier for the earliest output."""
    own_ns = round(beats * song.beat_ns) if song and beats else usual_ms * NS_PER_MS
    return own_ns + round(settings.ports.ahead_ms * NS_PER_MS)
