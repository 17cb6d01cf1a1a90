# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Compile as the package's own child process does; ONNX Runtime runs the graph instead of the GPU.

What is left out of rtformer_ros.engines.tensorrt.build.child is the look for CUDA's library and
the running of the plan. So the agreement is that of the graph that was compiled, not the plan's.
"""

from contextlib import nullcontext
from pathlib import Path
import sys
import tempfile

from frames_by_onnxruntime import segmented
import onnx
import onnxruntime
from rtformer_ros.engines import EngineRequest
from rtformer_ros.engines.fp32_model import without_half_quantisers
from rtformer_ros.engines.onnxruntime import OnnxRuntimeEngine
from rtformer_ros.engines.tensorrt.build.builder import build_plan
from rtformer_ros.engines.tensorrt.build.child import serve
from rtformer_ros.engines.tensorrt.build.steps import CompileSteps
from rtformer_ros.engines.tensorrt.frames.frame_plans import FramePlans
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.model_metadata import HALF_QUANTISED


def run_graph(plan, graph, images_nhwc, num_classes):
    """Return the classes that ONNX Runtime sees with the compiled graph."""
    assert plan
    model = onnx.load(graph.path)
    # A foreign model is described beside the file that it came from.
    own = {entry.key: entry.value for entry in model.metadata_props}
    onnx.helper.set_model_props(model, {**own, **graph.metadata.to_properties()})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'graph.onnx'
        onnx.save(model, path)
        labels = None if graph.metadata.labels else LabelSet.generic(num_classes)
        engine = OnnxRuntimeEngine.open(
            EngineRequest(path, 'onnxruntime', device='cpu', threads=1, labels=labels)
        )
    class_map_nhw = engine.infer(images_nhwc).class_map_nhw
    engine.close()
    return class_map_nhw


class Compiled:
    """The graphs that are compiled, for those who run them on frames."""

    def __init__(self):
        self.paths = []

    def build(self, onnx_path, *options):
        self.paths.append(onnx_path)
        return build_plan(onnx_path, *options)

    def run_frames(self, plan, frames):
        """Return what ONNX Runtime makes of frames with the compiled graphs."""
        plans = FramePlans.from_bytes(plan)
        assert all(plans.pictures.values())
        masks, *painters = self.paths
        assert [each.stem for each in painters] == list(plans.pictures)
        names = {entry.key for entry in onnx.load(masks).metadata_props}
        # From half precision a CPU quantises wrongly.
        readable = without_half_quantisers if HALF_QUANTISED in names else nullcontext
        with readable(masks) as path:
            session = onnxruntime.InferenceSession(str(path))
        sessions = {each.stem: onnxruntime.InferenceSession(str(each)) for each in painters}
        return [segmented(session, sessions, frame) for frame in frames]


if __name__ == '__main__':
    compiled = Compiled()
    sys.exit(serve(CompileSteps(compiled.build, run_graph, compiled.run_frames)))
