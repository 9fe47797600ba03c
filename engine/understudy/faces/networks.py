"""mediapipe's two face networks: the detector, and the mesh of 478 landmarks. The only importer of mediapipe.

The mesh is run without the detector that mediapipe's own solution puts before it: here the caller says where the face
is, so that one look costs a third, never depends on the look before it, and says how sure the network is.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from understudy.errors import FaceError
from understudy.geometry import Points

__all__ = ["DETECTOR_SIDE", "MESH_SIDE", "Detection", "FaceNetworks", "MeshAnswer", "View"]

View = npt.NDArray[np.uint8]
"""(H, W, 3) uint8 RGB, as a screen would show it."""

DETECTOR_SIDE = 192
"""Side in pixels of the square that the detector sees."""

MESH_SIDE = 192
"""Side in pixels of the square that the mesh sees."""

_LEAST_DETECTION = 0.3
"""Detections that are less certain are thrown away; the mesh judges those that are left."""

_MESH_GRAPH = f"""
input_stream: "image"
output_stream: "landmarks"
output_stream: "presence"
input_side_packet: "with_attention"
node {{
  calculator: "ImageToTensorCalculator"
  input_stream: "IMAGE:image"
  output_stream: "TENSORS:picture"
  options {{
    [mediapipe.ImageToTensorCalculatorOptions.ext] {{
      output_tensor_width: {MESH_SIDE}
      output_tensor_height: {MESH_SIDE}
      output_tensor_float_range {{ min: 0 max: 1 }}
    }}
  }}
}}
node {{ calculator: "TfLiteCustomOpResolverCalculator" output_side_packet: "OP_RESOLVER:operations" }}
node {{
  calculator: "FaceLandmarksModelLoader"
  input_side_packet: "WITH_ATTENTION:with_attention"
  output_side_packet: "MODEL:model"
}}
node {{
  calculator: "InferenceCalculator"
  input_stream: "TENSORS:picture"
  input_side_packet: "MODEL:model"
  input_side_packet: "OP_RESOLVER:operations"
  output_stream: "TENSORS:answers"
  options {{ [mediapipe.InferenceCalculatorOptions.ext] {{ delegate {{ xnnpack {{ num_threads: 1 }} }} }} }}
}}
node {{
  calculator: "SplitTensorVectorCalculator"
  input_stream: "answers"
  output_stream: "points"
  output_stream: "flag"
  options {{
    [mediapipe.SplitVectorCalculatorOptions.ext] {{ ranges {{ begin: 0 end: 6 }} ranges {{ begin: 6 end: 7 }} }}
  }}
}}
node {{
  calculator: "TensorsToFloatsCalculator"
  input_stream: "TENSORS:flag"
  output_stream: "FLOAT:presence"
}}
node {{
  calculator: "TensorsToFaceLandmarksWithAttention"
  input_stream: "TENSORS:points"
  output_stream: "LANDMARKS:landmarks"
}}
"""
"""Picture in, landmarks and presence out: six tensors are the points of face, lips, eyes and irises, the seventh says
whether there is a face, as a logarithm of odds."""


@dataclass(frozen=True)
class Detection:
    """A face that the detector sees, in shares of the view's width and height.

    Attributes:
        left: Of the box from brows to chin.
        top: Likewise.
        right: Likewise.
        bottom: Likewise.
        eyes: (2, 2) float64: middle of the eye on the picture's left when the head is upright, then of the other.
        score: 0..1.
    """

    left: float
    top: float
    right: float
    bottom: float
    eyes: Points
    score: float


@dataclass(frozen=True, eq=False)
class MeshAnswer:
    """What the mesh says of one view.

    Attributes:
        points: (478, 2) float64, pixels of the view.
        depths: (478,) float64, the view's pixels towards the camera from the head's middle; rough.
        presence: Logarithm of the odds that the view shows a face; about 20 for a clear one.
    """

    points: Points
    depths: npt.NDArray[np.float64]
    presence: float


class FaceNetworks:
    """Holds mediapipe's graphs, which take a moment to build. One for each thread; close it after use.

    Raises:
        FaceError: mediapipe or the system libraries that it needs are missing.
    """

    def __init__(self) -> None:
        with _quiet_native_logging():
            solutions, solution_base = _mediapipe()
            self._detector = solutions.face_detection.FaceDetection(
                model_selection=1, min_detection_confidence=_LEAST_DETECTION
            )
            self._mesh = solution_base.SolutionBase(graph_config=_MESH_GRAPH, side_inputs={"with_attention": True})
            for graph, side in ((self._detector, DETECTOR_SIDE), (self._mesh, MESH_SIDE)):
                graph.process(np.zeros((side, side, 3), np.uint8))

    def close(self) -> None:
        """Frees the graphs."""
        self._detector.close()
        self._mesh.close()

    def detect(self, view: View) -> list[Detection]:
        """The faces that the detector sees.

        Args:
            view: (192, 192, 3) uint8 RGB; other sizes are brought to it.
        """
        detections = self._detector.process(np.ascontiguousarray(view)).detections or ()
        return [_detection_of(each) for each in detections]

    def mesh(self, view: View) -> MeshAnswer:
        """The landmarks of the face that fills two thirds of a view, upright and in its middle.

        Args:
            view: (192, 192, 3) uint8 RGB.
        """
        answer = self._mesh.process(np.ascontiguousarray(view))
        values = np.array([(point.x, point.y, point.z) for point in answer.landmarks.landmark], np.float64) * MESH_SIDE
        return MeshAnswer(values[:, :2], -values[:, 2], float(answer.presence))


def _detection_of(detection: Any) -> Detection:
    box = detection.location_data.relative_bounding_box
    points = detection.location_data.relative_keypoints
    eyes = np.array([(point.x, point.y) for point in points[:2]], np.float64)
    return Detection(
        box.xmin, box.ymin, box.xmin + box.width, box.ymin + box.height, eyes, min(1.0, float(detection.score[0]))
    )


def _mediapipe() -> tuple[Any, Any]:
    """The solutions of mediapipe, and the class that they are made of."""
    try:
        import mediapipe
        from mediapipe.calculators.core import split_vector_calculator_pb2  # noqa: F401  # the graph's text names them
        from mediapipe.calculators.tensor import (  # noqa: F401
            image_to_tensor_calculator_pb2,
            inference_calculator_pb2,
            tensors_to_floats_calculator_pb2,
        )
        from mediapipe.python import solution_base
    except ImportError as error:
        raise FaceError(
            f"mediapipe, which finds faces, cannot be loaded ({error}). On Debian or Ubuntu run: "
            "apt-get install libgl1 libegl1 libgles2"
        ) from error
    return mediapipe.solutions, solution_base


@contextlib.contextmanager
def _quiet_native_logging() -> Iterator[None]:
    """The C++ part of mediapipe writes notices to stderr while it starts, before any level can be set."""
    os.environ.setdefault("GLOG_minloglevel", "3")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        sys.stderr.flush()
        kept, silent = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    except OSError:
        yield
        return
    try:
        os.dup2(silent, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(silent)
        os.close(kept)
