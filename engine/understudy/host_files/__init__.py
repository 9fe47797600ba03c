"""Text that hosts paste: the move of a shot's patch as nodes of Nuke and tools of Fusion, all with the same keys."""

from understudy.host_files.fusion import setting_text
from understudy.host_files.nuke import corner_pin_text, tracker_text
from understudy.host_files.patch_move import PatchMove

__all__ = ["PatchMove", "corner_pin_text", "setting_text", "tracker_text"]
