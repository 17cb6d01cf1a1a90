# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Train a network.

    python -m rtformer_ros.tools.train --dataset camvid --root PATH --output runs/NAME
    python -m rtformer_ros.tools.train --output runs/NAME --resume
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
import math
from shlex import quote
import sys
from typing import Any, TYPE_CHECKING

from rtformer_ros.errors import ConfigError
from rtformer_ros.files.packaged_files import find_split, find_weights
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.tools.command_line import run_tool
from rtformer_ros.tools.train.options import parse_train_options, TrainOptions
from rtformer_ros.tools.train.task_data import classes_of, opened_task
from rtformer_ros.training.datasets.predefined_split import load_split
from rtformer_ros.training.recipe import Recipe
from rtformer_ros.training.recipe_file import (
    differences,
    find_recipe,
    load_recipe,
    parse_change,
    with_changes,
)
from rtformer_ros.training.run.run_setup import load_setup, RunSetup
from rtformer_ros.training.run.stop_request import stop_on_signals

_MOST_LISTED_WEIGHTS = 8

if TYPE_CHECKING:
    from rtformer_ros.training.process_group import ProcessGroup
    from rtformer_ros.training.run.training_run import TrainingRun


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    return run_tool('train', lambda: _train(parse_train_options(arguments)))


def _train(options: TrainOptions) -> int:
    # Imported here, so that a machine without PyTorch gets an answer and --help works.
    from rtformer_ros.training.process_group import joined_process_group
    import torch

    if options.threads:
        torch.set_num_threads(options.threads)
    with joined_process_group(options.device) as group:
        return _train_in(options, group)


def _train_in(options: TrainOptions, group: ProcessGroup) -> int:
    from rtformer_ros.training.run.run_log import RunLog
    from rtformer_ros.training.run.training_run import TrainingRun

    setup = _setup(options, group)
    task = opened_task(setup, group)
    recipe = _recipe(options, setup.recipe, task.sample_count)
    _check_quantisation(options, setup, recipe)
    setup = replace(setup, recipe=recipe)
    task = replace(task, recipe=recipe)
    run = TrainingRun(
        setup,
        task,
        options.output,
        group,
        workers=options.workers,
        init=find_weights(options.init) if options.init else None,
        resume=options.resume,
    )
    if group.is_first:
        setup.save(options.output)
        _introduce(run)
    folder = options.output if group.is_first else None
    with (
        stop_on_signals() as stop,
        RunLog(folder, setup.class_names, run.steps_taken, setup.recipe.steps) as log,
    ):
        run.run(log, stop)
    if group.is_first and run.steps_taken < setup.recipe.steps:
        print(f'stopped after step {run.steps_taken}; go on with --resume', file=sys.stderr)
    elif group.is_first:
        print(_next_steps(run), file=sys.stderr)
    return 0


def _next_steps(run: TrainingRun) -> str:
    """Return what to type to use what was trained."""
    from rtformer_ros.training.run.training_run import BEST_WEIGHTS

    crop, folder = run.setup.recipe.crop, run.folder
    weights, score = quote(str(folder / BEST_WEIGHTS)), f'{100 * run.best_score:.2f} %'
    if not isinstance(run.setup.labels, LabelSet):
        return (
            f'best val top-1 {score}, curves and pictures in {folder}; to score it, and to train '
            'a network of its backbone to segment:\n'
            f'  ros2 run rtformer_ros evaluate --model {weights} --dataset {run.setup.dataset} '
            f'--root {quote(str(run.setup.root))}\n'
            f'  ros2 run rtformer_ros train --network {run.setup.network} --init {weights} ...'
        )
    precision = ' --precision int8' if run.setup.recipe.quantisation.kind == 'layered' else ''
    model = folder / f'{folder.name}.onnx'
    return (
        f'best val mIoU {score}, curves and pictures in {folder}; to use '
        'it, with the height and width (multiples of 8) that the robot is to compute at:\n'
        f'  ros2 run rtformer_ros export {weights} {quote(str(model))} --height {crop.height} '
        f'--width {crop.width}{precision}\n'
        '  ros2 launch rtformer_ros seg.launch.py image:=/camera/image_raw '
        f'model:={quote(str(model.absolute()))}'
    )


def _setup(options: TrainOptions, group: ProcessGroup) -> RunSetup:
    """Return the setup that the command line gives, on top of that of the run to be resumed."""
    from rtformer_ros.training.run.run_state import STATE_FILE

    if options.resume:
        setup = load_setup(options.output)
        _refuse_other_run(options, setup)
        recipe = setup.recipe
        if options.recipe:
            # What the network consists of stays.
            given = load_recipe(find_recipe(options.recipe))
            recipe = replace(given, quantisation=recipe.quantisation)
        return replace(setup, recipe=recipe, root=options.root or setup.root)
    if options.dataset is None or options.root is None:
        raise ConfigError('--dataset and --root are needed to start a run; expected both')
    if group.is_first and (options.output / STATE_FILE).exists():
        raise ConfigError(
            f'{options.output} holds a run already; give --resume to go on with it, or another '
            '--output'
        )
    return RunSetup(
        dataset=options.dataset,
        root=options.root.resolve(),
        network=options.network or f'rtformer_{options.variant or "slim"}',
        labels=classes_of(options, options.dataset, options.root),
        recipe=load_recipe(find_recipe(options.recipe or _default_recipe(options.dataset))),
        split=load_split(find_split(options.split)) if options.split else None,
    )


def _refuse_other_run(options: TrainOptions, setup: RunSetup) -> None:
    """Raise ConfigError for an option that would make a resumed run another one."""
    of_run = {
        'dataset': setup.dataset,
        'variant': setup.network.removeprefix('rtformer_'),
        'network': setup.network,
    }
    for name, has in of_run.items():
        wanted = getattr(options, name)
        if wanted not in (None, has):
            raise ConfigError(
                f'--{name} is {wanted}, the run in {options.output} has {has}; leave --{name} '
                'out to resume it, or start another with another --output'
            )
    for name in ('labels', 'init', 'split', 'qat'):
        if getattr(options, name) is not None:
            raise ConfigError(f'--{name} cannot be changed by --resume; leave it out')


def _check_quantisation(options: TrainOptions, before: RunSetup, recipe: Recipe) -> None:
    """Raise ConfigError for quantised weights that cannot be trained in this run."""
    if options.resume and recipe.quantisation != before.recipe.quantisation:
        raise ConfigError(
            'quantisation cannot be changed by --resume; leave --set quantisation... out'
        )
    kind = recipe.quantisation.kind
    for name, value in (('bits', options.bits), ('groups', options.groups)):
        if value is not None and kind != 'parallel':
            raise ConfigError(
                f'--{name} is for --qat parallel, and this run has {kind}; leave it out'
                + (' (--set quantisation.bits=[8,4] for layered)' if kind == 'layered' else '')
            )
    if kind == 'none':
        return
    if not (options.resume or options.init):
        raise ConfigError(
            '--qat trains weights further that were trained without it; expected them as --init'
        )
    if not isinstance(before.labels, LabelSet):
        raise ConfigError(
            f'--qat is for networks that segment, {before.dataset} has classes of images as a '
            'whole; leave --qat out'
        )


def _default_recipe(dataset: str) -> str:
    """Return the recipe of a data set's own name where there is one."""
    try:
        find_recipe(dataset)
    except ConfigError:
        return 'default'
    return dataset


def _recipe(options: TrainOptions, recipe: Recipe, sample_count: int) -> Recipe:
    """Return a recipe with what the command line changes."""
    changes: dict[str, Any] = dict(parse_change(text) for text in options.set)
    if options.qat:
        # Recipes may have Muon, which no quantised weights were trained by yet.
        changes.setdefault('optimizer.kind', 'adamw')
    direct = {
        'steps': options.steps,
        'batch_size': options.batch_size,
        'optimizer.lr': options.lr,
        'precision': options.precision,
        'seed': options.seed,
        'quantisation.kind': options.qat,
        'quantisation.group_bits': options.bits,
        'quantisation.groups': options.groups,
    }
    changes.update({name: value for name, value in direct.items() if value is not None})
    if options.crop:
        changes['crop.height'], changes['crop.width'] = options.crop
    changed = with_changes(recipe, changes)
    if options.epochs is not None:
        steps = max(1, math.ceil(options.epochs * sample_count / changed.batch_size))
        changed = replace(changed, steps=steps)
    for line in differences(recipe, changed):
        print(f'recipe: {line}', file=sys.stderr)
    return changed


def _introduce(run: TrainingRun) -> None:
    setup, recipe, network = run.setup, run.setup.recipe, run.learner.average.network
    print(
        f'{network.family.title} {network.architecture.variant} on {run.task.dataset_name}, '
        f'{len(setup.class_names)} classes: {recipe.steps} steps of {recipe.batch_size} crops of '
        f'{recipe.crop.height} x {recipe.crop.width}',
        file=sys.stderr,
    )
    initial = run.initial_weights
    if initial is not None:
        print(
            f'{initial.copied} weights copied; {len(initial.fresh)} fresh ones: '
            f'{_shortened(initial.fresh)}',
            file=sys.stderr,
        )
    if initial is not None and initial.left_out:
        print(
            f'{len(initial.left_out)} weights of the file left out, for which this network has no '
            f'place: {_shortened(initial.left_out)}',
            file=sys.stderr,
        )


def _shortened(weights: Sequence[str]) -> str:
    """Return names of weights as text; of many, those of the modules that they are in."""
    if len(weights) > _MOST_LISTED_WEIGHTS:
        return ', '.join(f'{each}.*' for each in dict.fromkeys(w.split('.')[0] for w in weights))
    return ', '.join(weights) or 'none'


if __name__ == '__main__':
    sys.exit(main())
