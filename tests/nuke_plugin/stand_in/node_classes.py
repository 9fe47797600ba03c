"""The node classes that the stand-in knows, with their knobs, defaults and numbers of inputs.

From public scripts and the reference guide; a class or knob that is not here is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.nuke_plugin.stand_in import knobs
from tests.nuke_plugin.stand_in.knobs import Knob

__all__ = ["NODE_CLASSES", "NodeClass", "make_knob"]

Default = str | float | bool | None


@dataclass(frozen=True)
class NodeClass:
    """A class of nodes.

    Attributes:
        knobs: Class, default as a script's text, and entries of each knob.
        least: Inputs that an empty node takes from the stack.
        most: Inputs that can be connected.
    """

    knobs: dict[str, tuple[type[Knob], str, tuple[str, ...]]] = field(default_factory=dict)
    least: int = 1
    most: int = 1


def _string(text: str = "") -> tuple[type[Knob], str, tuple[str, ...]]:
    return knobs.String_Knob, text, ()


def _evaluated(text: str = "") -> tuple[type[Knob], str, tuple[str, ...]]:
    return knobs.EvalString_Knob, text, ()


def _python() -> tuple[type[Knob], str, tuple[str, ...]]:
    return knobs.PythonKnob, "", ()


def _file(text: str = "") -> tuple[type[Knob], str, tuple[str, ...]]:
    return knobs.File_Knob, text, ()


def _int(value: int = 0) -> tuple[type[Knob], str, tuple[str, ...]]:
    return knobs.Int_Knob, str(value), ()


def _double(value: float = 0) -> tuple[type[Knob], str, tuple[str, ...]]:
    return knobs.Double_Knob, str(value), ()


def _bool(value: bool = False) -> tuple[type[Knob], str, tuple[str, ...]]:
    return knobs.Boolean_Knob, "true" if value else "false", ()


def _color(value: float = 0) -> tuple[type[Knob], str, tuple[str, ...]]:
    return knobs.AColor_Knob, str(value), ()


def _table() -> tuple[type[Knob], str, tuple[str, ...]]:
    return knobs._TableKnob, "", ()


def _size(value: float = 0) -> tuple[type[Knob], str, tuple[str, ...]]:
    return knobs.WH_Knob, str(value), ()


def _xy(value: str = "0 0") -> tuple[type[Knob], str, tuple[str, ...]]:
    return knobs.XY_Knob, value, ()


def _channels(value: str = "all") -> tuple[type[Knob], str, tuple[str, ...]]:
    return knobs.ChannelMask_Knob, value, ()


def _channel(value: str = "none") -> tuple[type[Knob], str, tuple[str, ...]]:
    return knobs.Channel_Knob, value, ()


def _menu(first: str, *others: str) -> tuple[type[Knob], str, tuple[str, ...]]:
    return knobs.Enumeration_Knob, first, (first, *others)


def _colorspaces() -> tuple[type[Knob], str, tuple[str, ...]]:
    return knobs.CascadingEnumeration_Knob, "default", ("default",)


def _format() -> tuple[type[Knob], str, tuple[str, ...]]:
    return knobs.Format_Knob, "", ()


COMMON = {
    "name": _string(),
    "label": _evaluated(),
    "help": _string(),
    "xpos": _int(),
    "ypos": _int(),
    "selected": _bool(),
    "hide_input": _bool(),
    "cached": _bool(),
    "disable": (knobs.Disable_Knob, "false", ()),
    "tile_color": (knobs.ColorChip_Knob, "0", ()),
    "gl_color": (knobs.ColorChip_Knob, "0", ()),
    "note_font": _string("Verdana"),
    "note_font_size": _double(11),
    "note_font_color": (knobs.ColorChip_Knob, "0", ()),
    "icon": _file(),
    "postage_stamp": _bool(),
    "knobChanged": _python(),
    "onCreate": _python(),
    "onDestroy": _python(),
    "updateUI": _python(),
    "autolabel": _python(),
    "lifetimeStart": _int(),
    "lifetimeEnd": _int(),
    "useLifetime": _bool(),
}

MIX = {"mix": _double(1), "maskChannelInput": _channel(), "invert_mask": _bool(), "fringe": _bool()}
LUMINANCE = _menu("Rec 709", "Ccir 601", "Average", "Maximum")
BOX = _menu("union", "intersection", "A", "B")
FILTERS = ("Cubic", "Impulse", "Keys", "Simon", "Rifman", "Mitchell", "Parzen", "Notch")
ON_ERROR = _menu("error", "black", "checkerboard", "nearest frame")
OPERATIONS = ("atop", "copy", "difference", "divide", "in", "mask", "matte", "max", "min", "minus", "multiply", "out")

# what a Write has once it knows that it writes EXR
EXR_KNOBS = {
    "datatype": _menu("16 bit half", "32 bit float"),
    "compression": _menu("Zip (1 scanline)", "none", "Zip (16 scanlines)", "PIZ Wavelet (32 scanlines)", "RLE"),
    "metadata": _menu(
        "default metadata",
        "no metadata",
        "default metadata and exr/*",
        "all metadata except input/*",
        "all metadata",
    ),
    "noprefix": _bool(),
    "autocrop": _bool(),
    "interleave": _menu("channels, layers and views", "channels and layers", "channels"),
    "write_full_layer_names": _bool(),
}

RENDER_SCRIPTS = {
    name: _python()
    for name in ("beforeRender", "afterRender", "beforeFrameRender", "afterFrameRender", "renderProgress")
}

_FILE_RANGE = {"first": _int(1), "last": _int(1), "origfirst": _int(1), "origlast": _int(1), "origset": _bool()}

_GROUPS = {
    "lock_connections": _bool(),
    "mapsize": _xy("0.15 0.15"),
    "window": _xy("0 0"),
    "help": _string(),
}

NODE_CLASSES: dict[str, NodeClass] = {
    "Root": NodeClass(
        {
            "first_frame": _int(1),
            "last_frame": _int(100),
            "frame": _int(1),
            "fps": _double(24),
            "format": _format(),
            "proxy": _bool(),
            "project_directory": _file(),
            "colorManagement": _menu("Nuke", "OCIO"),
            "OCIO_config": _menu("nuke-default", "aces_1.2", "custom"),
            "customOCIOConfigPath": _file(),
            "OCIOConfigPath": _file(),
            "workingSpaceLUT": _string("linear"),
            "monitorLut": _string("sRGB"),
            "int8Lut": _string("sRGB"),
            "int16Lut": _string("sRGB"),
            "logLut": _string("Cineon"),
            "floatLut": _string("linear"),
            "onScriptLoad": _python(),
            "onScriptSave": _python(),
            "onScriptClose": _python(),
            **RENDER_SCRIPTS,
        },
        0,
        0,
    ),
    "Group": NodeClass(_GROUPS, 1, 10),
    "Input": NodeClass({"number": _int(0)}, 0, 0),
    "Output": NodeClass(),
    "Dot": NodeClass(),
    "NoOp": NodeClass(),
    "Viewer": NodeClass({}, 1, 10),
    "StickyNote": NodeClass({}, 0, 0),
    "BackdropNode": NodeClass({"bdwidth": _double(), "bdheight": _double(), "z_order": _double()}, 0, 0),
    "Read": NodeClass(
        {
            "file": _file(),
            "proxy": _file(),
            "format": _format(),
            "before": _menu("hold", "loop", "bounce", "black"),
            "after": _menu("hold", "loop", "bounce", "black"),
            "frame_mode": _menu("expression", "start at", "offset"),
            "frame": _evaluated(),
            "on_error": ON_ERROR,
            "colorspace": _colorspaces(),
            "premultiplied": _bool(),
            "auto_alpha": _bool(),
            "raw": _bool(),
            "reload": (knobs.Script_Knob, "", ()),
            **_FILE_RANGE,
        },
        0,
        0,
    ),
    "Write": NodeClass(
        {
            "file": _file(),
            "channels": _channels("rgb"),
            "file_type": _menu("", "exr", "tiff", "png", "jpeg", "dpx", "mov"),
            "colorspace": _colorspaces(),
            "raw": _bool(),
            "premultiplied": _bool(),
            "create_directories": _bool(),
            "first": _int(1),
            "last": _int(1),
            "use_limit": _bool(),
            "reading": _bool(),
            "views": _string("main"),
            "checkHashOnRead": _bool(True),
            **RENDER_SCRIPTS,
        }
    ),
    "Constant": NodeClass({"channels": _channels("rgb"), "color": _color(), "format": _format()}, 0, 1),
    "Copy": NodeClass(
        {
            **{f"from{index}": _channel("rgba.alpha" if not index else "none") for index in range(4)},
            **{f"to{index}": _channel("rgba.alpha" if not index else "none") for index in range(4)},
            "bbox": BOX,
            **MIX,
        },
        2,
        3,
    ),
    "Shuffle": NodeClass(
        {
            "in": _channels("rgba"),
            "out": _channels("rgba"),
            **{
                name: _menu(name, "red", "green", "blue", "alpha", "black", "white")
                for name in ("red", "green", "blue", "alpha")
            },
        }
    ),
    "Merge2": NodeClass(
        {
            "operation": _menu("over", *OPERATIONS, "plus", "screen", "stencil", "under", "xor"),
            "Achannels": _channels("rgba"),
            "Bchannels": _channels("rgba"),
            "output": _channels("rgba"),
            "also_merge": _channels("none"),
            "metainput": _menu("B", "A", "All"),
            "rangeinput": _menu("All", "A", "B"),
            "bbox": BOX,
            **MIX,
        },
        2,
        3,
    ),
    "Premult": NodeClass({"channels": _channels("rgb"), "alpha": _channel("rgba.alpha"), "invert": _bool()}),
    "Unpremult": NodeClass({"channels": _channels("rgb"), "alpha": _channel("rgba.alpha"), "invert": _bool()}),
    "Multiply": NodeClass({"channels": _channels("rgb"), "value": _color(1), "unpremult": _channel(), **MIX}, 1, 2),
    "Expression": NodeClass(
        {
            **{f"expr{index}": _string(name) for index, name in enumerate("rgba")},
            **{
                f"channel{index}": _channels(f"rgba.{name}")
                for index, name in enumerate(("red", "green", "blue", "alpha"))
            },
            **{f"temp_name{index}": _string() for index in range(4)},
            **{f"temp_expr{index}": _string() for index in range(4)},
            "maskChannelInput": _channel(),
            "unpremult": _channel(),
            "mix": _double(1),
        },
        1,
        2,
    ),
    "FilterErode": NodeClass(
        {
            "channels": _channels("alpha"),
            "size": _size(),
            "filter": _menu("box", "triangle", "quadratic", "gaussian"),
            **MIX,
        },
        1,
        2,
    ),
    "Blur": NodeClass(
        {
            "channels": _channels("all"),
            "size": _size(),
            "filter": _menu("gaussian", "box", "triangle", "quadratic"),
            "quality": _int(15),
            "crop": _bool(True),
            **MIX,
        },
        1,
        2,
    ),
    "Grade": NodeClass(
        {
            "channels": _channels("rgb"),
            "blackpoint": _color(0),
            "whitepoint": _color(1),
            "black": _color(0),
            "white": _color(1),
            "multiply": _color(1),
            "add": _color(0),
            "gamma": _color(1),
            "reverse": _bool(),
            "black_clamp": _bool(True),
            "white_clamp": _bool(),
            "unpremult": _channel(),
            **MIX,
        },
        1,
        2,
    ),
    "Saturation": NodeClass({"channels": _channels("rgb"), "saturation": _double(1), "mode": LUMINANCE, **MIX}, 1, 2),
    "Switch": NodeClass({"which": _double()}, 1, 10),
    "Dissolve": NodeClass({"which": _double(), "channels": _channels("all")}, 2, 3),
    "Remove": NodeClass({"operation": _menu("remove", "keep"), "channels": _channels("all")}),
    "Crop": NodeClass({"box": (knobs.BBox_Knob, "0", ()), "reformat": _bool(), "crop": _bool(True)}),
    "Reformat": NodeClass(
        {
            "type": _menu("to format", "to box", "scale"),
            "format": _format(),
            "resize": _menu("width", "none", "height", "fit", "fill", "distort"),
            "center": _bool(True),
            "black_outside": _bool(),
            "pbb": _bool(),
            "filter": _menu(*FILTERS),
            "box_width": _double(200),
            "box_height": _double(200),
            "box_fixed": _bool(),
        }
    ),
    "CornerPin2D": NodeClass(
        {
            **{f"{end}{pin}": _xy() for end in ("from", "to") for pin in range(1, 5)},
            **{f"enable{pin}": _bool(True) for pin in range(1, 5)},
            "invert": _bool(),
            "filter": _menu(*FILTERS),
            "clamp": _bool(),
            "black_outside": _bool(True),
            "motionblur": _double(),
            "shutter": _double(0.5),
        }
    ),
    "Tracker4": NodeClass({"tracks": _table(), "reference_frame": _double(), "transform": _menu("none", "stabilize")}),
    "Transform": NodeClass(
        {
            "translate": _xy(),
            "rotate": _double(),
            "scale": _size(1),
            "skewX": _double(),
            "skewY": _double(),
            "skew_order": _menu("XY", "YX"),
            "center": _xy(),
            "invert_matrix": _bool(),
            "filter": _menu(*FILTERS),
            "clamp": _bool(),
            "black_outside": _bool(True),
            "motionblur": _double(),
            "shutter": _double(0.5),
        }
    ),
    "STMap": NodeClass({"channels": _channels("all"), "uv": _channels("none"), "filter": _menu(*FILTERS)}, 2, 3),
}


def make_knob(name: str, made_of: tuple[type[Knob], str, tuple[str, ...]]) -> Knob:
    """A fresh knob out of its row."""
    kind, default, items = made_of
    knob = kind(name)
    if isinstance(knob, knobs.Enumeration_Knob):
        knob._items = list(dict.fromkeys(items))
    knob._read(default)
    knob._default = list(knob._held) if isinstance(knob._held, list) else knob._held
    return knob


def class_knobs(kind: str) -> dict[str, Knob]:
    """Fresh knobs of a class of nodes."""
    rows = {**COMMON, **NODE_CLASSES[kind].knobs}
    return {name: make_knob(name, row) for name, row in rows.items()}
