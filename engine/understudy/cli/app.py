"""The command `understudy`: its options for all commands, and how it ends."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import Abort, TyperException

from understudy import __version__
from understudy.cli import terminal
from understudy.cli.bench_faces import bench_faces
from understudy.cli.bench_train import bench
from understudy.cli.bench_transfer import bench_transfer
from understudy.cli.engine import engine, jobs
from understudy.cli.exporting import export
from understudy.cli.facesets import faceset
from understudy.cli.install import installing
from understudy.cli.looking import looking
from understudy.cli.making import making
from understudy.cli.matting import matting
from understudy.cli.planning import planning
from understudy.cli.project import identity, project, shot
from understudy.cli.synth import synth
from understudy.cli.training import training
from understudy.errors import UnderstudyError

__all__ = ["app", "main"]

_LOGGER = logging.getLogger(__name__)

app = typer.Typer(
    name="understudy",
    help="Face replacement for film plates: float and scene-linear from plate to EXR.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
bench.command("faces")(bench_faces)
for part in (project, making, matting, training, planning, looking, engine, installing):
    app.registered_commands.extend(part.registered_commands)
bench.registered_commands.extend(bench_transfer.registered_commands)
app.add_typer(shot, name="shot")
app.add_typer(identity, name="identity")
app.add_typer(faceset, name="faceset")
app.add_typer(synth, name="synth")
app.add_typer(bench, name="bench")
app.add_typer(jobs, name="jobs")
app.add_typer(export, name="export")


def _show_version(wanted: bool) -> None:
    if wanted:
        terminal.say(f"understudy {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    directory: Annotated[Path, typer.Option("-C", metavar="DIR", help="The project folder.")] = Path(),
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more of what goes on.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version
    context.obj = directory
    terminal.configure_logging(verbose)


def main(arguments: list[str] | None = None) -> int:
    """Runs one command line; returns its exit code: 0 done, 1 failed, 2 not meant, 130 stopped."""
    terminal.configure_logging(verbose=False)
    try:
        answer = typer.main.get_command(app).main(args=arguments, prog_name="understudy", standalone_mode=False)
        return int(answer) if isinstance(answer, int) else 0
    except UnderstudyError as error:
        _LOGGER.debug("where it came from", exc_info=error)
        terminal.report_error(error.message)
        return error.exit_code
    except TyperException as error:
        terminal.report_error(f"{error.format_message()} See: understudy --help")
        return 2
    except (KeyboardInterrupt, Abort, terminal.Stopped):
        terminal.announce("Stopped. What was finished is kept; the same command goes on from there.")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
