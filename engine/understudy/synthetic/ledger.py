"""Which frames of a shot or set are finished, so that a run that was killed can go on.

While a folder is written, `finished.jsonl` holds the settings on its first line and one finished frame on each further
line. When all is done, everything is put in order into `truth.json`, and the jsonl file goes away.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from understudy.durable import append_line, write_text
from understudy.errors import SettingsError

__all__ = ["SCHEMA", "Ledger"]

SCHEMA = "understudy.synthetic"
_VERSION = 1

Record = dict[str, Any]


class Ledger:
    """The finished frames of one folder.

    Args:
        folder: Is made when it is not there.
        settings: What the folder is made with; JSON values.
        files: The pictures that it will hold, paths inside the folder with slashes, in the order of the truth.

    Raises:
        SettingsError: The folder was made with other settings, or holds files that are not ours.
        WriteError: The folder cannot be written.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], files: Sequence[str]) -> None:
        self.folder = folder
        self.truth_path = folder / "truth.json"
        self._journal = folder / "finished.jsonl"
        self._settings = json.loads(json.dumps(settings))
        self._files = tuple(files)
        self._records: dict[str, Record] = {}
        is_new = not (self.truth_path.exists() or self._journal.exists())
        self._load_truth()
        self._load_journal()
        if is_new:
            self._check_empty()
        if not self.truth_path.exists() or self._journal.exists():
            self._rewrite_journal()  # without the torn line that a kill may have left at its end

    @property
    def is_complete(self) -> bool:
        """True when every picture is finished."""
        return all(self.is_finished(file) for file in self._files)

    def is_finished(self, file: str) -> bool:
        """True when the picture was recorded and its files are still there."""
        record = self._records.get(file)
        return record is not None and all((self.folder / name).is_file() for name in record["files"])

    def add(self, record: Record) -> None:
        """Records a finished picture; `record["files"]` names its files, the first of which names the record."""
        self._keep([record])
        if not self._journal.exists():
            self._rewrite_journal()
            return
        append_line(self._journal, _line(record).rstrip("\n"))

    def close(self) -> None:
        """Writes the truth and removes the journal; every picture must be finished.

        Pictures that an earlier run made, and this one was not asked for, come last.
        """
        ordered = dict.fromkeys((*self._files, *self._records))
        truth = {**self._header(), "frames": [self._records[file] for file in ordered]}
        write_text(self.truth_path, json.dumps(truth, separators=(",", ":")) + "\n")
        self._journal.unlink(missing_ok=True)

    def _keep(self, records: Iterable[Record]) -> None:
        self._records |= {record["files"][0]: record for record in records}

    def _header(self) -> dict[str, Any]:
        return {"schema": SCHEMA, "version": _VERSION, "settings": self._settings}

    def _load_truth(self) -> None:
        if not self.truth_path.exists():
            return
        try:
            truth = json.loads(self.truth_path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise self._foreign(self.truth_path) from error
        self._check_header(truth, self.truth_path)
        self._keep(record for record in truth.get("frames", []) if _is_record(record))

    def _load_journal(self) -> None:
        """Takes the whole lines; the last one of a killed run may be torn."""
        if not self._journal.exists():
            return
        try:
            text = self._journal.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise self._foreign(self._journal) from error
        header, *lines = [_parsed(line) for line in text.splitlines()] or [None]
        self._check_header(header, self._journal)
        self._keep(line for line in lines if _is_record(line))

    def _rewrite_journal(self) -> None:
        write_text(self._journal, "".join(_line(line) for line in (self._header(), *self._records.values())))

    def _check_header(self, found: Any, path: Path) -> None:
        theirs = found.get("settings") if isinstance(found, dict) and found.get("schema") == SCHEMA else None
        if not isinstance(theirs, dict) or found.get("version") != _VERSION:
            raise self._foreign(path)
        differing = sorted(name for name in {*theirs, *self._settings} if theirs.get(name) != self._settings.get(name))
        if differing:
            changes = ", ".join(f"{name} {theirs.get(name)}, not {self._settings.get(name)}" for name in differing)
            raise SettingsError(
                f"{self.folder} was made with {changes}; name another folder, or delete this one first.",
                folder=str(self.folder),
                differing=tuple(differing),
            )

    def _check_empty(self) -> None:
        """A picture that lies in a folder without a ledger is somebody else's."""
        for file in self._files:
            if (self.folder / file).exists():
                raise SettingsError(
                    f"{self.folder / file} is there already and was not rendered here; name another folder.",
                    folder=str(self.folder),
                )

    def _foreign(self, path: Path) -> SettingsError:
        return SettingsError(
            f"{path} was not written by this version of the synthetic performers; name another folder.",
            folder=str(self.folder),
        )


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":")) + "\n"


def _parsed(line: str) -> Any:
    """The value of a line of JSON; None when it is torn."""
    try:
        return json.loads(line)
    except ValueError:
        return None


def _is_record(value: Any) -> bool:
    files = value.get("files") if isinstance(value, dict) else None
    return isinstance(files, list) and bool(files) and all(isinstance(file, str) for file in files)
