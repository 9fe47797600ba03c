"""What the command line prints and how it is stopped: progress bars, tables, JSON, errors and Ctrl-C."""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.table import Table
from typer import Option

from understudy.progress import OnProgress, Progress

__all__ = [
    "JSON",
    "PRESET",
    "SETTINGS",
    "Stopped",
    "announce",
    "configure_logging",
    "print_facts",
    "print_json",
    "print_table",
    "report_error",
    "say",
    "watching",
]

JSON = Option("--json", help="One JSON document on stdout, nothing else.")
"""The option of every command that reads."""

PRESET = Option(metavar="NAME", help="See: understudy presets")
"""The option that names a preset."""

SETTINGS = Option("--set", metavar="FIELD=VALUE", help="Changes one setting; may be given several times.")
"""The option of every command whose settings can be changed."""

_OUT = Console(highlight=False, soft_wrap=True)
_ERR = Console(stderr=True, highlight=False, soft_wrap=True)
_PLAIN_SECONDS = 10.0
_WIDEST = 1000


class Stopped(Exception):  # noqa: N818  # a state, not an error
    """The user asked to stop, and the work stopped: exit code 130."""


class _RichHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        prefix = "[yellow]warning:[/] " if record.levelno >= logging.WARNING else ""
        _ERR.print(prefix + escape(record.getMessage()))


def configure_logging(verbose: bool) -> None:
    """Sends warnings, and with `verbose` everything, to the terminal's error stream."""
    logger = logging.getLogger("understudy")
    logger.handlers = [_RichHandler()]
    logger.setLevel(logging.DEBUG if verbose else logging.WARNING)
    logger.propagate = False


def say(text: str) -> None:
    """One line for the user, on stdout."""
    _OUT.print(escape(text))


def announce(text: str) -> None:
    """One line about what goes on, on stderr, so that stdout stays clean."""
    _ERR.print(escape(text))


def report_error(text: str) -> None:
    """The one line that an error is."""
    _ERR.print(f"[red]error:[/] {escape(text)}")


def print_json(value: Any) -> None:
    """One JSON document on stdout, and nothing else."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table on stdout; where it is wider than the terminal its lines go on below: nothing of it is cut."""
    table = Table(title=title, title_justify="left", header_style="bold", min_width=cell_len(title))
    for column in columns:
        table.add_column(column, no_wrap=True)
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row))
    width = max(_OUT.width, Measurement.get(_OUT, _OUT.options.update(max_width=_WIDEST), table).maximum)
    Console(highlight=False, width=width).print(table)


def print_facts(title: str, facts: Mapping[str, Any]) -> None:
    """Names and values, one on each line, on stdout."""
    _OUT.print(f"[bold]{escape(title)}[/]")
    width = max((len(name) for name in facts), default=0)
    for name, value in facts.items():
        _OUT.print(f"  {escape(name.ljust(width))}  {escape(str(value))}")


@contextmanager
def watching(quiet: bool = False) -> Iterator[OnProgress]:
    """A callback that draws progress bars on stderr, and is told to stop by Ctrl-C.

    The first Ctrl-C lets the frame or iteration in work be finished; the second one ends the process at once. Both lose
    nothing that was finished. Without a terminal, as on a farm, a plain line is printed every ten seconds.

    Args:
        quiet: Draw nothing.
    """
    stop = threading.Event()
    with _stopped_by_signals(stop):
        if quiet:
            yield lambda _: not stop.is_set()
        elif _ERR.is_terminal:
            yield from _with_bars(stop)
        else:
            yield _plain_lines(stop)


def _with_bars(stop: threading.Event) -> Iterator[OnProgress]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[message]}"),
    )
    with Bars(*columns, console=_ERR, transient=False) as bars:
        tasks: dict[str, TaskID] = {}

        def report(progress: Progress) -> bool:
            if progress.stage not in tasks:
                tasks[progress.stage] = bars.add_task(progress.stage, total=progress.total, message="")
            bars.update(
                tasks[progress.stage],
                completed=progress.done,
                total=progress.total,
                message=escape(progress.message),
            )
            return not stop.is_set()

        yield report


def _plain_lines(stop: threading.Event) -> OnProgress:
    last: dict[str, float] = {}

    def report(progress: Progress) -> bool:
        now = time.monotonic()
        is_last = progress.done >= progress.total
        if is_last or now - last.get(progress.stage, now - 2 * _PLAIN_SECONDS) >= _PLAIN_SECONDS:
            last[progress.stage] = now
            percent = 100 * progress.done / progress.total if progress.total else 100
            announce(f"{progress.stage}: {percent:.0f} % ({progress.done:g} of {progress.total:g}) {progress.message}")
        return not stop.is_set()

    return report


@contextmanager
def _stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_signal(number: int, _: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        announce("Stopping after what is in work; once more stops at once. Nothing finished is lost.")
        del number

    before: dict[int, Callable[..., Any] | int | None] = {
        number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
