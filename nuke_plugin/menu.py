"""Runs in Nuke with a window: adds the menu Understudy. Connects to nothing, and never stops Nuke."""

import traceback

try:
    from understudy_nuke.engine_menu import add_menu

    add_menu()
except BaseException:  # whatever it is, Nuke starts
    traceback.print_exc()
