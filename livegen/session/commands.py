"""The commands of ``livegen session``; each imports what it needs when it runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from livegen.errors import SessionError
from livegen.terminal import AsJson, print_figures, print_table, show
from livegen.usage import Commands

if TYPE_CHECKING:
    from livegen.events import Timed
    from livegen.files.bar_map import BarMap

SESSION = Annotated[str, typer.Argument(metavar="SESSION", help="The session's name in the list, or its file's path.")]
Folder = Annotated[Path | None, typer.Option(help="The folder of the sessions; the default is in your state folder.")]

_WORDS = {  # a figure's name in JSON → in the terminal
    "name": "ports",
    "engine": "checksum of its engine",
    "notes_in": "notes of the player",
    "notes_out": "notes of the machine",
    "engines": "engines, one after another",
    "bytes_lost": "bytes that cannot be read",
}

session = typer.Typer(cls=Commands, help="Recorded sessions: list, show, export, picture, save.", rich_markup_mode=None)


@session.command("list", epilog="Example: livegen session list --folder sessions")
def session_list(folder: Folder = None, as_json: AsJson = False) -> None:  # noqa: FBT002 (typer makes it a flag)
    """List the recorded sessions, the oldest first."""
    from livegen.recording.library import list_sessions, sessions_folder

    found = list_sessions(folder or sessions_folder())
    if found or as_json:
        print_table(found, {"name": "name", "size in kB": "kb", "last note or knob": "until"}, as_json=as_json)
    else:
        how = "livegen session save keeps the last minutes, livegen jam --record FOLDER records everything"
        show(f"no sessions in {folder or sessions_folder()} yet: {how}")


@session.command("show", epilog="Example: livegen session show 2026-11-21_20-00-00 --json")
def session_show(name: SESSION, folder: Folder = None, as_json: AsJson = False) -> None:  # noqa: FBT002 (typer makes it a flag)
    """Show a session's figures.

    They are its length, its notes, its engines, and whether the file is damaged.
    """
    from livegen.recording.library import find_session, sessions_folder
    from livegen.session.summary import summary

    found = summary(find_session(name, folder or sessions_folder()))
    print_figures(found if as_json else {_WORDS.get(key, key): value for key, value in found.items()}, as_json=as_json)


@session.command("export", epilog="Example: livegen session export 2026-11-21_20-00-00 evening.mid")
def session_export(
    name: SESSION,
    target: Annotated[Path, typer.Argument(metavar="OUT.mid", help="The MIDI file to write: player and machine.")],
    folder: Folder = None,
) -> None:
    """Write a session as a MIDI file.

    It has the player's notes, and the machine's as they were sent, in bars as heard.
    """
    from livegen.files.midi_file import write_midi

    _, player, machine, bars = _music(name, folder)
    write_midi(target, [("player", player), ("machine", machine)], bars)
    show(str(target))


@session.command("picture", epilog="Example: livegen session picture 2026-11-21_20-00-00 evening.png")
def session_picture(
    name: SESSION,
    target: Annotated[Path, typer.Argument(metavar="OUT.png", help="The picture to write.")],
    folder: Folder = None,
) -> None:
    """Draw a session as a piano roll."""
    from livegen.files.piano_roll import draw_roll

    title, player, machine, bars = _music(name, folder)
    draw_roll(target, player, machine, title, bars)
    show(str(target))


@session.command("save", epilog="Example: livegen session save")
def session_save(
    name: Annotated[str, typer.Option(help="Name of the virtual ports.")] = "livegen",
    folder: Folder = None,
) -> None:
    """Save the last minutes of a livegen that runs or ran. livegen never deletes a saved session."""
    from livegen.midi_out.ledger import ledger_folder
    from livegen.recording.format import decode_session
    from livegen.recording.library import save_session, saved_before, sessions_folder
    from livegen.recording.recent import recent_content
    from livegen.session.summary import is_empty

    content = recent_content(ledger_folder(), name)
    if is_empty(decode_session(content, f"the last minutes of '{name}'")):
        raise SessionError("nothing was played in the last minutes, so there is nothing to save: play, then save")
    folder = folder or sessions_folder()
    if before := saved_before(content, folder):
        show(f"{before} already holds all of it: nothing was played since")
    else:
        show(str(save_session(content, folder)))


def _music(name: str, folder: Path | None) -> "tuple[str, list[Timed], list[Timed], BarMap]":
    """A session's title, the player's events, the machine's, and the bars; SessionError when it has no note."""
    from livegen.files.bar_map import lay_bars
    from livegen.ipc.marks import marks_of
    from livegen.recording.format import read_session
    from livegen.recording.library import find_session, sessions_folder
    from livegen.recording.tracks import first_note_ns, track
    from livegen.session.summary import is_empty

    path = find_session(name, folder or sessions_folder())
    found = read_session(path)
    if is_empty(found):
        raise SessionError(f"{path}: nothing was played in this session; to list them all: livegen session list")
    bars = lay_bars(marks_of(found), first_note_ns(found))
    return path.stem, track(found, "player"), track(found, "machine"), bars
