# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Where networks are weakly typed, the builder is held to the types of the model."""

from pathlib import Path
from types import SimpleNamespace

from rtformer_ros.engines.request import BuildOptions, BuildWatch
from rtformer_ros.engines.tensorrt.build.builder import build_plan


def build(precision):
    return build_plan(Path('/models/street.onnx'), precision, BuildOptions(), BuildWatch())


def layers_of(stand_ins, trt, kinds, fp32):
    """Make layers of {name: (type, inputs, outputs)} and let every network have them."""
    half, single = trt.DataType.HALF, trt.DataType.FLOAT
    names = {name for _, inputs, outputs in kinds.values() for name in (*inputs, *outputs)}
    tensors = {
        name: stand_ins.make('ITensor', name=name, dtype=single if name in fp32 else half)
        for name in names
    }
    layers = {
        name: stand_ins.make(
            'ILayer',
            name=name,
            type=getattr(trt.LayerType, kind),
            num_inputs=len(inputs),
            num_outputs=len(outputs),
            get_input=lambda layer, index, names=inputs: tensors[names[index]],
            get_output=lambda layer, index, names=outputs: tensors[names[index]],
        )
        for name, (kind, inputs, outputs) in kinds.items()
    }
    stand_ins.answer('INetworkDefinition.num_layers', len(layers))
    in_order = list(layers.values())
    stand_ins.answer('INetworkDefinition.get_layer', lambda network, index: in_order[index])
    return layers


def assigned(stand_ins, target):
    """Return the properties of an object that were assigned to."""
    return {call.name.rpartition('.')[2] for call in stand_ins.calls if call.target is target}


def test_layers_in_fp32_are_held_to_it(stand_ins, trt, network, is_typed):
    """Where types are weak: an FP16 network with a softmax in FP32 between two casts."""
    kinds = {
        'conv': ('CONVOLUTION', ['image'], ['features']),
        'up': ('CAST', ['features'], ['wide']),
        'softmax': ('SOFTMAX', ['wide'], ['weights']),
        'scale': ('CONSTANT', [], ['scale']),
        'down': ('CAST', ['weights'], ['narrow']),
    }
    layers = layers_of(stand_ins, trt, kinds, {'wide', 'weights', 'scale'})
    build('fp16')
    bound = {name for name, layer in layers.items() if 'precision' in assigned(stand_ins, layer)}
    assert bound == (set() if is_typed else {'softmax'})
    outputs = stand_ins.arguments('ILayer.set_output_type')
    assert outputs == ([] if is_typed else [{'index': 0, 'dtype': trt.DataType.FLOAT}])


def test_quantized_layers_are_left_to_run_in_int8(stand_ins, trt, network, is_typed):
    kinds = {
        'quantize': ('QUANTIZE', ['image'], ['q']),
        'dequantize': ('DEQUANTIZE', ['q'], ['x']),
        'conv': ('CONVOLUTION', ['x'], ['y']),
        'softmax': ('SOFTMAX', ['y'], ['z']),
    }
    layers = layers_of(stand_ins, trt, kinds, {'image', 'x', 'y', 'z'})
    build('typed')
    bound = {name for name, layer in layers.items() if 'precision' in assigned(stand_ins, layer)}
    assert bound == (set() if is_typed else {'softmax'})
    flags = [each['flag'] for each in stand_ins.arguments('IBuilderConfig.set_flag')]
    assert is_typed or trt.BuilderFlag.INT8 in flags


def test_what_8_5_lacks_is_not_needed(stand_ins, trt, network, is_typed):
    """Its wheels weigh half a GB, so what it lacks of 8.6 is taken away."""
    kept = {n: v for n, v in trt.LayerType.__members__.items() if n != 'CAST'}
    kinds = {
        'up': ('IDENTITY', ['image'], ['wide']),
        'softmax': ('SOFTMAX', ['wide'], ['weights']),
    }
    layers = layers_of(stand_ins, trt, kinds, {'wide', 'weights'})
    stand_ins.forget('IBuilderConfig.builder_optimization_level')
    trt.LayerType = SimpleNamespace(**kept)
    assert build('fp16').plan == b'the plan'
    bound = {name for name, layer in layers.items() if 'precision' in assigned(stand_ins, layer)}
    assert bound == (set() if is_typed else {'softmax'})
