# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Stand in for the step that only a GPU can do; all else is the package's own compiler process.

    python stand_in_compiler.py '{"log": "builds.log", ...}'

A "plan" is the graph that was to be compiled, behind a header; running it is running that graph
with ONNX Runtime. Each build appends a line to `log`. The other keys, each optional:

    wait_for: a file; the build goes on once it is there
    wrong: ["fp16@3", ...] settings whose plans give wrong classes, "*" for all; "together" and
        "alone" for all that calls of the largest and of the smallest number of images return
    dies: {"fp16@3": "SIGKILL"} signals that end the process
    raises: [class name, message] an error of rtformer_ros.errors
    cannot_run: the reason why no plan runs
    sidecar: the YAML file of a foreign model
    says, times: text that is printed to standard output and standard error, how often
    deaf: true to ignore SIGTERM
    no_picture, wrong_picture: the name of one that is not built, or whose plan paints wrongly
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
import json
import os
from pathlib import Path
import resource
import shutil
import signal
import sys
import tempfile
import time

from frames_by_onnxruntime import segmented
import numpy as np
import onnxruntime
from rtformer_ros import errors
from rtformer_ros.engines import BuildProgress, EngineRequest
from rtformer_ros.engines.onnxruntime import OnnxRuntimeEngine
from rtformer_ros.engines.tensorrt.build.child import serve
from rtformer_ros.engines.tensorrt.build.steps import CompileSteps
from rtformer_ros.engines.tensorrt.frames.frame_plans import FramePlans

HEADER = b'stand-in plan\n'
TIMINGS = b'timings\n'


@dataclass(frozen=True)
class Built:
    plan: bytes
    timing_cache: bytes


def main() -> int:
    script = json.loads(sys.argv[1])
    # A test may have lowered what its own process can write.
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    if script.get('deaf'):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    compiler = StandInCompiler(script)
    return serve(CompileSteps(compiler.build_plan, compiler.run_plan, partial(run_frames, script)))


class StandInCompiler:
    """Builds and runs plans as the script says; `settings` and `most` are of the plan built."""

    def __init__(self, script):
        self.script = script
        self.settings, self.most = '', 0

    def build_plan(self, onnx_path, precision, options, watch, timing_cache=b'', shapes=None):
        script = self.script
        self.settings = f'{precision}@{options.optimization_level}'
        self.most = options.max_batch
        with Path(script['log']).open('a') as log:
            gpus = os.environ.get('CUDA_VISIBLE_DEVICES', 'all')
            log.write(f'{os.getpid()} {self.settings} {len(timing_cache)} {onnx_path} {gpus}\n')
        watch.report(BuildProgress('half way', 50.0, 0.0))
        if 'says' in script:
            text = (script['says'] + '\n').encode() * script.get('times', 1)
            os.write(1, text)
            os.write(2, text)
        while 'wait_for' in script and not Path(script['wait_for']).exists():
            time.sleep(0.05)
        if self.settings in script.get('dies', {}):
            os.kill(os.getpid(), getattr(signal, script['dies'][self.settings]))
        raise_what_is_scripted(script, onnx_path)
        return Built(HEADER + onnx_path.read_bytes(), timing_cache + TIMINGS)

    def run_plan(self, plan, graph, images_nhwc, num_classes):
        assert plan.startswith(HEADER)
        if 'cannot_run' in self.script:
            raise errors.EngineError(self.script['cannot_run'])
        with tempfile.TemporaryDirectory() as folder:
            onnx_path = Path(folder) / 'plan.onnx'
            onnx_path.write_bytes(plan[len(HEADER) :])
            if not graph.is_self_described:
                shutil.copyfile(self.script['sidecar'], onnx_path.with_suffix('.yaml'))
            engine = OnnxRuntimeEngine.open(
                EngineRequest(onnx_path, 'onnxruntime', device='cpu', threads=1)
            )
        class_map_nhw = engine.infer(images_nhwc).class_map_nhw
        engine.close()
        wrong = self.script.get('wrong', [])
        class_map_nhw += np.uint8(self.settings in wrong or '*' in wrong)
        # As many as fit go together, and what is left over alone.
        class_map_nhw[: self.most] += np.uint8('together' in wrong)
        class_map_nhw[self.most :] += np.uint8('alone' in wrong)
        return class_map_nhw


def raise_what_is_scripted(script, onnx_path):
    if script.get('no_picture') == onnx_path.stem:
        raise errors.EngineBuildError('no picture')
    if 'raises' in script:
        name, message = script['raises']
        raise getattr(errors, name)(message)


def run_frames(script, plan, frames):
    plans = FramePlans.from_bytes(plan)
    assert plans.masks.startswith(HEADER)
    masks, painters = (
        {name: onnxruntime.InferenceSession(each[len(HEADER) :]) for name, each in group.items()}
        for group in ({'': plans.masks}, plans.pictures)
    )
    results = [segmented(masks[''], painters, frame) for frame in frames]
    for result in results:
        for name in {script.get('wrong_picture')} & result.pictures.keys():
            result.pictures[name][0, 0] ^= 8
    return results


if __name__ == '__main__':
    sys.exit(main())
