# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Say how a network is trained: everything that a recipe file may set, with the paper's values.

The defaults are those published for RTFormer on Cityscapes (arXiv 2210.07124, section 4, and the
reference's configuration).
"""

from __future__ import annotations

from dataclasses import dataclass, field
import math
from operator import attrgetter
from typing import Literal

from rtformer_ros.errors import ConfigError
from rtformer_ros.network.quantisation.bit_planes import BIT_WIDTHS, CODE_BITS
from rtformer_ros.network.quantisation.group_precision import GroupPrecision

OptimizerKind = Literal['adamw', 'muon']
ScheduleKind = Literal['poly', 'cosine', 'stable']
TrainingPrecision = Literal['auto', 'fp32', 'bf16', 'fp16']
QuantisationKind = Literal['none', 'layered', 'parallel']


_MOST_SEED = (1 << 32) - 1
"""Those of the steps are made of it, and PyTorch takes 64 bits."""

_SHARES = (
    'loss.ohem_threshold', 'loss.ohem_min_share', 'crop.flip_chance', 'crop.focus_chance',
    'color.chance', 'color.wild_chance', 'color.gray_chance', 'color.class_chance',
    'weather.blur_chance', 'weather.noise_chance', 'weather.jpeg_chance', 'weather.fog_chance',
    'weather.rain_chance', 'weather.shadow_chance', 'weather.glare_chance', 'copy_paste.chance',
)  # fmt: skip
_BELOW_1 = ('ema_decay', 'optimizer.beta1', 'optimizer.beta2', 'loss.label_smoothing')
_NOT_NEGATIVE = (
    'optimizer.weight_decay', 'optimizer.head_lr_factor', 'optimizer.clip_norm',
    'optimizer.muon_lr_factor', 'schedule.warmup_steps', 'schedule.power', 'schedule.final_lr',
    'loss.aux_weight', 'loss.lovasz_weight', 'crop.aspect_jitter', 'crop.rotation_deg',
    'color.brightness', 'color.contrast', 'color.saturation', 'color.hue_deg', 'color.gamma',
    'color.cast',
)  # fmt: skip


@dataclass(frozen=True)
class NetworkRecipe:
    """
    Settings of the network; what is None is as published for the variant.

    Not every network has all of them: those that one lacks are left out.
    """

    drop_path_rate: float | None = None
    bn_momentum: float = 0.1
    cross_size: int | None = None
    injection: tuple[bool, bool] | None = None
    base_channels: int | None = None
    head_channels: int | None = None
    convention: str | None = None
    depths: tuple[int, ...] | None = None
    heads: int | None = None
    pale_size: int | None = None
    attention: str | None = None
    high: str | None = None
    feed_forward: str | None = None
    groups: tuple[int, int] | None = None
    memory_ratio: float | None = None
    projected_tokens: int | None = None
    boundary: str | None = None
    last_channels: int | None = None


@dataclass(frozen=True)
class OptimizerRecipe:
    """
    Settings of AdamW, and whether Muon steps the kernels instead.

    kind: 'muon' steps kernels of convolutions by Muon, at `muon_lr_factor` times the learning rate
    of the rest; it needs PyTorch 2.9. head_lr_factor: multiplies the learning rate of DAPPM, neck
    and heads. decay_norms: whether weight decay acts on batch norms and biases too. clip_norm: the
    longest gradient (L2 norm over all weights); 0 leaves gradients alone.
    """

    kind: OptimizerKind = 'adamw'
    lr: float = 4e-4
    weight_decay: float = 0.0125
    head_lr_factor: float = 10.0
    decay_norms: bool = True
    beta1: float = 0.9
    beta2: float = 0.999
    clip_norm: float = 0.0
    muon_lr_factor: float = 4.0


@dataclass(frozen=True)
class ScheduleRecipe:
    """
    How the learning rate moves: linear warm-up, then one of three ways to `final_lr`.

    poly: polynomial of `power`; cosine: half a cosine; stable: constant until the last
    `decay_share` of the steps, then polynomial of `power`. A stable run may be prolonged
    without having been planned longer.
    """

    kind: ScheduleKind = 'poly'
    warmup_steps: int = 1500
    power: float = 1.0
    final_lr: float = 1e-6
    decay_share: float = 0.4


@dataclass(frozen=True)
class LossRecipe:
    """
    Settings of the loss.

    aux_weight: share of the auxiliary head's loss. lovasz_weight: share of the Lovasz-softmax loss
    of the main head, which acts on the IoU of each class and so on thin and rare things;
    lovasz_stride: it looks at every lovasz_stride-th row and column, as sorting pixels is dear.
    label_smoothing: probability, 0 to below 1, that is spread over all classes.
    class_weight_power: 0 weighs every class alike, 1 as ENet does (1 / ln(1.02 + share of pixels),
    arXiv 1606.02147), between them less. ohem_threshold: only pixels whose true class has a lower
    probability count, 1 counts all; ohem_min_share: but at least this share of each image's
    pixels, the hardest ones. stride: the loss looks at every stride-th row and column, beginning
    anywhere; logits are interpolated from 1/8 of the size, so that neighbours say much the same,
    and the loss at every pixel is a third of a step on a CPU.
    """

    aux_weight: float = 0.4
    lovasz_weight: float = 0.0
    lovasz_stride: int = 4
    label_smoothing: float = 0.0
    class_weight_power: float = 0.0
    ohem_threshold: float = 1.0
    ohem_min_share: float = 0.0625
    stride: int = 1


@dataclass(frozen=True)
class CropRecipe:
    """
    How a training crop is cut from an image.

    height, width: pixels of the crop. The image is scaled by a factor drawn log-uniformly from
    scale_min to scale_max, by up to aspect_jitter more in one direction than in the other
    (0.1: 10 %) and turned by up to rotation_deg. flip_chance: of a mirrored crop. focus_chance: of
    a crop laid around a pixel of a class that is drawn with equal chances for every class present.
    """

    height: int = 512
    width: int = 1024
    scale_min: float = 0.5
    scale_max: float = 2.0
    aspect_jitter: float = 0.0
    rotation_deg: float = 0.0
    flip_chance: float = 0.5
    focus_chance: float = 0.0


@dataclass(frozen=True)
class ImageCropRecipe:
    """
    How images that are classified as a whole are cut to crop.height x crop.width.

    To train: a part of area_min to area_max of the image's area, up to aspect_max times as wide
    or as high for its height or width as the crop, anywhere (arXiv 1409.4842), mirrored with
    crop.flip_chance. To score: the middle; scored_share of the largest part of the crop's shape,
    by side. The other settings of the crop have no effect there.
    """

    area_min: float = 0.08
    area_max: float = 1.0
    aspect_max: float = 4 / 3
    scored_share: float = 0.875

    def __post_init__(self) -> None:
        """Raise ConfigError for the first value out of range."""
        smallest, largest, scored = self.area_min, self.area_max, self.scored_share
        _require(0 < smallest <= largest, 'area_min', smallest, f'above 0, up to {largest}')
        _require(largest <= 1, 'area_max', largest, 'up to 1')
        _require(self.aspect_max >= 1, 'aspect_max', self.aspect_max, '1 or more')
        _require(0 < scored <= 1, 'scored_share', scored, 'above 0, up to 1')


@dataclass(frozen=True)
class MixingRecipe:
    """
    How the images of a batch are mixed in pairs, where images are classified as a whole.

    mixup_alpha, cutmix_alpha: of the beta distribution that the share of an image is drawn from,
    0 for none of this way; with both, each batch is mixed in one of them, as likely as in the
    other. chance: that a batch is mixed at all.
    """

    mixup_alpha: float = 0.0
    cutmix_alpha: float = 0.0
    chance: float = 1.0

    def __post_init__(self) -> None:
        """Raise ConfigError for the first value out of range."""
        for name in ('mixup_alpha', 'cutmix_alpha'):
            _require(getattr(self, name) >= 0, name, getattr(self, name), '0 or more')
        _require(0 <= self.chance <= 1, 'chance', self.chance, '0 to 1')


@dataclass(frozen=True)
class ColorRecipe:
    """
    How colours are distorted.

    brightness, contrast, saturation: largest relative change. hue_deg: largest turn of the hue.
    gamma, cast: largest exponent and largest gain of a single channel, as powers of two (0.5:
    0.71 to 1.41). Chances: chance, that any of these happens; wild_chance, of a colour matrix
    that mixes channels at random; gray_chance, of a grey picture; class_chance, that the pixels
    of one or two classes are tinted on their own, so that a colour does not give a class away.
    """

    chance: float = 1.0
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.4
    hue_deg: float = 0.0
    gamma: float = 0.0
    cast: float = 0.0
    wild_chance: float = 0.0
    gray_chance: float = 0.0
    class_chance: float = 0.0


@dataclass(frozen=True)
class CorruptionRecipe:
    """Chances of corruptions: blur, noise, JPEG, fog, rain, shadow, glare."""

    blur_chance: float = 0.0
    noise_chance: float = 0.0
    jpeg_chance: float = 0.0
    fog_chance: float = 0.0
    rain_chance: float = 0.0
    shadow_chance: float = 0.0
    glare_chance: float = 0.0


@dataclass(frozen=True)
class CopyPasteRecipe:
    """Chance that objects of `classes` (names) are pasted in from another training image."""

    chance: float = 0.0
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class QuantisationRecipe:
    """
    Whether weights are trained to be quantised.

    kind: 'layered' trains one set of codes of 8 bits for all precisions of `bits` at once, with
    the sum of their losses; 8 has to be among them. 'parallel' trains `groups` parallel groups
    with weights and inputs of `group_bits` bits. observed_crops: training crops that steps and
    ranges of inputs are measured on at the start.
    """

    kind: QuantisationKind = 'none'
    bits: tuple[int, ...] = BIT_WIDTHS
    group_bits: int = 4
    groups: int = 2
    observed_crops: int = 8

    @property
    def group_precision(self) -> GroupPrecision:
        """Return what parallel groups are to be; raises ConfigError for values out of range."""
        return GroupPrecision(self.group_bits, self.groups)


@dataclass(frozen=True)
class Recipe:
    """
    Everything that decides how a training run goes, besides network size and data.

    steps: optimiser steps in all. batch_size: images a step, over all processes. ema_decay: how
    much of the moving average of the weights stays each step, 0 for none. seed: of weights, order
    and augmentation. validate_every, save_every: steps between.
    """

    steps: int = 120_000
    batch_size: int = 12
    ema_decay: float = 0.9998
    precision: TrainingPrecision = 'auto'
    seed: int = 0
    validate_every: int = 2000
    save_every: int = 500
    network: NetworkRecipe = field(default_factory=NetworkRecipe)
    optimizer: OptimizerRecipe = field(default_factory=OptimizerRecipe)
    schedule: ScheduleRecipe = field(default_factory=ScheduleRecipe)
    loss: LossRecipe = field(default_factory=LossRecipe)
    crop: CropRecipe = field(default_factory=CropRecipe)
    color: ColorRecipe = field(default_factory=ColorRecipe)
    weather: CorruptionRecipe = field(default_factory=CorruptionRecipe)
    copy_paste: CopyPasteRecipe = field(default_factory=CopyPasteRecipe)
    image_crop: ImageCropRecipe = field(default_factory=ImageCropRecipe)
    mixing: MixingRecipe = field(default_factory=MixingRecipe)
    quantisation: QuantisationRecipe = field(default_factory=QuantisationRecipe)

    def __post_init__(self) -> None:
        """Raise ConfigError for the first value out of range."""
        for name in ('steps', 'batch_size', 'validate_every', 'save_every'):
            _require(getattr(self, name) >= 1, name, getattr(self, name), '1 or more')
        _require(0 <= self.seed <= _MOST_SEED, 'seed', self.seed, f'0 to {_MOST_SEED}')
        self._check_ranges()
        _require(self.optimizer.lr > 0, 'optimizer.lr', self.optimizer.lr, 'above 0')
        crop = self.crop
        for side in ('height', 'width'):
            _require(getattr(crop, side) >= 32, f'crop.{side}', getattr(crop, side), '32 or more')
        least, most = crop.scale_min, crop.scale_max
        _require(0 < least <= most, 'crop.scale_min', least, f'above 0, up to scale_max ({most})')
        for name in ('stride', 'lovasz_stride'):
            _require(
                getattr(self.loss, name) >= 1,
                f'loss.{name}',
                getattr(self.loss, name),
                '1 or more',
            )
        share = self.schedule.decay_share
        _require(0 < share <= 1, 'schedule.decay_share', share, 'above 0, up to 1')
        bits, known = self.quantisation.bits, {*BIT_WIDTHS}
        is_widths = CODE_BITS in bits and len({*bits} & known) == len(bits)
        _require(is_widths, 'quantisation.bits', list(bits), '8, and 6, 4 and 2 as you like')
        _ = self.quantisation.group_precision
        crops = self.quantisation.observed_crops
        _require(crops >= 1, 'quantisation.observed_crops', crops, '1 or more')

    def _check_ranges(self) -> None:
        """Raise ConfigError for the first value outside of its plain range."""
        for names, most, expected in (
            (_SHARES, 1.0, '0 to 1'),
            (_BELOW_1, math.nextafter(1.0, 0.0), '0 to below 1'),
            (_NOT_NEGATIVE, math.inf, '0 or more'),
        ):
            for name in names:
                value = attrgetter(name)(self)
                _require(0 <= value <= most, name, value, expected)


def _require(holds: bool, name: str, value: object, expected: str) -> None:
    if not holds:
        raise ConfigError(f'{name} is {value!r}; expected {expected}')
