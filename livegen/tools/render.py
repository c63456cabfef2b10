"""Answers a MIDI file: the live engine on a manual clock, as fast as it can."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from livegen.clock import NS_PER_MS, NS_PER_S, ManualClock
from livegen.engine.composer import role_refusal
from livegen.engine.engine import Engine
from livegen.engine.turn_taking import ROLES
from livegen.errors import MidiFileError
from livegen.events import NoteOn, Timed
from livegen.files.bar_map import lay_bars
from livegen.files.midi_file import MACHINE, SUFFIXES, read_midi, write_midi
from livegen.files.piano_roll import draw_roll
from livegen.files.target import PICTURE, check_target
from livegen.midi_in.port import virtual_port
from livegen.midi_out.offline import OfflinePlayer
from livegen.model.bundle import load_bundle
from livegen.music.metre import Mark
from livegen.routing import input_route
from livegen.settings import Play, Role, Settings

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


def _heard(player: Iterable[Timed], settings: Settings) -> Iterator[Timed]:
    """What the virtual port would hear of it."""
    route = input_route(virtual_port(settings.ports.all_inputs, settings.ports.split))
    for timed in player:
        if (event := route.heard(timed.event)) is not None:
            yield Timed(timed.at_ns, event, route.is_left_hand(timed.event))


def render_file(
    source: Path, target: Path, settings: Settings, picture: Path | None, report: Callable[[int, int], None]
) -> str:
    """Answer the phrases of a MIDI file; write both, and a piano roll if ``picture``; return what to say.

    ``report`` gets the count of seconds of music done, and of all seconds.
    """
    check_target(target, SUFFIXES, source)
    if picture:
        check_target(picture, PICTURE, source, target)
    player = read_midi(source, of_player=True)
    audible = list(_heard(player, settings))
    if not any(isinstance(timed.event, NoteOn) for timed in audible):
        remedy = "give a file with notes on another, or route it: [[ports.inputs]] channels = { 10 = 1 }"
        raise MidiFileError(f"{source}: none of its notes is heard; on channel 10 are drums; {remedy}")
    bundle = load_bundle(settings.play.model)
    engine = Engine(bundle, settings)
    total_s = player[-1].at_ns // NS_PER_S
    marks: list[Mark] = []
    machine = converse(engine, audible, lambda now_ns: report(min(now_ns // NS_PER_S, total_s), total_s), marks.append)
    bars = lay_bars(marks, 0, is_fixed=True)
    write_midi(target, [("player", player), (MACHINE, machine)], bars)
    if picture:
        draw_roll(picture, player, machine, f"{source.name}, answered by {settings.play.model}", bars)
    heard, played = (sum(isinstance(timed.event, NoteOn) for timed in events) for events in (player, machine))
    refusals = [line for role in _roles(settings.play) if (line := role_refusal(bundle, role))]
    drawn = f"; a picture: {picture}" if picture else ""
    said = f"{target}: {heard} notes by the player, {played} by the machine, seed {settings.play.seed}{drawn}"
    return "\n".join([*refusals, said])


def _roles(play: Play) -> tuple[Role, ...]:
    """The role that is played, and the one that a note changes to."""
    return (play.role, play.role_after_touch) if ROLES[play.role].is_left_by_a_touch else (play.role,)
