"""Writes the OCIO config for hosts, which knows the training space.

python ocio/make_config.py                       ocio/understudy.ocio, from the config that every host can load
python ocio/make_config.py BASE FILE             FILE, from another ACES config: a built-in name, or a path
"""

from __future__ import annotations

import sys
from pathlib import Path

from understudy.color.host_config import HOST_BASE, host_config_text
from understudy.durable import write_text

CHECKED_IN = Path(__file__).with_name("understudy.ocio")


def main(arguments: list[str]) -> None:
    """Writes the file that the arguments ask for."""
    if len(arguments) not in (0, 2):
        sys.exit(str(__doc__))
    base, path = (arguments[0], Path(arguments[1])) if arguments else (HOST_BASE, CHECKED_IN)
    write_text(path, host_config_text(base))
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
