"""The command line: parse, call, print.

Each command imports what it needs when it runs, so that the port process stays small.
"""

import functools
import os
import secrets
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, get_args

import typer

from livegen.appliance.commands import service
from livegen.bench.commands import bench
from livegen.errors import CommandError, LivegenError, SessionError
from livegen.key_names import key_name, read_key
from livegen.session.commands import SESSION, Folder, session
from livegen.settings import Parameter, Settings, load
from livegen.settings import Role as RoleName
from livegen.settings_file import own_file
from livegen.shipped import shipped_models
from livegen.terminal import AsJson, complain, log, print_figures, print_table, progress, show, show_json
from livegen.terminal_log import TerminalLog
from livegen.usage import Commands, explain

if TYPE_CHECKING:
    from livegen.daemon.status_file import Figures

app = typer.Typer(
    name="livegen",
    cls=Commands,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(bench, name="bench")
app.add_typer(service, name="service")
app.add_typer(session, name="session")

JAM_MODEL = "touch"  # a pianist; a settings file that runs unattended keeps the model of ``Play``
_SEEDS = 1_000_000  # fresh seeds are short enough to be typed


def _show_version(is_asked: bool) -> None:  # noqa: FBT001 (typer calls it)
    if is_asked:
        from livegen.version import RUNNING

        show(f"livegen {RUNNING}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[  # noqa: FBT002 (typer makes it a flag)
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Play a phrase, and a neural network answers, in time, as MIDI."""


Role = Annotated[
    str | None,
    typer.Option(
        help="Who plays when: respond, accompany, harmonise, solo.",
        show_default=False,
        autocompletion=lambda: get_args(RoleName),
    ),
]


def _from_here(model: str | None) -> str | None:
    """Make a typed path absolute, so that it may contain ``..``; a path in a settings file may not."""
    return os.path.abspath(model) if model and model.endswith(".onnx") and model[0] != "~" else model


Model = Annotated[
    str | None,
    typer.Option(
        help="A shipped model's name, or the path of an .onnx file.",
        callback=_from_here,
        autocompletion=lambda: list(shipped_models()),
    ),
]
Seed = Annotated[str | None, typer.Option(metavar="NUMBER", help="The same seed gives the same music.")]
Tempo = Annotated[str | None, typer.Option(metavar="NUMBER", help="Beats a minute; 0: found in the phrase.")]
KeyName = Annotated[
    str | None, typer.Option("--key", metavar="KEY", help="'G', 'F# minor', ...; default: found in what you play.")
]
Learn = Annotated[
    str | None,
    typer.Option(
        help="What the next knob that you move will set: density, temperature, ...",
        autocompletion=lambda: get_args(Parameter),
    ),
]


@app.command(epilog="Example: livegen jam --sound --thru --role harmonise")
def jam(
    role: Role = None,
    model: Model = None,
    seed: Seed = None,
    input_name: Annotated[str | None, typer.Option("--in", help="Listen to this port only.")] = None,
    output_name: Annotated[
        str | None, typer.Option("--out", help="Play to this port, besides the virtual output.")
    ] = None,
    clock: Annotated[str | None, typer.Option(help="Source of the beat: player, internal, midi, link.")] = None,
    tempo: Tempo = None,
    key: KeyName = None,
    learn: Learn = None,
    config: Annotated[Path | None, typer.Option(help="A settings file; the default is your own.")] = None,
    record: Annotated[
        str | None, typer.Option(help="Record the session into this folder; see livegen session.")
    ] = None,
    sound: Annotated[bool, typer.Option("--sound", help="Be heard: start FluidSynth, and play through it.")] = False,  # noqa: FBT002 (typer makes it a flag)
    thru: Annotated[bool, typer.Option("--thru", help="Play your own notes, too.")] = False,  # noqa: FBT002
    name: Annotated[str | None, typer.Option(help="Name of the virtual ports.")] = None,
    midi: Annotated[str | None, typer.Option(help="MIDI system: auto, alsa, jack, core, windows.")] = None,
) -> None:
    """Play with livegen, live.

    It listens to every hardware keyboard and to its virtual input, and answers at its virtual output. Ctrl-C ends it.
    """
    named = bool(input_name or output_name) or None  # a port that was typed must be there
    overrides: dict[str, dict[str, Any]] = {
        "play": {"role": role, "model": model, "seed": seed, "key": key},
        "time": {"clock": clock, "tempo_bpm": tempo},
        "ports": {"input": input_name, "output": output_name, "name": name, "system": midi, "require": named}
        | {"thru": "on" if thru else None},
        "sound": {"on": sound or None},
        "daemon": {"record": record},
    }
    _play(config or own_file(), overrides, learn, is_there=config is not None and learn is None, model=JAM_MODEL)


@app.command(epilog="Example: livegen run band.toml")
def run(config: Annotated[Path, typer.Argument(metavar="SETTINGS.toml", help="A settings file.")]) -> None:
    """Play as a settings file says, until Ctrl-C."""
    _play(config, {}, None, is_there=True)


@app.command(epilog="Example: livegen config")
def config(
    example: Annotated[
        str, typer.Argument(help="default (all settings), keyboard, daw, band or installation.")
    ] = "default",
    to: Annotated[
        Path | None, typer.Option(help="The file to write; the default is your own, which jam reads.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there; a copy is kept.")] = False,  # noqa: FBT002
    only_show: Annotated[bool, typer.Option("--show", help="Print it, and write nothing.")] = False,  # noqa: FBT002
) -> None:
    """Write a settings file to begin with.

    It has all settings, each commented out with its default, or is an example.
    """
    from livegen.tools.config_file import config_text, write_config

    if only_show:
        show(config_text(example), ends=False)
    else:
        show(write_config(example, to, is_forced=force))


@app.command(epilog="Example: livegen status")
def status(
    name: Annotated[str, typer.Option(help="Name of the virtual ports.")] = "livegen",
    as_json: AsJson = False,  # noqa: FBT002 (typer makes it a flag)
) -> None:
    """Show how a running livegen does, and what is to do.

    Exit status 0: all is well; 1: something is to do; 3: livegen does not run.
    """
    from livegen.daemon.status_file import read_status
    from livegen.tools.status_report import as_text, to_do

    found = read_status(name)
    if as_json:
        show_json({**found, "to_do": to_do(found)})
    else:
        show(as_text(found))
    if to_do(found):
        raise typer.Exit(1)


@app.command(epilog="Example: livegen support /etc/livegen/installation.toml --to support.zip")
def support(
    config: Annotated[Path | None, typer.Argument(help="The settings file of the installation.")] = None,
    to: Annotated[Path, typer.Option(help="The file to write.")] = Path("livegen-support.zip"),
    with_music: Annotated[bool, typer.Option("--with-music", help="Add the newest recordings.")] = False,  # noqa: FBT002
) -> None:
    """Write one file for whoever helps you.

    It has what doctor and status say, the settings, the last lines and the versions; music only with --with-music.
    """
    from livegen.appliance.support_bundle import write_bundle

    for name in write_bundle(to, load(config), with_music=with_music):
        show(f"  {name}")
    show(f"written: {to}; read it before you send it")


@app.command(epilog="Example: livegen demo --out-dir /tmp")
def demo(
    model: Model = None,
    seed: Seed = None,
    out_dir: Annotated[Path, typer.Option(help="The folder for demo.wav, demo.mid and demo.png.")] = Path("."),
    figures: Annotated[bool, typer.Option("--figures", help="Print how exact it was.")] = False,  # noqa: FBT002
) -> None:
    """Hear and see livegen without any hardware.

    A hymn is played to it, in real time; the sound, the music and a picture are written.
    """
    from livegen.tools.demo import run_demo

    settings = load(None, {"play": {"model": model, "seed": seed}, "ports": {"name": "livegen-demo"}})
    measured = run_demo(settings, out_dir, show)
    if figures:
        show(_figures_line(measured))


@app.command(epilog="Example: livegen render tune.mid answer.mid --seed 7 --picture answer.png")
def render(
    source: Annotated[Path, typer.Argument(metavar="IN.mid", help="The player's phrases.")],
    target: Annotated[Path, typer.Argument(metavar="OUT.mid", help="Player and machine, a track each.")],
    role: Role = None,
    model: Model = None,
    seed: Seed = None,
    tempo: Tempo = None,
    key: KeyName = None,
    picture: Annotated[Path | None, typer.Option(help="A piano roll to write (PNG).")] = None,
) -> None:
    """Answer a MIDI file, as fast as possible.

    It answers as in live playing; the phrases and the answers are written.
    """
    from livegen.tools.render import render_file

    settings = load(
        None, {"play": {"role": role, "model": model, "seed": seed, "key": key}, "time": {"tempo_bpm": tempo}}
    ).with_seed(0)
    with progress("seconds of music") as report:
        said = render_file(source, target, settings, picture, report)
    show(said)


@app.command(epilog="Example: livegen replay 2026-11-21_20-00-00 again.mid")
def replay(
    name: SESSION,
    target: Annotated[Path | None, typer.Argument(metavar="[OUT.mid]", help="The replayed music.")] = None,
    model: Annotated[list[Path] | None, typer.Option(help="A model file that the session needs.")] = None,
    folder: Folder = None,
    as_json: AsJson = False,  # noqa: FBT002 (typer makes it a flag)
) -> None:
    """Play a session again, and compare.

    It says that the music is the same, byte for byte, or where it differs; exit status 1 too if a part is missing.
    """
    from livegen.session.replay import replay_export

    with progress("records") as report:
        figures = replay_export(name, folder, target, model or [], report)
    print_figures(figures, as_json=as_json)
    if figures["missing"] != "nothing":
        raise SessionError(figures["missing"])


@app.command(epilog="Example: livegen harmonise melody.mid chorale.mid --beam 8")
def harmonise(
    source: Annotated[Path, typer.Argument(metavar="IN.mid", help="A melody; of chords, the highest note is used.")],
    target: Annotated[Path, typer.Argument(metavar="OUT.mid", help="Four voices, a track each.")],
    beam: Annotated[int, typer.Option(min=1, max=64, help="How many harmonies to compare: more takes longer.")] = 8,
    model: Annotated[
        str, typer.Option(help="A shipped chorale model, or the path of an .onnx file.", callback=_from_here)
    ] = "bach",
    key: KeyName = None,
) -> None:
    """Add alto, tenor and bass to a melody.

    A picture (PNG) is written beside OUT.mid. The same melody gives the same harmony.
    """
    from livegen.tools.harmonise_file import harmonise_file

    with progress("sixteenths") as report:
        said = harmonise_file(source, target, model=model, beam=beam, key=key, report=report)
    show(said)


@app.command(epilog="Example: livegen train my-music/ --from piano-lstm --to mine.onnx")
def train(
    music: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Your music: MIDI, MusicXML, kern, ABC; recorded sessions.")
    ],
    base: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="MODEL",
            help="Tune this model, in minutes: a shipped model's name, or the path of an .onnx file.",
            callback=_from_here,
            autocompletion=lambda: list(shipped_models()),
        ),
    ] = None,
    to: Annotated[Path | None, typer.Option(help="The model file to write; the default is FOLDER.onnx, here.")] = None,
    tiny: Annotated[bool, typer.Option("--tiny", help="Without --from: a small network, in minutes.")] = False,  # noqa: FBT002
) -> None:
    """Make a model of your own music.

    With --from a model is tuned to it, in minutes; without, a new one is trained, in an hour or more.
    """
    from livegen.installed import check_extra

    check_extra("train", "livegen train", ("torch", "onnx", "onnxscript", "music21", "safetensors"))
    if base and tiny:
        raise CommandError("--tiny is for a new network; one that --from names keeps its size")
    if base:
        from export.own_style import tune_to

        tune_to(music, base, to or Path(f"{music.resolve().stem}.onnx"), show, progress)
    else:
        from export.__main__ import train_folder

        train_folder(music, to, is_tiny=tiny)


@app.command(epilog="Example: livegen ports")
def ports(as_json: AsJson = False) -> None:  # noqa: FBT002 (typer makes it a flag)
    """List the MIDI ports, and which of them jam would listen to."""
    from livegen.tools.doctor import describe_ports

    found = describe_ports(load().ports)
    print_table(found, {name: name for name in ("direction", "name", "jam")}, as_json=as_json)
    if not found and not as_json:
        show("no MIDI ports yet: plug in a keyboard, or start a program that has some")


@app.command(epilog="Example: livegen models")
def models(
    figures: Annotated[bool, typer.Option("--figures", help="Show network, codec, size and accuracy, too.")] = False,  # noqa: FBT002
    as_json: AsJson = False,  # noqa: FBT002 (typer makes it a flag)
) -> None:
    """List the models: what each plays, and in which roles."""
    from livegen.tools.doctor import describe_models

    columns = {"name": "name", "what it plays": "plays", "roles": "roles"}
    if figures:
        columns |= {"title": "title", "codec": "codec", "size": "size", "accuracy": "figure"}
    found = describe_models()
    rows = found if as_json else [{**row, "roles": ", ".join(row["roles"])} for row in found]
    print_table(rows, columns, as_json=as_json)


@app.command(epilog="Example: livegen doctor")
def doctor(
    config: Annotated[Path | None, typer.Argument(help="The settings file of an installation.")] = None,
    details: Annotated[bool, typer.Option("--details", help="Show what a technician wants to know, too.")] = False,  # noqa: FBT002
    as_json: AsJson = False,  # noqa: FBT002 (typer makes it a flag)
) -> None:
    """Check what livegen needs, and say how to fix what is wrong.

    Exit status 1 when livegen cannot play.
    """
    from livegen.tools.doctor import examine

    report = examine(load(config))
    if as_json:
        show_json(report.as_dict())
    else:
        show(report.as_text(details=details))
    if not report.is_healthy:
        raise typer.Exit(1)


@app.command(epilog="Example: livegen uninstall")
def uninstall(
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: remove the state, keep the rest.")] = False,  # noqa: FBT002
    settings: Annotated[bool, typer.Option("--settings", help="With --yes: remove your settings, too.")] = False,  # noqa: FBT002
    recordings: Annotated[bool, typer.Option("--recordings", help="With --yes: your recordings, too.")] = False,  # noqa: FBT002
) -> None:
    """Show what livegen has left on this computer.

    It asks what to remove, and says how to remove livegen itself.
    """
    from livegen.appliance.uninstall import uninstall as remove_all

    asks = sys.stdin.isatty() and not yes
    if (settings or recordings) and not yes:
        raise CommandError("--settings and --recordings are for scripts, with --yes; without it livegen asks")
    wanted = {"state": yes, "settings": settings, "recordings": recordings}
    remove_all(show, typer.confirm if asks else lambda _: False, {what for what, is_so in wanted.items() if is_so})
    if not (yes or asks):
        show("nothing was removed, for there is no terminal to ask in: see livegen uninstall --help")


def main() -> None:
    """The entry point: every LivegenError becomes one line on stderr and an exit status other than 0."""
    try:
        status = app(sys.argv[1:] or ["--help"], standalone_mode=False)
    except LivegenError as error:
        _fail(str(error), error.exit_status)
    except typer.TyperException as error:
        _fail(explain(error), 2)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    sys.exit(status or 0)


def _fail(message: str, status: int) -> NoReturn:
    complain(f"livegen: {message}")
    sys.exit(status)


def _play(
    path: Path, overrides: dict[str, dict[str, Any]], learn: str | None, *, is_there: bool, model: str = ""
) -> None:
    """Run the daemon until Ctrl-C or SIGTERM, then print its figures. Unless ``is_there``, the file may be missing.

    ``model`` plays where no other is named.
    """
    from livegen.daemon.foreground import play
    from livegen.daemon.now_playing import NowPlaying

    seed = secrets.randbelow(_SEEDS)
    now_playing = NowPlaying()
    with TerminalLog(log, sys.stdout, now_playing.text) as say:
        say_once = functools.cache(say)

        def read() -> Settings:
            settings = load(path if is_there or path.exists() else None, overrides, say_once).with_seed(seed)
            return settings.with_model(model) if model else settings

        settings = read()
        greetings = _greetings(settings, is_fresh=settings.play.seed == seed)
        say(_summary_line(play(read, path, learn, say, now_playing, greetings), settings.daemon.record))


def _greetings(settings: Settings, *, is_fresh: bool) -> list[str]:
    """What to say at the start: the key and the tempo that were set, and a seed that is ``is_fresh``."""
    key, tempo_bpm, seed = settings.play.key, settings.time.tempo_bpm, settings.play.seed
    lines = []
    if key:
        tonic, is_minor = read_key(key)
        lines.append(f"key {key_name(tonic, is_minor=is_minor)}, as you set it")
    if tempo_bpm:
        lines.append(f"tempo {tempo_bpm:g} bpm, as you set it")
    if is_fresh:
        lines.append(f"seed {seed}: the same command with --seed {seed} plays the same again")
    return lines


def _summary_line(figures: "Figures", folder: str) -> str:
    """A session, which was recorded in ``folder``, in a line; ``livegen status`` has the delays while it runs."""
    late = f"; {figures.late_note_ons} of its notes were left out, for they were late" if figures.late_note_ons else ""
    cut = f"; {figures.hanging} were cut off when a device was unplugged" if figures.hanging else ""
    is_empty = not (figures.notes_in or figures.notes_out)
    found = "has no notes" if is_empty else f"is listed by: livegen session list --folder {shlex.quote(folder)}"
    recorded = f"; the recording in {folder} {found}" if folder else ""
    return f"you played {figures.notes_in} notes, livegen {figures.notes_out}{late}{cut}{recorded}"


def _figures_line(figures: "Figures") -> str:
    reaction = f"reaction p50 {figures.reaction_p50_ms:.2f} ms, p99 {figures.reaction_p99_ms:.2f} ms, "
    return (
        f"notes in {figures.notes_in}, notes out {figures.notes_out}, "
        f"delivery p50 {figures.delivery_p50_ms:.2f} ms, p99 {figures.delivery_p99_ms:.2f} ms, "
        f"{reaction if figures.reactions else ''}left out {figures.late_note_ons}, notes hanging {figures.hanging}"
    )


if __name__ == "__main__":
    main()
