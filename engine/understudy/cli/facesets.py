"""Commands on facesets: `faceset NAME` lists, sorts, filters and curates; `faceset merge`, `faceset split`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from understudy.cli.extracted import print_summary
from understudy.cli.project import DRY_RUN
from understudy.cli.terminal import JSON, print_facts, print_json, say
from understudy.errors import SettingsError
from understudy.settings.project import ProjectFolder

if TYPE_CHECKING:
    from understudy.jobs.facesets import CuratedFaceset

__all__ = ["faceset"]

_MOST_LISTED = 40


class _ShowsByDefault(TyperGroup):
    """A group in which `faceset anna` means `faceset show anna`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("--help", "-h"):
            args = ["show", *args]
        return super().parse_args(ctx, args)


faceset = typer.Typer(help="What a faceset holds, and which of it is used.", cls=_ShowsByDefault, no_args_is_help=True)

_NAME = typer.Argument(metavar="NAME", help="The identity.")


@faceset.command("show")
def show(
    context: typer.Context,
    identity: Annotated[str, _NAME],
    where: Annotated[
        list[str] | None, typer.Option(metavar="COND", help="Only crops such as 'sharpness<0.3'. May be repeated.")
    ] = None,
    sort: Annotated[
        str | None, typer.Option(metavar="FIELD", help="Least first; -FIELD for the greatest first.")
    ] = None,
    duplicates: Annotated[
        float | None, typer.Option(metavar="S", help="Only repeats: crops at least so similar (0..1) to a better one.")
    ] = None,
    drop: Annotated[bool, typer.Option("--drop", help="Leave the chosen crops out.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave all but the chosen crops out.")] = False,
    restore: Annotated[bool, typer.Option("--restore", help="Bring the chosen crops back.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take back the last decision.")] = False,
    sheet: Annotated[bool, typer.Option("--sheet", help="Also write a contact sheet, as PNG.")] = False,
    by: Annotated[Literal["frames", "pose"], typer.Option(help="How the sheet is laid out.")] = "frames",
    for_shot: Annotated[
        str | None, typer.Option("--for", metavar="SHOT", help="Also say what the shot needs that the set lacks.")
    ] = None,
    report: Annotated[bool, typer.Option("--report", help="Write the page report.html anew.")] = False,
    dry_run: Annotated[bool, DRY_RUN] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Say what a faceset holds; list, sort and filter its crops; leave some out. `show` itself need not be written."""
    folder = ProjectFolder.open(context.obj)
    folder.identity(identity)
    actions = [name for name, is_asked in _named(drop=drop, keep=keep, restore=restore, undo=undo) if is_asked]
    chosen = _chosen(folder, identity, where or (), sort, duplicates, actions, dry_run)
    facts = _facts(folder, identity, for_shot)
    if chosen is not None:
        facts |= chosen.to_json()
    if not dry_run:
        facts |= _written(folder, identity, chosen, by if sheet else None, report)
    if as_json:
        print_json(facts)
        return
    if chosen is None or actions == ["undo"]:
        _print_whole(identity, facts)
    else:
        _print_chosen(identity, chosen)
    for action in actions:
        count = len(chosen.changed) if chosen else 0
        say(f"{'would change' if dry_run else 'changed'} {count} crops ({action}); take it back with --undo")
    for name in ("sheet", "report"):
        if name in facts:
            say(facts[name])
    for gap in facts.get("gaps", ()):
        say(gap["sentence"])
    if facts.get("gaps") == []:
        say(f"{identity} has what {for_shot} needs.")


@faceset.command("merge")
def merge(
    context: typer.Context,
    into: Annotated[str, typer.Argument(metavar="INTO", help="The identity whose faceset grows.")],
    others: Annotated[
        list[str], typer.Argument(metavar="FROM", help="Identities, or folders of facesets of other projects.")
    ],
    dry_run: Annotated[bool, DRY_RUN] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Copy the crops of other facesets of the same performer into one."""
    from understudy.jobs.faceset_merge import merge_facesets

    made = merge_facesets(ProjectFolder.open(context.obj), into, others, dry_run)
    if as_json:
        print_json([one.to_json() for one in made])
        return
    for one in made:
        renamed = ", ".join(f"{name} as {new}" for name, new in one.shots.items() if name != new)
        did = "would copy" if dry_run else "copied"
        say(
            f"{one.place}: {did} {len(one.copied)} crops, {one.kept} are there already" + f"; {renamed}" * bool(renamed)
        )


@faceset.command("split")
def split(
    context: typer.Context,
    identity: Annotated[str, _NAME],
    held_out: Annotated[str, typer.Option(metavar="10%|N", help="How much; 0 for nothing.")],
    by: Annotated[
        Literal["block", "shot"], typer.Option(help="Runs of neighbouring frames, or whole shots.")
    ] = "block",
    dry_run: Annotated[bool, DRY_RUN] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Hold a part of a faceset out of training, to measure models on."""
    from understudy.jobs.facesets import split_faceset

    made = split_faceset(ProjectFolder.open(context.obj), identity, held_out, by, dry_run)
    facts = made.to_json()
    if as_json:
        print_json(facts)
        return
    say(f"{'would hold' if dry_run else 'holds'} {facts['count']} crops out, {made.learned} are learned from")
    for shot, frames in facts["held_out"].items():
        say(f"  {shot} {frames}")


def _named(**flags: bool) -> list[tuple[str, bool]]:
    return list(flags.items())


def _chosen(
    folder: ProjectFolder,
    identity: str,
    where: Sequence[str],
    sort: str | None,
    duplicates: float | None,
    actions: Sequence[str],
    dry_run: bool,
) -> CuratedFaceset | None:
    """The crops that are meant, with what was decided about them; None when the whole set is only looked at."""
    from understudy.jobs.facesets import choose_crops, curate

    is_filtered = bool(where) or duplicates is not None
    if not is_filtered and sort is None and not actions:
        return None
    if len(actions) > 1:
        raise SettingsError(f"--{' and --'.join(actions)} cannot be meant together; give one of them.")
    if actions and actions[0] in ("drop", "keep") and not is_filtered:
        raise SettingsError(f"--{actions[0]} needs to know which crops: add --where, such as --where 'sharpness<0.3'.")
    chosen = choose_crops(folder, identity, where, sort, duplicates)
    if not actions:
        return chosen
    if actions[0] != "undo" and not chosen.chosen:
        raise SettingsError(f"No crop of faceset '{identity}' is meant, so nothing was changed.")
    words = [*(f"where {one}" for one in where), *([f"duplicates {duplicates:g}"] if duplicates is not None else [])]
    return curate(folder, chosen, actions[0], " ".join((actions[0], *words)), dry_run)


def _facts(folder: ProjectFolder, identity: str, for_shot: str | None) -> dict[str, Any]:
    from understudy.jobs.faceset_gaps import gaps_for_shot
    from understudy.jobs.inspect import describe_faceset

    facts = describe_faceset(folder.faceset(identity))
    if for_shot is not None:
        facts["gaps"] = [gap.to_json() for gap in gaps_for_shot(folder, identity, for_shot)]
    return facts


def _written(
    folder: ProjectFolder,
    identity: str,
    chosen: CuratedFaceset | None,
    sheet_by: Literal["frames", "pose"] | None,
    report: bool,
) -> dict[str, str]:
    """The pictures and pages that were asked for, by name."""
    from understudy.jobs.extract_report import write_report
    from understudy.jobs.faceset_sheet import write_faceset_sheet

    made = {}
    if sheet_by is not None:
        records = None if chosen is None else [crop.record for crop in chosen.chosen]
        made["sheet"] = str(write_faceset_sheet(folder, identity, sheet_by, records))
    if report:
        made["report"] = str(write_report(folder, identity))
    return made


def _print_whole(identity: str, facts: dict[str, Any]) -> None:
    hidden = ("poses", "sizes", "gaps", "sheet", "report", "chosen", "duplicates", "changed")
    print_facts(f"faceset {identity}", {name: value for name, value in facts.items() if name not in hidden})
    if "sizes" in facts:
        print_summary("", facts)


def _print_chosen(identity: str, chosen: CuratedFaceset) -> None:
    if chosen.groups:
        say(f"{len(chosen.groups)} groups of near-duplicates; of each the first is worth keeping:")
        for group in chosen.groups[:_MOST_LISTED]:
            say("  " + ", ".join(f"{crop.record.shot} {crop.record.frame}" for crop in group))
    rows = [crop.to_json() for crop in chosen.chosen]
    if not rows:
        say(f"No crop of faceset {identity} is so.")
        return
    say(f"{len(rows)} of {len(chosen.faceset.records)} crops of {identity}")
    names = list(dict.fromkeys(name for row in rows for name in row))
    shown = [{name: str(row.get(name, "-")) for name in names} for row in rows[:_MOST_LISTED]]
    widths = {name: max(len(name), *(len(row[name]) for row in shown)) for name in names}
    for row in ({name: name for name in widths}, *shown):
        say("  " + " ".join(row[name].rjust(width) for name, width in widths.items()))
    if len(rows) > _MOST_LISTED:
        say(f"and {len(rows) - _MOST_LISTED} more: --json lists all")
