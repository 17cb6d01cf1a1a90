"""Say what a training run is: network, data and recipe; kept beside its results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rtformer_ros.errors import ConfigError
from rtformer_ros.files.atomic_file import write_atomically
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.network.rtformer_architecture import VariantName
from rtformer_ros.training.recipe import Recipe
from rtformer_ros.training.recipe_file import recipe_from_dict, recipe_to_dict

_FILE = 'run.yaml'


@dataclass(frozen=True)
class RunPlan:
    """
    What is trained on what, how.

    dataset: its name on the command line; root: its folder; variant: 'slim' or 'base'.
    """

    dataset: str
    root: Path
    variant: VariantName
    labels: LabelSet
    recipe: Recipe

    def save(self, folder: Path) -> None:
        """Write the plan to folder/run.yaml."""
        data = {
            'dataset': self.dataset,
            'root': str(self.root),
            'variant': self.variant,
            'labels': self.labels.to_dict(),
            'recipe': recipe_to_dict(self.recipe),
        }
        text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
        write_atomically(folder / _FILE, text.encode())


def load_plan(folder: Path) -> RunPlan:
    """Read the plan of a run from its folder; raises ConfigError, naming what is at fault."""
    path = folder / _FILE
    try:
        data: Any = yaml.safe_load(path.read_text(encoding='utf-8'))
        return RunPlan(
            dataset=data['dataset'],
            root=Path(data['root']),
            variant=data['variant'],
            labels=LabelSet.from_dict(data['labels'], f'{path}: labels'),
            recipe=recipe_from_dict(data['recipe'], f'{path}: recipe'),
        )
    except OSError as error:
        raise ConfigError(
            f'there is no run to resume in {folder} ({error}); start it without --resume'
        ) from error
    except (UnicodeDecodeError, yaml.YAMLError, LookupError, TypeError) as error:
        raise ConfigError(f'{path} is no description of a run: {error!r}') from error
