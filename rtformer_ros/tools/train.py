"""
Train a network.

    python -m rtformer_ros.tools.train --dataset camvid --root PATH --output runs/NAME
    python -m rtformer_ros.tools.train --output runs/NAME --resume
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtformer_ros.errors import ConfigError, RtformerError
from rtformer_ros.files.packaged_files import find_labels, find_split
from rtformer_ros.labels.label_set import load_labels
from rtformer_ros.training.datasets.open_dataset import open_dataset
from rtformer_ros.training.datasets.predefined_split import load_split
from rtformer_ros.training.recipe import Recipe
from rtformer_ros.training.recipe_file import (
    differences,
    find_recipe,
    load_recipe,
    parse_change,
    with_changes,
)
from rtformer_ros.training.run.run_setup import RunSetup, load_setup

if TYPE_CHECKING:
    from rtformer_ros.training.process_group import ProcessGroup
    from rtformer_ros.training.run.training_run import RunData, TrainingRun


def main() -> int:
    """Run the command line; return the exit code."""
    arguments = _parser().parse_args()
    try:
        return _train(arguments)
    except RtformerError as error:
        print(f'train: {error}', file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(f'train: needs {error.name}: python3 -m pip install {error.name}', file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='train',
        description='Train a network. Several processes: torchrun --nproc-per-node N -m '
        'rtformer_ros.tools.train ...',
    )
    what = parser.add_argument_group('what is trained on what')
    what.add_argument('--dataset', help='camvid, cityscapes, ade20k, cocostuff or folder')
    what.add_argument('--root', type=Path, help='folder of the data set')
    what.add_argument('--labels', help="label file or set; default: the data set's own")
    what.add_argument(
        '--split',
        metavar='FILE',
        help='YAML with lists `train` and `val` of name prefixes or globs (or paths below --root, '
        "with a slash), over the data set's train and val images together; or a packaged one, as "
        'camvid_0001TP (leave that drive out, score on it), camvid_0006R0, camvid_0016E5, '
        'camvid_trainval',
    )
    which = what.add_mutually_exclusive_group()
    which.add_argument('--variant', choices=('slim', 'base'), help='size (default: slim)')
    which.add_argument('--network', help='any network by name, as rtformer_slim')
    what.add_argument('--init', type=Path, help='weights to start from: .safetensors, .pdparams')
    what.add_argument('--output', type=Path, required=True, help='folder of the run')
    what.add_argument('--resume', action='store_true', help='continue the run in --output')
    how = parser.add_argument_group('how (each takes precedence over the recipe)')
    how.add_argument('--recipe', help="recipe file or name; default: the data set's, or 'default'")
    length = how.add_mutually_exclusive_group()
    length.add_argument('--steps', type=int, help='optimiser steps in all')
    length.add_argument('--epochs', type=float, help='passes over the data in all')
    how.add_argument('--batch-size', type=int, help='images a step, over all processes')
    how.add_argument('--lr', type=float, help='highest learning rate')
    how.add_argument('--crop', metavar='HxW', help='pixels of a training crop, as 320x448')
    how.add_argument('--precision', choices=('auto', 'fp32', 'bf16', 'fp16'))
    how.add_argument('--seed', type=int)
    how.add_argument(
        '--set',
        action='append',
        default=[],
        metavar='NAME=VALUE',
        help='any other value of the recipe, as loss.label_smoothing=0.1; may be repeated',
    )
    where = parser.add_argument_group('where')
    where.add_argument('--device', default='auto', help='auto, cpu, cuda, cuda:N')
    where.add_argument('--workers', type=int, default=1, help='processes that make crops')
    where.add_argument('--threads', type=int, help="threads a process; default: PyTorch's choice")
    return parser


def _train(arguments: argparse.Namespace) -> int:
    # Imported here, so that a machine without PyTorch gets an answer and --help works.
    import torch

    from rtformer_ros.training.process_group import joined_process_group

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    with joined_process_group(arguments.device) as group:
        return _train_in(arguments, group)


def _train_in(arguments: argparse.Namespace, group: ProcessGroup) -> int:
    from rtformer_ros.training.run.run_log import RunLog
    from rtformer_ros.training.run.stop_request import stop_on_signals
    from rtformer_ros.training.run.training_run import TrainingRun

    setup = _setup(arguments, group)
    data = _run_data(setup, arguments.workers, group)
    setup = replace(setup, recipe=_recipe(arguments, setup.recipe, len(data.train)))
    run = TrainingRun(
        setup, data, arguments.output, group, init=arguments.init, resume=arguments.resume
    )
    if group.is_first:
        setup.save(arguments.output)
        _introduce(run)
    folder = arguments.output if group.is_first else None
    with (
        stop_on_signals() as stop,
        RunLog(folder, setup.labels.names, run.steps_taken, setup.recipe.steps) as log,
    ):
        run.run(log, stop)
    if group.is_first and run.steps_taken < setup.recipe.steps:
        print(f'stopped after step {run.steps_taken}; go on with --resume', file=sys.stderr)
    return 0


def _setup(arguments: argparse.Namespace, group: ProcessGroup) -> RunSetup:
    """Return the setup that the command line gives, on top of that of the run to be resumed."""
    from rtformer_ros.training.run.run_state import STATE_FILE

    if arguments.resume:
        setup = load_setup(arguments.output)
        _refuse_other_run(arguments, setup)
        recipe = load_recipe(find_recipe(arguments.recipe)) if arguments.recipe else setup.recipe
        return replace(setup, recipe=recipe, root=arguments.root or setup.root)
    if arguments.dataset is None or arguments.root is None:
        raise ConfigError('--dataset and --root are needed to start a run; expected both')
    if group.is_first and (arguments.output / STATE_FILE).exists():
        raise ConfigError(
            f'{arguments.output} holds a run already; give --resume to go on with it, or another '
            '--output'
        )
    return RunSetup(
        dataset=arguments.dataset,
        root=arguments.root.resolve(),
        network=arguments.network or f'rtformer_{arguments.variant or "slim"}',
        labels=load_labels(find_labels(_labels_of(arguments.dataset, arguments.labels))),
        recipe=load_recipe(find_recipe(arguments.recipe or _default_recipe(arguments.dataset))),
        split=load_split(find_split(arguments.split)) if arguments.split else None,
    )


def _refuse_other_run(arguments: argparse.Namespace, setup: RunSetup) -> None:
    """Raise ConfigError for an option that would make a resumed run another one."""
    of_run = {
        'dataset': setup.dataset,
        'variant': setup.network.removeprefix('rtformer_'),
        'network': setup.network,
    }
    for name, has in of_run.items():
        wanted = getattr(arguments, name)
        if wanted not in (None, has):
            raise ConfigError(
                f'--{name} is {wanted}, the run in {arguments.output} has {has}; leave --{name} '
                'out to resume it, or start another with another --output'
            )
    for name in ('labels', 'init', 'split'):
        if getattr(arguments, name) is not None:
            raise ConfigError(f'--{name} cannot be changed by --resume; leave it out')


def _labels_of(dataset: str, labels: str | None) -> str:
    if labels is None and dataset == 'folder':
        raise ConfigError('--dataset folder needs --labels, a YAML file that names its classes')
    return labels or dataset


def _default_recipe(dataset: str) -> str:
    """Return the recipe of a data set's own name where there is one."""
    try:
        find_recipe(dataset)
    except ConfigError:
        return 'default'
    return dataset


def _recipe(arguments: argparse.Namespace, recipe: Recipe, sample_count: int) -> Recipe:
    """Return a recipe with what the command line changes."""
    changes: dict[str, Any] = dict(parse_change(text) for text in arguments.set)
    direct = {
        'steps': arguments.steps,
        'batch_size': arguments.batch_size,
        'optimizer.lr': arguments.lr,
        'precision': arguments.precision,
        'seed': arguments.seed,
    }
    changes.update({name: value for name, value in direct.items() if value is not None})
    if arguments.crop:
        changes['crop.height'], changes['crop.width'] = _crop_size(arguments.crop)
    changed = with_changes(recipe, changes)
    if arguments.epochs is not None:
        steps = max(1, math.ceil(arguments.epochs * sample_count / changed.batch_size))
        changed = replace(changed, steps=steps)
    for line in differences(recipe, changed):
        print(f'recipe: {line}', file=sys.stderr)
    return changed


def _crop_size(text: str) -> tuple[int, int]:
    height, _, width = text.partition('x')
    if not (height.isdecimal() and width.isdecimal()):
        raise ConfigError(f"--crop is '{text}'; expected HEIGHTxWIDTH, as 320x448")
    return int(height), int(width)


def _run_data(setup: RunSetup, workers: int, group: ProcessGroup) -> RunData:
    """Read and check the images of both splits, with progress bars."""
    from rtformer_ros.training.data.sample_store import filled_store
    from rtformer_ros.training.run.training_run import RunData

    train = open_dataset(setup.dataset, setup.root, 'train', setup.labels, setup.split)
    val = open_dataset(setup.dataset, setup.root, 'val', setup.labels, setup.split)
    shared = {sample.image for sample in train.samples} & {sample.image for sample in val.samples}
    if shared and group.is_first:
        print(
            f'{len(shared)} of the {len(val.samples)} images of {val.name} are trained on too: '
            'their scores say nothing about new images',
            file=sys.stderr,
        )
    is_silent = not group.is_first
    return RunData(
        filled_store(train, is_silent=is_silent), filled_store(val, is_silent=is_silent), workers
    )


def _introduce(run: TrainingRun) -> None:
    setup, recipe, network = run.setup, run.setup.recipe, run.learner.average.network
    print(
        f'{network.family.title} {network.architecture.variant} on {run.data.train.dataset.name}, '
        f'{len(setup.labels)} classes: {recipe.steps} steps of {recipe.batch_size} crops of '
        f'{recipe.crop.height} x {recipe.crop.width}',
        file=sys.stderr,
    )
    if run.copied_weights:
        names = ', '.join(run.fresh_weights) or 'none'
        print(f'{run.copied_weights} weights copied; fresh ones: {names}', file=sys.stderr)


if __name__ == '__main__':
    sys.exit(main())
