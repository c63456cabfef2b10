"""The commands of ``livegen session``; each imports what it needs when it runs."""

from pathlib import Path
from typing import Annotated

import typer

from livegen.terminal import AsJson, print_figures, print_table, show
from livegen.usage import Commands

SESSION = Annotated[str, typer.Argument(metavar="SESSION", help="The session's name in the list, or its file's path.")]
Folder = Annotated[Path | None, typer.Option(help="The folder of the sessions; the default is in your state folder.")]

session = typer.Typer(cls=Commands, help="Recorded sessions: list, show, export, picture, save.", rich_markup_mode=None)


@session.command("list", epilog="Example: livegen session list --folder sessions")
def session_list(folder: Folder = None, as_json: AsJson = False) -> None:  # noqa: FBT002 (typer makes it a flag)
    """List the recorded sessions, the oldest first."""
    from livegen.recording.library import list_sessions, sessions_folder

    print_table(list_sessions(folder or sessions_folder()), ("name", "kb", "until"), as_json=as_json)


@session.command("show", epilog="Example: livegen session show 2026-11-21_20-00-00 --json")
def session_show(name: SESSION, folder: Folder = None, as_json: AsJson = False) -> None:  # noqa: FBT002 (typer makes it a flag)
    """Show a session's figures: length, notes, engines, and whether the file is damaged."""
    from livegen.recording.library import find_session, sessions_folder
    from livegen.session.summary import summary

    print_figures(summary(find_session(name, folder or sessions_folder())), as_json=as_json)


@session.command("export", epilog="Example: livegen session export 2026-11-21_20-00-00 evening.mid")
def session_export(
    name: SESSION,
    target: Annotated[Path, typer.Argument(metavar="OUT.mid", help="The MIDI file to write: player and machine.")],
    folder: Folder = None,
) -> None:
    """Write a session as a MIDI file: the player's notes, and the machine's as they were sent, in bars as heard."""
    from livegen.files.bar_map import lay_bars
    from livegen.files.midi_file import write_midi
    from livegen.ipc.marks import marks_of
    from livegen.recording.format import read_session
    from livegen.recording.library import find_session, sessions_folder
    from livegen.recording.tracks import first_note_ns, track

    found = read_session(find_session(name, folder or sessions_folder()))
    voices = [("player", track(found, "player")), ("machine", track(found, "machine"))]
    write_midi(target, voices, lay_bars(marks_of(found), first_note_ns(found)))
    show(str(target))


@session.command("picture", epilog="Example: livegen session picture 2026-11-21_20-00-00 evening.png")
def session_picture(
    name: SESSION,
    target: Annotated[Path, typer.Argument(metavar="OUT.png", help="The picture to write.")],
    folder: Folder = None,
) -> None:
    """Draw a session as a piano roll."""
    from livegen.files.bar_map import lay_bars
    from livegen.files.piano_roll import draw_roll
    from livegen.ipc.marks import marks_of
    from livegen.recording.format import read_session
    from livegen.recording.library import find_session, sessions_folder
    from livegen.recording.tracks import first_note_ns, track

    path = find_session(name, folder or sessions_folder())
    found = read_session(path)
    bars = lay_bars(marks_of(found), first_note_ns(found))
    draw_roll(target, track(found, "player"), track(found, "machine"), path.stem, bars)
    show(str(target))


@session.command("save", epilog="Example: livegen session save")
def session_save(
    name: Annotated[str, typer.Option(help="Name of the virtual ports.")] = "livegen",
    folder: Folder = None,
) -> None:
    """Save the last minutes of a livegen that runs or ran. livegen never deletes a saved session."""
    from livegen.midi_out.ledger import ledger_folder
    from livegen.recording.library import save_session, sessions_folder
    from livegen.recording.recent import recent_content

    show(str(save_session(recent_content(ledger_folder(), name), folder or sessions_folder())))
