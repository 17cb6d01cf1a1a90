# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What TensorRT would do with a plan, on a simulated GPU."""

import numpy as np
import onnxruntime
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.model_metadata import ModelMetadata

HEIGHT, WIDTH = 6, 10
OURS = ModelMetadata(labels=LabelSet.generic(5))


def maps(image):
    """A plan of ours: class by red, confidence by green."""
    return {'class_map': image[..., 0] // 64, 'confidence': image[..., 1]}


class SimulatedPlan:
    """What TensorRT would do with a plan; one of ours as it is made."""

    def __init__(self, stand_ins, cudart):
        self.stand_ins, self.trt, self.cudart = stand_ins, stand_ins.module, cudart
        self.inputs = {'image': ('UINT8', (-1, HEIGHT, WIDTH, 3))}
        # Not in the order of the model's outputs, which TensorRT does not promise.
        self.outputs = {
            'confidence': ('UINT8', (-1, HEIGHT, WIDTH)),
            'class_map': ('UINT8', (-1, HEIGHT, WIDTH)),
        }
        self.batches = [(1, 1, 1), (4, 4, 4)]
        self.scratch_bytes = 1000
        self.compute = maps
        self.contexts = []
        self.refused_batches = self.refused_profiles = ()
        self.ignores_address = self.is_refused_in_graph = False
        self.enqueued = []

    def imitate(self, path):
        """Be a plan of an ONNX file, which another runtime computes; integers have 32 bits."""
        session = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
        [image], outputs = session.get_inputs(), session.get_outputs()
        kinds = {'tensor(uint8)': 'UINT8', 'tensor(float)': 'FLOAT'}
        self.inputs = {image.name: (kinds[image.type], (-1, *image.shape[1:]))}
        names = [output.name for output in outputs]

        def compute(tensor):
            results = session.run(names, {image.name: tensor})
            return {
                name: array.astype(np.int32) if array.dtype == np.int64 else array
                for name, array in zip(names, results, strict=True)
            }

        black = np.zeros((1, *image.shape[1:]), {'UINT8': np.uint8}.get(kinds[image.type], 'f4'))
        self.outputs = {
            name: ({'f': 'FLOAT', 'i': 'INT32'}[array.dtype.kind], (-1, *array.shape[1:]))
            for name, array in compute(black).items()
        }
        self.compute = compute
        return self.install()

    def install(self):
        names = ['confidence', *self.inputs, *[n for n in self.outputs if n != 'confidence']]
        names = [n for n in names if n in self.inputs or n in self.outputs]
        tensors, modes = {**self.inputs, **self.outputs}, self.trt.TensorIOMode
        for name, value in {
            'ICudaEngine.num_io_tensors': len(names),
            'ICudaEngine.get_tensor_name': lambda _, index: names[index],
            'ICudaEngine.get_tensor_mode': lambda _, name: (
                modes.INPUT if name in self.inputs else modes.OUTPUT
            ),
            'ICudaEngine.get_tensor_dtype': lambda _, name: getattr(
                self.trt.DataType, tensors[name][0]
            ),
            'ICudaEngine.get_tensor_shape': lambda _, name: tensors[name][1],
            'ICudaEngine.get_tensor_profile_shape': lambda _, name, profile: self.profile(
                name, profile
            ),
            'ICudaEngine.num_optimization_profiles': len(self.batches),
            **self.memory(),
            'IExecutionContext.set_optimization_profile_async': self.set_profile,
            'ICudaEngine.create_execution_context': lambda *_: self.make_context(),
            'IExecutionContext.set_input_shape': self.set_input_shape,
            'IExecutionContext.get_tensor_shape': lambda context, name: self.shape(context, name),
            'IExecutionContext.set_tensor_address': self.set_tensor_address,
            'IExecutionContext.execute_async_v3': self.execute,
        }.items():
            self.stand_ins.answer(name, value)
        return self

    def profile(self, name, profile):
        shape = self.inputs[name][1]
        return [self.trt.Dims((batch, *shape[1:])) for batch in self.batches[profile]]

    def memory(self):
        has_v2 = hasattr(self.trt.ICudaEngine, 'device_memory_size_v2')
        answers = {f'ICudaEngine.device_memory_size{"_v2" if has_v2 else ""}': self.scratch_bytes}
        own = 'create_execution_context_without_device_memory'
        if hasattr(self.trt.ICudaEngine, own):
            answers[f'ICudaEngine.{own}'] = lambda *_: self.make_context()
        return answers

    def set_profile(self, context, profile_index, stream_handle):
        assert stream_handle
        self.state(context)[0]['profile'] = profile_index
        return profile_index not in self.refused_profiles

    def make_context(self):
        context = self.stand_ins.make('IExecutionContext')
        self.contexts.append((context, {}, {}))
        return context

    def state(self, context):
        return next((shapes, places) for c, shapes, places in self.contexts if c is context)

    def set_input_shape(self, context, name, shape):
        low, _, high = self.batches[self.state(context)[0].get('profile', 0)]
        is_within = -1 not in self.inputs[name][1] or low <= shape[0] <= high
        if shape[0] in self.refused_batches or not is_within:
            return False
        self.state(context)[0][name] = tuple(shape)
        return True

    def shape(self, context, name):
        batch = self.state(context)[0][next(iter(self.inputs))][0]
        return (batch, *self.outputs[name][1][1:])

    def set_tensor_address(self, context, name, memory):
        self.state(context)[1][name] = memory
        return memory % 256 == 0

    def execute(self, context, stream_handle):
        is_recording = bool(self.cudart._recording)
        self.enqueued.append(is_recording)
        if is_recording and self.is_refused_in_graph:
            return False
        shapes, places = (dict(each) for each in self.state(context))
        self.cudart.enqueue(stream_handle, lambda: self.work(shapes, places))
        return True

    def work(self, shapes, places):
        [(name, (kind, _))] = self.inputs.items()
        dtype = {'UINT8': np.uint8, 'FLOAT': np.float32}[kind]
        nbytes = int(np.prod(shapes[name])) * np.dtype(dtype).itemsize
        image = np.frombuffer(self.cudart.bytes_at(places[name], nbytes), dtype)
        for output, array in self.compute(image.reshape(shapes[name])).items():
            content = np.ascontiguousarray(array).tobytes()
            self.cudart.bytes_at(places[output], len(content))[:] = content


def images(count, seed=0):
    shape = (count, HEIGHT, WIDTH, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def assert_ours(batch, images_nhwc):
    expected = maps(images_nhwc)
    assert np.array_equal(batch.class_map_nhw, expected['class_map'])
    assert np.array_equal(batch.confidence_nhw, expected['confidence'])
