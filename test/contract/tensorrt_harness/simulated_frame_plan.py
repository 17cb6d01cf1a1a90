# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What TensorRT would do with a plan that takes frames, which another runtime computes."""

from dataclasses import dataclass, field
from functools import cache

from frame_graphs import seen_model, session
import numpy as np
from rtformer_ros.deploy.frames.frame_input import with_frame_input
from rtformer_ros.deploy.frames.pictures import picture_graph
from rtformer_ros.engines.tensorrt.frames.frame_shapes import fix_single_frame, fix_single_picture

NETWORK = (24, 32)
SCRATCH_PER_PIXEL = 3
_KINDS = {'UINT8': np.uint8, 'INT32': np.int32, 'FLOAT': np.float32}
_ONNX_KINDS = {'tensor(uint8)': 'UINT8', 'tensor(int32)': 'INT32', 'tensor(float)': 'FLOAT'}


@cache
def _graph(encoding, network):
    model = with_frame_input(seen_model(*network), encoding)
    ranges = fix_single_frame(model)
    return session(model), ranges


@cache
def _picture_graph(encoding, picture):
    model = picture_graph(picture, encoding)
    ranges = fix_single_picture(model)
    return session(model), ranges


@dataclass
class _Context:
    shapes: dict = field(default_factory=dict)
    places: dict = field(default_factory=dict)
    scratch: tuple = (0, 0)


class SimulatedFramePlan:
    """A plan whose class map is the red of the network's image, and whose confidence the blue."""

    def __init__(self, stand_ins, cudart, encoding, network=NETWORK):
        self.stand_ins, self.trt, self.cudart = stand_ins, stand_ins.module, cudart
        self.network = network
        self.session, self.ranges = self._graph(encoding)
        self.inputs = {
            each.name: (_ONNX_KINDS[each.type], self._dims(each.name, each.shape))
            for each in self.session.get_inputs()
        }
        self.outputs = [output.name for output in self.session.get_outputs()]
        self.contexts, self.is_refused_in_graph, self.most_contexts = {}, False, 99
        self.enqueued = []

    def _graph(self, encoding):
        return _graph(encoding, self.network)

    def _dims(self, name, shape):
        if name in self.ranges:
            return tuple(-1 if isinstance(length, str) else length for length in shape)
        return tuple(shape)

    def engine(self):
        """Return the ICudaEngine."""
        names = [*self.outputs, *self.inputs]
        modes = self.trt.TensorIOMode
        has_v2 = hasattr(self.trt.ICudaEngine, 'device_memory_size_v2')
        plain = 'create_execution_context_without_device_memory'
        creates = ['create_execution_context']
        creates += [plain] if hasattr(self.trt.ICudaEngine, plain) else []
        return self.stand_ins.make(
            'ICudaEngine',
            num_io_tensors=len(names),
            get_tensor_name=lambda _, index: names[index],
            get_tensor_mode=lambda _, name: modes.INPUT if name in self.inputs else modes.OUTPUT,
            get_tensor_dtype=lambda _, name: getattr(
                self.trt.DataType, self.inputs.get(name, ('UINT8',))[0]
            ),
            get_tensor_shape=lambda _, name: self.inputs[name][1],
            get_tensor_profile_shape=self._profile_shape,
            **{f'device_memory_size{"_v2" if has_v2 else ""}': self._scratch_bytes()},
            **dict.fromkeys(creates, lambda *_: self._make_context()),
        )

    def _profile_shape(self, _, name, profile):
        assert profile == 0
        each = self.ranges[name]
        return [self.trt.Dims(shape) for shape in (each.smallest, each.usual, each.largest)]

    def _scratch_bytes(self, shapes=None):
        rows, columns = (
            shapes[name][0] if shapes else self.ranges[name].largest[0]
            for name in ('mask_rows', 'mask_columns')
        )
        return SCRATCH_PER_PIXEL * rows * columns

    def _make_context(self):
        if len(self.contexts) >= self.most_contexts:
            return None
        has = self.trt.IExecutionContext
        answers = {
            'set_input_shape': self._set_input_shape,
            'get_tensor_shape': self._output_shape,
            'set_tensor_address': self._set_tensor_address,
            'execute_async_v3': self._execute,
        }
        if hasattr(has, 'update_device_memory_size_for_shapes'):
            answers['update_device_memory_size_for_shapes'] = self._told_scratch
        if hasattr(has, 'set_device_memory'):
            answers['set_device_memory'] = self._set_device_memory
        context = self.stand_ins.make('IExecutionContext', **answers)
        self.contexts[id(context)] = (context, _Context())
        return context

    def _of(self, context):
        return self.contexts[id(context)][1]

    def _set_input_shape(self, context, name, shape):
        if name in self.ranges:
            each = self.ranges[name]
            ends = zip(each.smallest, shape, each.largest, strict=True)
            if not all(low <= length <= high for low, length, high in ends):
                return False
        else:
            assert tuple(shape) == self.inputs[name][1]
        self._of(context).shapes[name] = tuple(shape)
        return True

    def _told_scratch(self, context):
        assert self._of(context).shapes.keys() == self.inputs.keys(), 'before all shapes are known'
        return self._scratch_bytes(self._of(context).shapes)

    def _set_device_memory(self, context, memory, size):
        self._of(context).scratch = (memory, size)

    def _output_shape(self, context, name):
        shapes = self._of(context).shapes
        if name == 'network_class_map':
            return (1, *self.network)
        return (1, shapes['mask_rows'][0], shapes['mask_columns'][0])

    def _set_tensor_address(self, context, name, memory):
        self._of(context).places[name] = memory
        return memory % 256 == 0

    def _execute(self, context, stream_handle):
        is_recording = bool(self.cudart._recording)
        self.enqueued.append(is_recording)
        if is_recording and self.is_refused_in_graph:
            return False
        state = self._of(context)
        address, nbytes = state.scratch
        if not address:
            address, nbytes = context._answers['device_memory'], self._scratch_bytes()
        needed = self._scratch_bytes(state.shapes)
        assert nbytes >= needed
        shapes, places = dict(state.shapes), dict(state.places)
        self.cudart.enqueue(stream_handle, lambda: self._work(shapes, places, address, needed))
        return True

    def _work(self, shapes, places, scratch, needed):
        # It is written to, also by a graph that is replayed.
        self.cudart.bytes_at(scratch, needed)[:] = bytes(needed)
        given = {}
        for name, (kind, _) in self.inputs.items():
            dtype = np.dtype(_KINDS[kind])
            nbytes = int(np.prod(shapes[name])) * dtype.itemsize
            content = self.cudart.bytes_at(places[name], nbytes)
            given[name] = np.frombuffer(content, dtype).reshape(shapes[name])
        for name, array in zip(self.outputs, self.session.run(self.outputs, given), strict=True):
            self.cudart.bytes_at(places[name], array.nbytes)[:] = array.tobytes()


class SimulatedPicturePlan(SimulatedFramePlan):
    """A plan that paints a picture of frames and their masks."""

    def __init__(self, stand_ins, cudart, encoding, picture):
        self.picture = picture
        super().__init__(stand_ins, cudart, encoding)

    def _graph(self, encoding):
        return _picture_graph(encoding, self.picture)

    def _scratch_bytes(self, shapes=None):
        shape = shapes['class_map'] if shapes else self.ranges['class_map'].largest
        return SCRATCH_PER_PIXEL * shape[1] * shape[2]

    def _output_shape(self, context, name):
        return (*self._of(context).shapes['class_map'], 3)
