"""Commands for the engine: serve, stop, and its jobs."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from understudy.cli.terminal import JSON, announce, print_facts, print_json, print_table, say

if TYPE_CHECKING:
    from understudy.client import JobStatus

__all__ = ["engine", "jobs"]

engine = typer.Typer()
jobs = typer.Typer(help="Jobs of the running engine.")

_ID = typer.Argument(metavar="ID", help="As `understudy jobs` lists it.")
_FOLLOW_S = 0.5
_BRIEF = 60


@engine.command("serve")
def serve(
    monitor: Annotated[
        bool, typer.Option("--monitor", help="Also serve a page for a browser; prints its URL.")
    ] = False,
    tcp: Annotated[bool, typer.Option("--tcp", help="Listen on 127.0.0.1 instead of a private socket.")] = False,
    device: Annotated[
        list[str] | None, typer.Option(metavar="D", help="cpu, cuda:0, ...; every GPU when left out.")
    ] = None,
) -> None:
    """Run the engine: it does the jobs of hosts until it is stopped."""
    from understudy.scheduler.scheduler import Scheduler
    from understudy.scheduler.store import default_state_folder
    from understudy.service.server import serve as serve_clients

    stop = threading.Event()
    _stop_by_signals(stop)
    state = default_state_folder()
    with ExitStack() as ending:
        scheduler = Scheduler(state, device)
        ending.callback(scheduler.close)
        lines = [f"engine: process {os.getpid()}, works on {', '.join(scheduler.devices)}, keeps its jobs in {state}"]
        if monitor:
            from understudy.monitor.server import start_monitor

            page = start_monitor(scheduler)
            ending.callback(page.close)
            lines.append(f"monitor: {page.url}")

        def tell() -> None:
            for line in lines:
                say(line)

        serve_clients(scheduler, tcp=tcp, on_ready=tell, stop_event=stop)
        announce("The engine ends: running jobs stop after what is in work, and can be resumed.")


@engine.command("stop")
def stop() -> None:
    """End the running engine; its running jobs stop and can be resumed."""
    from understudy.client import connect

    with connect() as running:
        running.stop()
    say("the engine ends")


@jobs.callback(invoke_without_command=True)
def jobs_list(
    context: typer.Context,
    here: Annotated[bool, typer.Option("--here", help="Only jobs of this project.")] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """List the jobs, newest first."""
    if context.invoked_subcommand is not None:
        return
    from understudy.client import connect

    project = str(context.obj.absolute()) if here else ""
    with connect() as running:
        known = [job.latest for job in running.jobs(project)]
    if as_json:
        print_json([asdict(status) for status in known])
        return
    rows = [
        (job.id, job.kind, _briefly(job.subject), job.state, _progress(job), _briefly(_moment(job))) for job in known
    ]
    print_table("Jobs", ("id", "kind", "of", "state", "progress", ""), rows)


@jobs.command("show")
def jobs_show(job: Annotated[str, _ID], as_json: Annotated[bool, JSON] = False) -> None:
    """Say everything that is known of a job."""
    from understudy.client import connect

    with connect() as running:
        status = running.job(job).status()
    if as_json:
        print_json(asdict(status))
        return
    facts: dict[str, Any] = {
        "state": status.state,
        "project": status.project,
        "device": status.device,
        "submitted": _clock(status.created),
        "started": _clock(status.started),
        "ended": _clock(status.ended),
        "progress": _progress(status),
        "now": _moment(status),
        **{f"asked {name}": value for name, value in status.request.items() if name != "project"},
        **{f"made {name}": value for name, value in status.results.items()},
    }
    facts = {name: value for name, value in facts.items() if value not in ("", None, [], ())}
    print_facts(f"{status.kind} of {status.subject}, job {status.id}", facts)


@jobs.command("log")
def jobs_log(
    job: Annotated[str, _ID],
    follow: Annotated[bool, typer.Option("--follow", help="Go on until the job has ended.")] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Print a job's log."""
    from understudy.client import connect

    lines: list[str] = []
    after = 0
    with connect() as running:
        watched = running.job(job)
        while True:
            has_ended = watched.status().is_ended
            tail = watched.log(after)
            after = tail.next
            lines.extend(tail.lines)
            if not as_json:
                for line in tail.lines:
                    say(line)
            if not tail.lines:
                if has_ended or not follow:
                    break
                time.sleep(_FOLLOW_S)
    if as_json:
        print_json({"lines": lines, "next": after})


@jobs.command("cancel")
def jobs_cancel(job: Annotated[str, _ID]) -> None:
    """Stop a job; what is finished stays."""
    from understudy.client import connect

    with connect() as running:
        _say_state(running.job(job).cancel())


@jobs.command("resume")
def jobs_resume(job: Annotated[str, _ID]) -> None:
    """Make a failed or canceled job wait again; it goes on where it stopped."""
    from understudy.client import connect

    with connect() as running:
        _say_state(running.job(job).resume())


@jobs.command("forget")
def jobs_forget(job: Annotated[str, _ID]) -> None:
    """Delete an ended job from the list; what it made stays."""
    from understudy.client import connect

    with connect() as running:
        running.job(job).forget()
    say(f"job {job} is forgotten")


def _say_state(status: JobStatus) -> None:
    say(f"job {status.id}, {status.kind} of {status.subject}: {status.state}")


def _progress(job: JobStatus) -> str:
    if not job.total:
        return job.stage
    percent = 100 * job.done / job.total
    left = "" if job.seconds_left is None else f", {_duration(job.seconds_left)} left"
    return f"{job.stage} {percent:.0f} %{left}"


def _moment(job: JobStatus) -> str:
    """What is worth knowing now: why it failed, why it stands still, or what it does."""
    return job.error.message if job.error else job.waits_for or job.message


def _briefly(text: str) -> str:
    """As much as a table has room for."""
    return text if len(text) <= _BRIEF else f"{text[: _BRIEF - 3]}..."


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _clock(moment: float | None) -> str:
    return "" if moment is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))


def _stop_by_signals(stop: threading.Event) -> None:
    """The first SIGINT or SIGTERM ends the engine cleanly; the second one at once, which costs the frame in work."""

    def on_signal(number: int, _: Any) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
