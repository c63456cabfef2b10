"""The commands of livegen service: a box that plays from when it gets power."""

import subprocess
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from livegen.appliance.systemd_unit import Scope, Service, shut_to_others, systemd_version, unit_folder
from livegen.errors import LivegenError
from livegen.settings import load

service = typer.Typer(name="service", help="A box that plays from when it gets power: a unit for systemd.")

_BOOTED = Path("/run/systemd/system")  # sd_booted(3)

OfSystem = Annotated[bool, typer.Option("--system/--user", help="For the whole box, or for whoever is logged in.")]
To = Annotated[Path | None, typer.Option(help="The folder of the unit; systemd's own is the default.")]


@service.command(epilog="Example: sudo livegen service install /etc/livegen/installation.toml")
def install(
    config: Annotated[Path, typer.Argument(help="A settings file, as configs/live/installation.toml.")],
    system: OfSystem = True,  # noqa: FBT002 (typer makes it a flag)
    to: To = None,
    user: Annotated[str, typer.Option("--as", help="Who runs it; JACK needs whoever runs its server.")] = "",
    only_print: Annotated[bool, typer.Option("--print", help="Print the unit, write nothing.")] = False,  # noqa: FBT002
) -> None:
    """Write a hardened unit for systemd and start it: now, at every boot, and after whatever happens."""
    from livegen.model.bundle import load_bundle

    settings = load(config)
    load_bundle(settings.play.model)  # what could not play is not installed
    scope: Scope = "system" if system else "user"
    if settings.ports.system == "jack" and system and not user:
        raise LivegenError(f"{config}: JACK is open to whoever runs its server only; say who that is: --as NAME")
    made = Service(settings, config.resolve(), scope, user, systemd_version())
    shut = [path for path in map(shut_to_others, made.needs()) if path and system and not user]
    if shut and not only_print:
        raise LivegenError(f"{shut[0]}: only some may read this, and the service is nobody of them; --as NAME runs it")
    if only_print:
        typer.echo(made.unit(), nl=False)
        return
    path = (to or unit_folder(scope)) / made.file_name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made.unit(), encoding="utf-8")
    except OSError as error:
        _refuse(path, error)
    typer.echo(f"written: {path}")
    _print_next(scope, to, "daemon-reload")
    _print_next(scope, to, "enable", "--now", made.file_name)


@service.command(epilog="Example: sudo livegen service uninstall")
def uninstall(
    name: Annotated[str, typer.Option(help="Name of the virtual ports, and of the service.")] = "livegen",
    system: OfSystem = True,  # noqa: FBT002 (typer makes it a flag)
    to: To = None,
) -> None:
    """Stop the service and remove its unit; settings and recordings stay."""
    scope: Scope = "system" if system else "user"
    path = (to or unit_folder(scope)) / f"{name}.service"
    if not path.exists():
        raise LivegenError(f"{path}: no such unit; livegen service install writes it")
    _print_next(scope, to, "disable", "--now", path.name)
    try:
        path.unlink()
    except OSError as error:
        _refuse(path, error)
    typer.echo(f"removed: {path}")
    _print_next(scope, to, "daemon-reload")


def _print_next(scope: Scope, to: Path | None, *words: str) -> None:
    """Tell systemd; where it does not run, or the unit is not in a folder of its own, say what is to be told."""
    command = ["systemctl", *([] if scope == "system" else ["--user"]), *words]
    if to or not _BOOTED.exists():
        typer.echo(f"then: {' '.join(command)}")
        return
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise LivegenError(f"{' '.join(command)}: {error.strerror}") from None
    if done.returncode:
        raise LivegenError(f"{' '.join(command)}: {' '.join(done.stderr.split())}")
    typer.echo(f"done: {' '.join(command)}")


def _refuse(path: Path, error: OSError) -> NoReturn:
    raise LivegenError(f"{path}: {error.strerror}; with sudo, or --user for a service of your own") from None
