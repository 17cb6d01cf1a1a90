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
from rtformer_ros.files.packaged_files import find_labels
from rtformer_ros.labels.label_set import load_labels

if TYPE_CHECKING:
    from rtformer_ros.training.data.sample_store import SampleStore
    from rtformer_ros.training.datasets.dataset import Dataset
    from rtformer_ros.training.process_group import ProcessGroup
    from rtformer_ros.training.recipe import Recipe
    from rtformer_ros.training.run.run_setup import RunPlan


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
        description='Train RTFormer. Several processes: torchrun --nproc-per-node N -m '
        'rtformer_ros.tools.train ...',
    )
    what = parser.add_argument_group('what is trained on what')
    what.add_argument('--dataset', help='camvid, cityscapes, ade20k, cocostuff or folder')
    what.add_argument('--root', type=Path, help='folder of the data set')
    what.add_argument('--labels', help="label file or set; default: the data set's own")
    what.add_argument('--variant', choices=('slim', 'base'), help='size (default: slim)')
    what.add_argument('--init', type=Path, help='weights to start from: .safetensors, .pdparams')
    what.add_argument('--output', type=Path, required=True, help='folder of the run')
    what.add_argument('--resume', action='store_true', help='go on with the run in --output')
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
    from rtformer_ros.training.datasets.open_dataset import open_dataset
    from rtformer_ros.training.run.run_log import RunLog
    from rtformer_ros.training.run.stop_request import stop_on_signals
    from rtformer_ros.training.run.training_run import RunData, TrainingRun

    plan = _plan(arguments, group)
    data = RunData(
        _filled(open_dataset(plan.dataset, plan.root, 'train', plan.labels), group),
        _filled(open_dataset(plan.dataset, plan.root, 'val', plan.labels), group),
        arguments.workers,
    )
    plan = replace(plan, recipe=_recipe(arguments, plan.recipe, len(data.train)))
    run = TrainingRun(
        plan, data, arguments.output, group, init=arguments.init, resume=arguments.resume
    )
    if group.is_first:
        plan.save(arguments.output)
        _introduce(run.plan, run.copied_weights, run.fresh_weights)
    folder = arguments.output if group.is_first else None
    with (
        stop_on_signals() as stop,
        RunLog(folder, plan.labels.names, run.steps_taken, plan.recipe.steps) as log,
    ):
        run.run(log, stop)
    if group.is_first and run.steps_taken < plan.recipe.steps:
        print(f'stopped after step {run.steps_taken}; go on with --resume', file=sys.stderr)
    return 0


def _plan(arguments: argparse.Namespace, group: ProcessGroup) -> RunPlan:
    """Return the plan that the command line gives, on top of that of the run to be resumed."""
    from rtformer_ros.training.recipe_file import find_recipe, load_recipe
    from rtformer_ros.training.run.run_setup import RunPlan, load_plan
    from rtformer_ros.training.run.run_state import STATE_FILE

    if arguments.resume:
        plan = load_plan(arguments.output)
        _refuse_other_run(arguments, plan)
        recipe = load_recipe(find_recipe(arguments.recipe)) if arguments.recipe else plan.recipe
        return replace(plan, recipe=recipe, root=arguments.root or plan.root)
    if arguments.dataset is None or arguments.root is None:
        raise ConfigError('--dataset and --root are needed to start a run; expected both')
    if group.is_first and (arguments.output / STATE_FILE).exists():
        raise ConfigError(
            f'{arguments.output} holds a run already; give --resume to go on with it, or another '
            '--output'
        )
    labels = load_labels(find_labels(_labels_of(arguments.dataset, arguments.labels)))
    recipe = load_recipe(find_recipe(arguments.recipe or _default_recipe(arguments.dataset)))
    return RunPlan(
        arguments.dataset, arguments.root.resolve(), arguments.variant or 'slim', labels, recipe
    )


def _refuse_other_run(arguments: argparse.Namespace, plan: RunPlan) -> None:
    """Raise ConfigError for an option that would make a resumed run another one."""
    for name in ('dataset', 'variant'):
        wanted, has = getattr(arguments, name), getattr(plan, name)
        if wanted not in (None, has):
            raise ConfigError(
                f'--{name} is {wanted}, the run in {arguments.output} has {has}; leave --{name} '
                'out to resume it, or start another with another --output'
            )
    for name in ('labels', 'init'):
        if getattr(arguments, name) is not None:
            raise ConfigError(f'--{name} cannot be changed by --resume; leave it out')


def _labels_of(dataset: str, labels: str | None) -> str:
    if labels is None and dataset == 'folder':
        raise ConfigError('--dataset folder needs --labels, a YAML file that names its classes')
    return labels or dataset


def _default_recipe(dataset: str) -> str:
    """Return the recipe of a data set's own name where there is one."""
    from rtformer_ros.training.recipe_file import find_recipe

    try:
        find_recipe(dataset)
    except ConfigError:
        return 'default'
    return dataset


def _recipe(arguments: argparse.Namespace, recipe: Recipe, sample_count: int) -> Recipe:
    """Return a recipe with what the command line changes."""
    from rtformer_ros.training.recipe_file import differences, parse_change, with_changes

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


def _filled(dataset: Dataset, group: ProcessGroup) -> SampleStore:
    """Read and check a data set, with a progress bar."""
    from tqdm import tqdm

    from rtformer_ros.training.data.sample_store import SampleStore, fill_store

    with tqdm(
        total=len(dataset.samples), desc=dataset.name, unit='image', disable=not group.is_first
    ) as bar:
        for done in fill_store(dataset):
            if isinstance(done, SampleStore):
                return done
            bar.update(done - bar.n)
    raise AssertionError('fill_store ends with a store')


def _introduce(plan: RunPlan, copied: int, fresh: list[str]) -> None:
    recipe = plan.recipe
    print(
        f'RTFormer {plan.variant} on {plan.dataset}, {len(plan.labels)} classes: {recipe.steps} '
        f'steps of {recipe.batch_size} crops of {recipe.crop.height} x {recipe.crop.width}',
        file=sys.stderr,
    )
    if copied:
        names = ', '.join(fresh) or 'none'
        print(f'{copied} weights copied; fresh ones: {names}', file=sys.stderr)


if __name__ == '__main__':
    sys.exit(main())
