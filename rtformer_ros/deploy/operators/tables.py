# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Say which operators and types TensorRT's ONNX importer takes.

Source: docs/operators.md of onnx/onnx-tensorrt, branches release/8.6-GA and 10.1-GA; later
releases took more, never less.
"""

from __future__ import annotations

from typing import Literal

from onnx import TensorProto

Release = Literal['8.6', '10']

OPSETS: dict[Release, range] = {'8.6': range(7, 18), '10': range(9, 21)}
"""The ONNX operator sets that each release reads."""

BYTE_PARTNERS = frozenset({TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE})
"""What bytes can be cast from and to: DataType::kUINT8 in NvInferRuntimeBase.h of any release."""

_LETTERS = {
    'f': ('FLOAT', 'DOUBLE'),  # double is cast down
    'h': ('FLOAT16',),
    'b': ('BFLOAT16',),
    'i': ('INT32',),
    'l': ('INT64',),
    'q': ('INT8',),
    'u': ('UINT8',),
    'o': ('BOOL',),
}

# Types in 8.6, types in 10 (none: not supported), operators.
_GROUPS = (
    ('fh', 'fhb',
        'Acos Acosh Asin Asinh Atan Atanh BatchNormalization Ceil Celu Cos Cosh CumSum Dropout '
        'Einsum Erf Exp Floor GRU GroupNormalization ImageScaler InstanceNormalization IsInf '
        'LRN LSTM LayerNormalization Log LogSoftmax LpNormalization MatMul '
        'MeanVarianceNormalization Pow QuantizeLinear RNN RandomNormal RandomNormalLike '
        'RandomUniform RandomUniformLike Reciprocal Resize Scan Sin Sinh Softmax Sqrt Tan '
        'Upsample'
    ),
    ('fhi', 'fhbil',
        'Abs Add ArgMax ArgMin DepthToSpace Div Equal Greater GreaterOrEqual IsNaN Less '
        'LessOrEqual Max Mean Min Mod Mul Neg Range Shrink SpaceToDepth Sub Sum TopK'
    ),
    ('fhq', 'fhb',
        'Clip Conv ConvTranspose Elu Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool '
        'HardSigmoid HardSwish LeakyRelu LpPool MaxPool PRelu ParametricSoftplus Round '
        'ScaledTanh Selu Sigmoid Softplus Softsign Tanh ThresholdedRelu'
    ),
    ('fhiqo', 'fhbilo',
        'Concat Constant Gather GatherElements GatherND Identity Reshape ReverseSequence Shape '
        'Size Slice Squeeze Transpose Trilu Unsqueeze'
    ),
    ('fh', 'fhbil',
        'ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin '
        'ReduceProd ReduceSum ReduceSumSquare'
    ),
    ('fhio', 'fhbilo',
        'Expand EyeLike Flatten If Loop OneHot Split Tile Where'
    ),
    ('fhiq', 'fhbil',
        'Pad Scatter ScatterElements ScatterND Sign'
    ),
    ('o', 'o',
        'And Not Or Xor'
    ),
    ('fh', 'fh',
        'GridSample NonMaxSuppression NonZero RoiAlign'
    ),
    ('', 'fh',
        'DeformConv Mish'
    ),
    ('fhiq', 'fhb',
        'AveragePool'
    ),
    ('fhiquo', 'fhbiluo',
        'Cast'
    ),
    ('', 'fhbiluo',
        'CastLike'
    ),
    ('f', 'fhbilo',
        'ConstantOfShape'
    ),
    ('q', 'q',
        'DequantizeLinear'
    ),
    ('', 'fhbilq',
        'Gelu'
    ),
    ('', 'fhb',
        'Hardmax'
    ),
    ('fhq', 'fhbil',
        'Relu'
    ),
)  # fmt: skip


def types_taken(operator: str, release: Release) -> frozenset[int]:
    """Return the ONNX element types that an operator may have, empty if it is not supported."""
    return _TAKEN[release].get(operator, frozenset())


def known_operators() -> list[str]:
    """Return the names of all operators that some release supports."""
    return sorted(operator for *_, operators in _GROUPS for operator in operators.split())


def _types(letters: str, release: Release) -> frozenset[int]:
    # 8.6 has no 64-bit integers: it casts them down.
    letters += 'l' if release == '8.6' and 'i' in letters else ''
    names = [name for letter in letters for name in _LETTERS[letter]]
    return frozenset(TensorProto.DataType.Value(name) for name in names)


_TAKEN: dict[Release, dict[str, frozenset[int]]] = {
    release: {
        operator: _types(letters[column], release)
        for *letters, operators in _GROUPS
        for operator in operators.split()
    }
    for column, release in enumerate(OPSETS)
}
