"""Files of hosts: the move of a shot's patch out, as nodes of Nuke and tools of Fusion; an artist's tracks in."""

from understudy.host_files.fusion import setting_text
from understudy.host_files.nuke import corner_pin_text, tracker_text
from understudy.host_files.patch_move import PatchMove
from understudy.host_files.tracks import read_tracks

__all__ = ["PatchMove", "corner_pin_text", "read_tracks", "setting_text", "tracker_text"]
