"""The command line: the same jobs as in the engine, from a terminal or a farm.

Exit codes: 0 done, 1 the work failed, 2 the command cannot be meant and nothing was started, 130 stopped by Ctrl-C
(what was finished is kept; the same command goes on).
"""

from understudy.cli.app import main

__all__ = ["main"]
