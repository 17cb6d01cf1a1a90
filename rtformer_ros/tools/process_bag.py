# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Add masks to recorded bags.

    python -m rtformer_ros.tools.process_bag in.mcap out.mcap --workers 4
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
import logging
from pathlib import Path
import sys

from rtformer_ros.bags.job import BagJob, OUTPUTS, Task
from rtformer_ros.errors import ConfigError
from rtformer_ros.files.packaged_files import find_model
from rtformer_ros.imaging.roi import Roi
from rtformer_ros.tools.command_line import parse_size, run_tool

_logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(format='process_bag: %(message)s', level=logging.WARNING)
    return run_tool(
        'process_bag',
        lambda: _run(_jobs(options), options.workers, options.ray),
        'stopped; the same command goes on from here',
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='process_bag',
        description='Copy ROS 2 bags (mcap, sqlite3) and add masks of their images. All other '
        'messages stay as they are. A run that was stopped continues when it is started again.',
    )
    parser.add_argument('bags', type=Path, nargs='+', metavar='BAG', help='IN OUT; or with '
                        '--output-folder any number of bags')  # fmt: skip
    parser.add_argument('--output-folder', type=Path, help='where bags of the same names go')
    parser.add_argument('--topics', nargs='+', default=[], help='image topics; default: all')
    parser.add_argument(
        '--outputs', nargs='+', default=['mask'], choices=OUTPUTS, help='what to add (mask)'
    )
    parser.add_argument('--namespace', default='/segmentation_node', help='of the added topics')
    parser.add_argument('--model', default='', help='file or packaged model; default: packaged')
    parser.add_argument('--engine', default='auto', help='as the parameter of the node')
    parser.add_argument('--device', default='auto', help='auto, cpu, cuda, cuda:N')
    parser.add_argument('--threads', type=int, default=1, help='CPU threads of each worker')
    parser.add_argument('--size', default='', metavar='HxW', help='for a model that takes any')
    parser.add_argument(
        '--roi', type=float, nargs=4, metavar=('LEFT', 'TOP', 'RIGHT', 'BOTTOM'),
        help='segment this part of the images, in fractions of their sides'
    )  # fmt: skip
    parser.add_argument(
        '--ignore-mask', type=Path, help='grey PNG: where it is not 0 images are left unlabelled'
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument('--workers', type=int, default=1, help='processes of this machine')
    where.add_argument(
        '--ray', metavar='ADDRESS', help="Ray cluster ('auto', HOST:PORT, 'local'); its machines "
        'must see bags and model under the same paths'
    )  # fmt: skip
    parser.add_argument(
        '--strict', action='store_true', help='refuse bags that were not closed; else what is '
        'whole of them is processed'
    )  # fmt: skip
    parser.add_argument(
        '--slice-images', type=int, default=500, help='of a bag at a time: what a worker takes'
    )
    return parser


def _jobs(options: argparse.Namespace) -> list[BagJob]:
    if options.workers < 1:
        raise ConfigError(f'--workers is {options.workers}; expected 1 or more')
    return [
        BagJob(
            source=source.absolute(),
            output=output.absolute(),
            model=Path(find_model(options.model)).absolute(),
            # Named twice, each is still one.
            topics=tuple(dict.fromkeys(options.topics)),
            outputs=tuple(dict.fromkeys(options.outputs)),
            namespace=options.namespace,
            slice_images=options.slice_images,
            engine=options.engine,
            device=options.device,
            threads=options.threads,
            network_size=parse_size(options.size),
            is_strict=options.strict,
            roi=Roi(*options.roi) if options.roi else None,
            ignore_mask=options.ignore_mask.absolute() if options.ignore_mask else None,
        )
        for source, output in _pairs(options.bags, options.output_folder)
    ]


def _pairs(bags: Sequence[Path], folder: Path | None) -> list[tuple[Path, Path]]:
    if folder is None:
        if len(bags) != 2:
            raise ConfigError(
                f'{len(bags)} bags are given; expected IN and OUT, or --output-folder for many'
            )
        return [(bags[0], bags[1])]
    twice = [name for name, count in Counter(bag.name for bag in bags).items() if count > 1]
    if twice:
        raise ConfigError(f'several bags are named {", ".join(twice)}; process them one by one')
    return [(bag, folder / bag.name) for bag in bags]


def _run(jobs: Sequence[BagJob], workers: int, ray_address: str | None) -> int:
    # Imported here, as images and bags need OpenCV and rosbags, which --help does not.
    from rtformer_ros.bags.bag_run import locked_work_folder

    with ExitStack() as held:
        for job in jobs:
            held.enter_context(locked_work_folder(job))
        return _run_alone(jobs, workers, ray_address)


def _run_alone(jobs: Sequence[BagJob], workers: int, ray_address: str | None) -> int:
    from rtformer_ros.bags.bag_run import prepare_run, run_bags
    from rtformer_ros.bags.workers import run_here, run_in_processes, run_on_ray
    from tqdm import tqdm

    runs = [prepare_run(job) for job in jobs]
    for run in runs:
        for loss in run.losses:
            _logger.warning('%s', loss)
    parts = sum(len(run.slices) for run in runs)
    made_before = parts - sum(len(run.missing) for run in runs)
    images = sum(run.images for run in runs)
    print(f'{len(runs)} bag(s), {images} images, {parts} parts, {made_before} made before')
    with tqdm(total=parts, initial=made_before, unit='part') as bar:
        count = Counter[str]()

        def on_image() -> None:
            count['images'] += 1
            bar.set_postfix(count, refresh=False)
            bar.update(0)

        def run_tasks(tasks: Sequence[Task]) -> Iterable[Task]:
            if ray_address is not None:
                return run_on_ray(tasks, ray_address)
            return run_in_processes(tasks, workers) if workers > 1 else run_here(tasks, on_image)

        added = run_bags(runs, run_tasks, lambda _: bar.update())
    for job, messages in added.items():
        if messages:
            print(f'wrote {job.output}: {messages} messages added')
        else:
            print(f'process_bag: no image of {job.source} could be used; {job.output} was not '
                  'written', file=sys.stderr)  # fmt: skip
    return 0 if all(added.values()) else 1


if __name__ == '__main__':
    sys.exit(main())
