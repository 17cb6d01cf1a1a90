# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Give the weights of PaddleSeg's DDRNet the names of the authors', which are ours."""

from __future__ import annotations

from collections.abc import Mapping
import re

from torch import Tensor

_PART = re.compile(r'(?P<owner>.+)\._(?P<part>conv|batch_norm)\.(?P<leaf>\w+)')
_BLOCK = re.compile(r'(?P<block>layer\d_?\.\d+)\.(?P<unit>conv_bn(_relu\d?)?)')
_BOTTLENECKS = ('layer5', 'layer5_')
_UNITS = {'conv_bn_relu': 1, 'conv_bn_relu1': 1, 'conv_bn_relu2': 2}
_HEADS = {'head': 'final_layer', 'aux_head': 'seghead_extra'}
_LAYERS_A_UNIT = 3  # convolution, batch norm, ReLU


def authors_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights by the authors' names; those that are none of PaddleSeg's keep theirs."""
    return {_authors_name(key): value for key, value in state.items()}


def is_paddleseg(state: Mapping[str, Tensor]) -> bool:
    """Tell whether weights have PaddleSeg's names for the layers of DDRNet."""
    return 'down3._conv.weight' in state


def _authors_name(key: str) -> str:
    found = _PART.fullmatch(key)
    if found:
        return f'{_place(found["owner"], found["part"] == "conv")}.{found["leaf"]}'
    top, _, rest = key.partition('.')
    if top in _HEADS and rest.startswith(('bn1.', 'conv.')):
        return f'{_HEADS[top]}.{re.sub("^conv[.]", "conv2.", rest)}'
    return key


def _place(owner: str, is_conv: bool) -> str:
    """Return the place of the convolution, or else of the norm, in a unit of both."""
    block = _BLOCK.fullmatch(owner)
    if block:
        last = 3 if block['block'].partition('.')[0] in _BOTTLENECKS else 2
        number = _UNITS.get(block['unit'], last)
        return f'{block["block"]}.{"conv" if is_conv else "bn"}{number}'
    top, _, index = owner.partition('.')
    if top in _HEADS:
        return f'{_HEADS[top]}.{"conv1" if is_conv else "bn2"}'
    first = _LAYERS_A_UNIT * int(index) if index.isdigit() else 0
    return f'{top}.{first + (not is_conv)}'
