"""The commands of livegen service: a systemd unit for a computer that plays from power-on."""

import subprocess
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from livegen.appliance.systemd_unit import Scope, Service, shut_to_others, systemd_version, unit_folder
from livegen.errors import LivegenError
from livegen.settings import load
from livegen.terminal import show
from livegen.usage import Commands

service = typer.Typer(
    name="service", cls=Commands, help="Install livegen as a systemd service: it plays from power-on."
)

_BOOTED = Path("/run/systemd/system")  # sd_booted(3)

OfSystem = Annotated[bool, typer.Option("--system/--user", help="A service of the computer, or of your login.")]
To = Annotated[Path | None, typer.Option(help="The folder for the unit; the default is systemd's own.")]


@service.command(epilog="Example: sudo livegen service install /etc/livegen/installation.toml")
def install(
    config: Annotated[Path, typer.Argument(metavar="SETTINGS.toml", help="As livegen config installation writes one.")],
    system: OfSystem = True,  # noqa: FBT002 (typer makes it a flag)
    to: To = None,
    user: Annotated[str, typer.Option("--as", help="The user to run as; with JACK, the user of its server.")] = "",
    only_print: Annotated[bool, typer.Option("--print", help="Only print the unit.")] = False,  # noqa: FBT002
) -> None:
    """Write a unit for systemd, and start it.

    It starts livegen now, at every boot, and after every crash; it is hardened.
    """
    from livegen.model.bundle import load_bundle

    settings = load(config)
    for model in filter(None, (settings.play.model, settings.installation.fallback_model)):
        load_bundle(model)  # refuses a model that could not play
    scope: Scope = "system" if system else "user"
    if settings.ports.system == "jack" and system and not user:
        raise LivegenError(f"{config}: JACK accepts only the user who runs its server; give that user: --as NAME")
    made = Service(settings, config.resolve(), scope, user, systemd_version())
    shut = [path for path in map(shut_to_others, made.needs()) if path and system and not user]
    if shut and not only_print:
        raise LivegenError(f"{shut[0]}: the service's own user may not read this; run the service as yours: --as NAME")
    if only_print:
        show(made.unit(), ends=False)
        return
    path = (to or unit_folder(scope)) / made.file_name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made.unit(), encoding="utf-8")
    except OSError as error:
        _refuse(path, error)
    show(f"written: {path}")
    _print_next(scope, to, "daemon-reload")
    _print_next(scope, to, "enable", "--now", made.file_name)


@service.command(epilog="Example: sudo livegen service uninstall")
def uninstall(
    name: Annotated[str, typer.Option(help="Name of the virtual ports and of the service.")] = "livegen",
    system: OfSystem = True,  # noqa: FBT002 (typer makes it a flag)
    to: To = None,
) -> None:
    """Stop the service, and remove its unit.

    Settings and recordings stay.
    """
    scope: Scope = "system" if system else "user"
    path = (to or unit_folder(scope)) / f"{name}.service"
    if not path.exists():
        raise LivegenError(f"{path}: no such unit; livegen service install writes it")
    _print_next(scope, to, "disable", "--now", path.name)
    try:
        path.unlink()
    except OSError as error:
        _refuse(path, error)
    show(f"removed: {path}")
    _print_next(scope, to, "daemon-reload")


def _print_next(scope: Scope, to: Path | None, *words: str) -> None:
    """Run systemctl; where systemd does not run, or with a folder ``to``, print the command instead."""
    command = ["systemctl", *([] if scope == "system" else ["--user"]), *words]
    if to or not _BOOTED.exists():
        show(f"then: {' '.join(command)}")
        return
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise LivegenError(f"{' '.join(command)}: {error.strerror}") from None
    if done.returncode:
        raise LivegenError(f"{' '.join(command)}: {' '.join(done.stderr.split())}")
    show(f"done: {' '.join(command)}")


def _refuse(path: Path, error: OSError) -> NoReturn:
    raise LivegenError(f"{path}: {error.strerror}; use sudo, or --user for a service of your login") from None
