"""Answers a MIDI file: the live engine on a manual clock, as fast as it can."""

from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

from livegen.clock import NS_PER_MS, NS_PER_S, ManualClock
from livegen.engine.engine import Engine, load_engine
from livegen.events import NoteOn, Timed
from livegen.files.bar_map import lay_bars
from livegen.files.midi_file import SUFFIXES, read_midi, write_midi
from livegen.files.piano_roll import draw_roll
from livegen.files.target import PICTURE, check_target
from livegen.midi_out.offline import OfflinePlayer
from livegen.music.metre import Mark
from livegen.settings import Settings

_STEP_NS = 20 * NS_PER_MS
_PATIENCE_NS = 10 * NS_PER_S  # it ends after so long without anything to play or to wait for


def converse(
    engine: Engine,
    heard: Iterable[Timed],
    report: Callable[[int], None] = lambda _: None,
    mark: Callable[[Mark], None] = lambda _: None,
) -> list[Timed]:
    """Play the ``heard`` events, in order, to the engine; return all events that it plays, in order.

    It ends when the last phrase has been answered. ``report`` gets the time, in ns, about once a second;
    ``mark`` gets each tempo, metre and key that the engine finds.
    """
    waiting = deque(heard)
    clock = ManualClock(waiting[0].at_ns if waiting else 0)
    player = OfflinePlayer()
    end_ns = clock.now_ns() + _PATIENCE_NS
    while clock.now_ns() < end_ns:
        clock.move_to(clock.now_ns() + _STEP_NS)
        now_ns = clock.now_ns()
        while waiting and waiting[0].at_ns <= now_ns:
            engine.hear(waiting.popleft())
        plan = engine.imagine(now_ns)
        if plan.retract_ns is not None:
            player.retract(plan.retract_ns, now_ns, plan.kept)
        player.play(plan.events)
        for each in plan.marks:
            mark(each)
        player.sound(now_ns)
        if waiting or plan.is_behind or player.is_waiting:
            end_ns = now_ns + _PATIENCE_NS
        if now_ns % NS_PER_S < _STEP_NS:
            report(now_ns)
    return player.sounded


def render_file(
    source: Path, target: Path, settings: Settings, picture: Path | None, report: Callable[[int, int], None]
) -> str:
    """Answer the phrases of a MIDI file; write phrases and answers, and a piano roll if ``picture``; return a line.

    ``report`` gets the count of seconds of music done, and of all seconds.
    """
    check_target(target, SUFFIXES, source)
    if picture:
        check_target(picture, PICTURE, source, target)
    player = read_midi(source)
    engine = load_engine(settings)
    total_s = player[-1].at_ns // NS_PER_S
    marks: list[Mark] = []
    machine = converse(engine, player, lambda now_ns: report(min(now_ns // NS_PER_S, total_s), total_s), marks.append)
    bars = lay_bars(marks, 0, is_fixed=True)
    write_midi(target, [("player", player), ("machine", machine)], bars)
    if picture:
        draw_roll(picture, player, machine, f"{source.name}, answered by {settings.play.model}", bars)
    heard, played = (sum(isinstance(timed.event, NoteOn) for timed in events) for events in (player, machine))
    return f"{target}: {heard} notes by the player, {played} by the machine"
