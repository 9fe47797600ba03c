"""Plates: frames on disk. Reads and writes pictures; the only importer of OpenEXR, OpenImageIO and PyAV.

A frame keeps its data window, display window, pixel aspect and attributes from file to file. Reading never changes a
value; writing goes to a file beside the final one, is checked, and is renamed, so that a name that is there is whole.

    ranges        frame ranges as people write them
    sequence      plates: sequences of pictures, movies, stills; holes and what stands for them
    frame         one picture with its windows
    attributes    what a picture says of itself; timecode
    layers        layers, parts and views
    reading       any format; exr, exr_layout, picture (DPX, TIFF, PNG, JPEG) and movie, video do the work
    limits        what a file may claim
    repair        pixels that are no numbers
    writing       EXR
"""

from __future__ import annotations

from understudy.plates.attributes import carried_attributes, moved_timecode
from understudy.plates.frame import Frame, Pixels
from understudy.plates.layers import rgb_layer
from understudy.plates.ranges import format_frames, parse_frames
from understudy.plates.reading import StoredAs, read_frame, read_header, stored_as
from understudy.plates.repair import repaired
from understudy.plates.sequence import Plate, find_sequence
from understudy.plates.timecode import timecode_text
from understudy.plates.writing import COMPRESSIONS, write_frame

__all__ = [
    "COMPRESSIONS",
    "Frame",
    "Pixels",
    "Plate",
    "StoredAs",
    "carried_attributes",
    "find_sequence",
    "format_frames",
    "moved_timecode",
    "parse_frames",
    "read_frame",
    "read_header",
    "repaired",
    "rgb_layer",
    "stored_as",
    "timecode_text",
    "write_frame",
]
