"""
Add masks to recorded bags.

    python -m rtformer_ros.tools.process_bag in.mcap out.mcap --workers 4
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

from rtformer_ros.bags.job import OUTPUTS, BagJob
from rtformer_ros.errors import ConfigError, RtformerError
from rtformer_ros.files.packaged_files import find_model


def main() -> int:
    """Run the command line; return the exit code."""
    arguments = _parser().parse_args()
    logging.basicConfig(format='process_bag: %(message)s', level=logging.WARNING)
    try:
        return _run(_jobs(arguments), arguments.workers, arguments.ray)
    except RtformerError as error:
        print(f'process_bag: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('process_bag: stopped; the same command goes on from here', file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='process_bag',
        description='Copy ROS 2 bags (mcap, sqlite3) and add masks of their images. All other '
        'messages stay as they are. A run that was stopped goes on when it is started again.',
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
    where = parser.add_mutually_exclusive_group()
    where.add_argument('--workers', type=int, default=1, help='processes of this machine')
    where.add_argument(
        '--ray', metavar='ADDRESS', help="Ray cluster ('auto', HOST:PORT, 'local'); its machines "
        'must see bags and model under the same paths'
    )  # fmt: skip
    parser.add_argument('--slice-seconds', type=float, default=20.0, help='of a bag at a time')
    return parser


def _jobs(arguments: argparse.Namespace) -> list[BagJob]:
    return [
        BagJob(
            source=source.absolute(),
            output=output.absolute(),
            model=Path(find_model(arguments.model)).absolute(),
            topics=tuple(arguments.topics),
            outputs=tuple(arguments.outputs),
            namespace=arguments.namespace,
            slice_s=arguments.slice_seconds,
            engine=arguments.engine,
            device=arguments.device,
            threads=arguments.threads,
        )
        for source, output in _pairs(arguments.bags, arguments.output_folder)
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
    from rtformer_ros.files.file_lock import only_run

    with ExitStack() as held:
        for job in jobs:
            held.enter_context(only_run(job.work_folder))
        return _run_alone(jobs, workers, ray_address)


def _run_alone(jobs: Sequence[BagJob], workers: int, ray_address: str | None) -> int:
    from tqdm import tqdm

    from rtformer_ros.bags.bag_run import Task, plan_bag, run_bags
    from rtformer_ros.bags.workers import run_here, run_in_processes, run_on_ray

    plans = [plan_bag(job) for job in jobs]
    parts = sum(len(plan.parts) for plan in plans)
    made_before = parts - sum(len(plan.missing) for plan in plans)
    images = sum(plan.images for plan in plans)
    print(f'{len(plans)} bag(s), {images} images, {parts} parts, {made_before} made before')
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

        added = run_bags(plans, run_tasks, lambda _: bar.update())
    for job, messages in added.items():
        print(f'wrote {job.output}: {messages} messages added')
    return 0


if __name__ == '__main__':
    sys.exit(main())
