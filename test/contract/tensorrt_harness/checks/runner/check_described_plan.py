# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Run plans of other programs by their description: real bindings, a simulated GPU."""

from dataclasses import replace

from foreign_onnx import FORMS
import numpy as np
import pytest
from rtformer_ros.engines.tensorrt.build.graph import compile_graph
from rtformer_ros.errors import ConfigError, ModelError
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.model_metadata import InputFormat, ModelMetadata
from tensorrt_harness.simulated_plan import assert_ours, HEIGHT, images, OURS, WIDTH


@pytest.mark.parametrize(
    ('batches', 'used'), [([(1, 2, 4)], (1, 4)), ([(1, 8, 8), (1, 1, 1), (2, 2, 6)], (1, 8))]
)
def test_profiles_of_other_programs_are_used(plan, stand_ins, open_runner, batches, used):
    plan.batches = batches
    plan.install()
    runner = open_runner()
    assert runner.batches == used
    assert_ours(runner.run(images(9)), images(9))


def test_other_programs_plans_are_read_by_their_description(plan, open_runner):
    """Normalised BGR planes in, float logits at half the size out, sizes to choose from."""
    plan.inputs = {'input.1': ('FLOAT', (-1, 3, -1, -1))}
    plan.outputs = {'logits': ('FLOAT', (-1, 3, HEIGHT, WIDTH))}
    plan.compute = lambda planes: {'logits': planes}
    form = InputFormat('nchw_float', 'bgr', mean=(0.1, 0.2, 0.3), std=(0.5, 0.4, 0.3))
    plan.batches = [(1, 1, 2)]
    plan.profile = lambda name, profile: [
        plan.trt.Dims(shape) for shape in [(1, 3, 2, 2), (1, 3, 4, 4), (2, 3, 8, 16)]
    ]
    plan.install()
    described = ModelMetadata(labels=LabelSet.generic(3), input=form, output='logits')
    runner = open_runner(described, network_size=(HEIGHT, WIDTH))
    normalised = (images(3)[..., ::-1] / 255 - [0.1, 0.2, 0.3]) / [0.5, 0.4, 0.3]
    batch = runner.run(images(3))
    assert np.array_equal(batch.class_map_nhw, normalised.argmax(axis=3))
    exponentials = np.exp(normalised)
    probability = exponentials.max(axis=3) / exponentials.sum(axis=3)
    assert np.abs(batch.confidence_nhw - 255 * probability).max() <= 0.51
    with pytest.raises(
        ConfigError, match=r'network_size is \(9, 9\), but the plan takes \[2, 2\]'
    ):
        open_runner(described, network_size=(9, 9))


@pytest.mark.parametrize('form', FORMS, ids=lambda each: each.name)
def test_every_word_of_a_sidecar_holds(plan, open_runner, tmp_path, form):
    """Of a plan that returns what the graph that is compiled returns."""
    model = form.write(tmp_path / 'm.onnx')
    (tmp_path / 'work').mkdir()
    graph = compile_graph(model, 'fp32', (6, 8), tmp_path / 'work')
    plan.imitate(graph.path)
    images_nhwc = np.random.default_rng(7).integers(0, 256, (3, 6, 8, 3), np.uint8)
    classes, probability, clear = form.expected(images_nhwc)
    batch = open_runner(graph.metadata).run(images_nhwc, 4)
    is_clear = clear > 1e-2
    assert (batch.class_map_nhw == classes)[is_clear].all()
    tolerance = 1.5 if form.model.channels == 1 else 0.51
    assert np.abs(batch.confidence_nhw - 255 * probability)[is_clear].max() <= tolerance


def test_the_named_output_of_several_is_read(plan, open_runner):
    plan.outputs = dict.fromkeys(
        ('auxiliary', 'other', 'scores'), ('FLOAT', (-1, 2, HEIGHT, WIDTH))
    )
    plan.compute = lambda image: {
        name: np.moveaxis(image[..., [0, 1]], 3, 1).astype(np.float32) * sign
        for name, sign in (('auxiliary', -1), ('other', 0), ('scores', 1))
    }
    plan.install()
    batch = open_runner(ModelMetadata(output='logits', output_name='scores')).run(images(2))
    assert np.array_equal(batch.class_map_nhw, images(2)[..., :2].argmax(axis=3))
    with pytest.raises(ModelError, match=r'output_name: none, .* outputs auxiliary, other, sco'):
        open_runner(ModelMetadata(output='logits', output_name='none'))


@pytest.mark.parametrize('wanted', [None, (HEIGHT, WIDTH)])
def test_a_plan_for_several_sizes_runs_at_the_one_that_is_named(plan, open_runner, wanted):
    plan.inputs = {'image': ('UINT8', (-1, -1, -1, 3))}
    plan.batches = [(1, 1, 2)]
    plan.profile = lambda name, profile: [
        plan.trt.Dims(shape) for shape in [(1, 2, 2, 3), (1, 4, 4, 3), (2, 8, 16, 3)]
    ]
    plan.install()
    described = {None: (HEIGHT, WIDTH), (HEIGHT, WIDTH): (3, 5)}[wanted]
    metadata = replace(OURS, height=described[0], width=described[1])
    assert_ours(open_runner(metadata, network_size=wanted).run(images(2)), images(2))
    with pytest.raises(ConfigError, match=r'its size is \(9, 5\), but .* mend size in its desc'):
        open_runner(replace(OURS, height=9, width=5))


def test_class_indices_are_read(plan, open_runner):
    plan.outputs = {'index': ('INT32', (-1, 1, HEIGHT, WIDTH))}
    plan.compute = lambda image: {'index': (image[..., 0] // 64)[:, None].astype(np.int32)}
    plan.install()
    batch = open_runner(ModelMetadata(output='class_index')).run(images(2), 2)
    expected = images(2)[..., 0] // 64
    assert np.array_equal(batch.class_map_nhw, np.where(expected < 2, expected, 255))


@pytest.mark.parametrize(
    ('inputs', 'message'),
    [
        ({}, 'the plan has the inputs none'),
        ({'a': ('UINT8', (1, 2, 2, 3)), 'b': ('UINT8', (1,))}, r"inputs \['a', 'b'\]"),
        ({'image': ('UINT8', (1, 2, 2, 4))}, r'takes uint8 \[1, 2, 2, 4\]'),
        ({'image': ('FLOAT', (1, 2, 2, 3))}, 'but is described as nhwc_uint8 with 3 channel'),
        ({'image': ('INT8', (1, 3, 2, 2))}, 'takes int8'),
    ],
)
def test_a_plan_of_another_kind_is_refused(plan, open_runner, inputs, message):
    plan.inputs = inputs
    plan.install()
    with pytest.raises(ModelError, match=message):
        open_runner()
