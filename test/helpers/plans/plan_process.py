# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Prepare the plan of a workbench in a process of its own.

    python plan_process.py FOLDER '{stand-in script}' [FILE_SIZE_LIMIT [dies]]

A file that would grow beyond the limit is an error, or the sudden death of the process.
Prints each phase that it hears of, the log, and at last a line of JSON: whether the plan is new,
its SHA-256, its path, and the heavy libraries that were loaded.
"""

import hashlib
import json
import logging
from pathlib import Path
import resource
import signal
import sys

from plan_workbench import TARGET, Workbench
from rtformer_ros.engines import BuildWatch
from rtformer_ros.engines.tensorrt.build.find_or_build import prepare_plan
from rtformer_ros.engines.tensorrt.plans.cache import PlanCache

HEAVY = ('torch', 'onnx', 'onnxruntime', 'cv2')


def main():
    folder, script, *limit = sys.argv[1:]
    logging.basicConfig(level=logging.INFO, stream=sys.stdout)
    bench = Workbench(Path(folder))
    compiler = bench.compiler(**json.loads(script))
    if limit:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit[0]), hard))
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL if 'dies' in limit else signal.SIG_IGN)
    watch = BuildWatch(lambda progress: print(progress.phase, flush=True))
    prepared = prepare_plan(
        bench.request(watch=watch),
        target=TARGET,
        cache=PlanCache(bench.cache_folder),
        compiler=compiler,
    )
    print(
        json.dumps(
            {
                'is_new': prepared.is_new,
                'sha256': hashlib.sha256(prepared.plan).hexdigest(),
                'path': str(prepared.path),
                'loaded': [name for name in HEAVY if name in sys.modules],
            }
        ),
        flush=True,
    )


if __name__ == '__main__':
    main()
