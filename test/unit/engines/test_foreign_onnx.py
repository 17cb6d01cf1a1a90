# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Run models of other people's forms against results that are known in closed form."""

from foreign_onnx import expected_logits, ForeignModel, FORMS, IMAGENET, softmax, write_raw
import numpy as np
from onnx import helper
import pytest
from rtformer_ros.engines import EngineRequest, open_engine
from rtformer_ros.errors import ConfigError, ModelError
from rtformer_ros.labels.label_set import LabelSet
import torch
import yaml

LABELS = LabelSet.generic(4, 'four')


def sidecar(output='logits', **input_format):
    return {'input': {'layout': 'nchw_float', **input_format}, 'output': output}


def images(count=1, height=6, width=8):
    return np.random.default_rng(7).integers(0, 256, (count, height, width, 3), np.uint8)


def assert_matches(batch, logits, confidence_tolerance=0.51):
    """Compare classes where the closed form leaves no doubt, and confidences everywhere."""
    ordered = np.sort(logits, axis=-1)
    clear = ordered[..., -1] - ordered[..., -2] > 1e-2
    assert clear.mean() > 0.9
    assert (batch.class_map_nhw == logits.argmax(axis=-1))[clear].all()
    exact = 255 * softmax(logits).max(axis=-1)
    assert np.abs(batch.confidence_nhw - exact).max() <= confidence_tolerance


@pytest.fixture(params=[('onnxruntime', 'auto'), ('openvino', 'fp32')], ids=lambda each: each[0])
def open_model(request):
    """Return a function that opens a model in an engine that runs ONNX on the CPU."""
    engine, precision = request.param
    return lambda model, **more: open_engine(
        EngineRequest(model, engine, device='cpu', precision=precision, **more)
    )


@pytest.mark.parametrize(
    'input_format',
    [
        {},
        IMAGENET,
        {'channel_order': 'bgr', **IMAGENET},
        # Caffe's habit: pixels stay 0..255, the mean of each is taken off.
        {'channel_order': 'bgr', 'scale': 0.02, 'mean': [2.08, 2.33, 2.46]},
    ],
    ids=['plain', 'imagenet', 'bgr', 'unscaled'],
)
def test_normalisation_and_channel_order_are_those_of_the_sidecar(
    open_model, tmp_path, input_format
):
    model = ForeignModel().write(tmp_path / 'm.onnx', sidecar(**input_format))
    batch = open_model(model).infer(images(3))
    known = {
        {'channel_order': 'order'}.get(key, key): value for key, value in input_format.items()
    }
    assert_matches(batch, expected_logits(images(3), **known))


def test_half_precision_models_are_fed_half_precision(open_model, tmp_path):
    model = ForeignModel(dtype=np.float16).write(tmp_path / 'm.onnx', sidecar(**IMAGENET))
    batch = open_model(model).infer(images(2))
    assert_matches(batch, expected_logits(images(2), **IMAGENET), 1.5)


def test_smaller_logits_are_upsampled_before_the_decision(open_model, tmp_path):
    model = ForeignModel(pool=2).write(tmp_path / 'm.onnx', sidecar(**IMAGENET))
    pooled = expected_logits(images(2), **IMAGENET).reshape(2, 3, 2, 4, 2, 4).mean(axis=(2, 4))
    upsampled = torch.nn.functional.interpolate(
        torch.from_numpy(pooled).permute(0, 3, 1, 2), (6, 8), mode='bilinear', align_corners=False
    )
    assert_matches(open_model(model).infer(images(2)), upsampled.permute(0, 2, 3, 1).numpy())


@pytest.mark.parametrize('index_dtype', [np.int64, np.int32, np.uint8])
@pytest.mark.parametrize('keepdims', [0, 1])
def test_class_indices_are_taken_as_they_are(open_model, tmp_path, index_dtype, keepdims):
    form = ForeignModel('class_index', index_dtype=index_dtype, keepdims=keepdims)
    model = form.write(tmp_path / 'm.onnx', sidecar('class_index', **IMAGENET))
    batch = open_model(model, labels=LABELS).infer(images(2))
    expected = expected_logits(images(2), **IMAGENET).argmax(axis=-1)
    assert batch.class_map_nhw.dtype == np.uint8
    assert (batch.class_map_nhw == expected).mean() > 0.98
    assert (batch.confidence_nhw == 255).all()


def test_indices_without_a_label_are_unlabelled(open_model, tmp_path):
    model = ForeignModel('class_index').write(tmp_path / 'm.onnx', sidecar('class_index'))
    everything = open_model(model, labels=LABELS).infer(images()).class_map_nhw
    with_two = open_model(model, labels=LabelSet.generic(2)).infer(images()).class_map_nhw
    assert {2, 3} & set(np.unique(everything))
    assert (with_two == np.where(everything < 2, everything, 255)).all()


@pytest.mark.parametrize('fixed_batch', [1, 2])
def test_a_fixed_batch_takes_any_number_of_images(open_model, tmp_path, fixed_batch):
    form = ForeignModel(shape=(fixed_batch, 3, 6, 8))
    engine = open_model(form.write(tmp_path / 'm.onnx', sidecar(**IMAGENET)))
    for count in (1, 2, 3, 4):
        batch = engine.infer(images(count))
        assert len(batch) == count
        assert_matches(batch, expected_logits(images(count), **IMAGENET))


@pytest.mark.parametrize('form', FORMS, ids=lambda each: each.name)
def test_every_word_of_a_sidecar_holds(open_model, tmp_path, form):
    classes, probability, clear = form.expected(images(3))
    batch = open_model(form.write(tmp_path / 'm.onnx')).infer(images(3))
    is_clear = clear > 1e-2
    assert is_clear.mean() > 0.8
    assert len(np.unique(classes)) > 1
    assert (batch.class_map_nhw == classes)[is_clear].all()
    # A grey value may be rounded the other way.
    tolerance = 1.5 if form.model.channels == 1 else 0.51
    assert np.abs(batch.confidence_nhw - 255 * probability)[is_clear].max() <= tolerance


@pytest.mark.parametrize('name', ['logits', 'aux,out', ' out'])
def test_an_output_that_is_not_there_is_named(open_model, tmp_path, name):
    form = ForeignModel(has_auxiliary=True)
    model = form.write(tmp_path / 'm.onnx', {**sidecar(), 'output_name': name})
    with pytest.raises(ModelError, match=rf'm\.onnx: .* output_name: {name}, .* outputs aux, out'):
        open_model(model)


def test_without_a_name_the_first_output_is_read(open_model, tmp_path):
    model = ForeignModel(has_auxiliary=True).write(tmp_path / 'm.onnx', sidecar())
    with pytest.raises(ModelError, match=r'the first output is float32 \[\]; logits'):
        open_model(model)


def test_of_several_outputs_those_that_are_not_asked_for_may_be_of_any_form(open_model, tmp_path):
    """As a number for the whole batch, of which a fixed batch leaves nothing to join."""
    form = ForeignModel(shape=(2, 3, 6, 8), has_auxiliary=True)
    model = form.write(tmp_path / 'm.onnx', {**sidecar(), 'output_name': 'out'})
    assert_matches(open_model(model).infer(images(3)), expected_logits(images(3)))


class TestSize:
    ANY_SIZE = ForeignModel(shape=('n', 3, 'h', 'w'))

    @pytest.mark.parametrize('shape', [('n', 3, 'h', 'w'), ('n', 3, 6, 'w'), ('n', 'h', 'w', 3)])
    def test_that_nobody_names_is_asked_for(self, open_model, tmp_path, shape):
        layout = 'nchw_float' if shape[1] == 3 else 'nhwc_float'
        model = ForeignModel(shape=shape).write(tmp_path / 'm.onnx', sidecar(layout=layout))
        with pytest.raises(
            ConfigError,
            match=r'm\.onnx takes .* any size, .* network_size .* m\.yaml, .*size: 6',
        ):
            open_model(model)

    @pytest.mark.parametrize('asked', [None, (5, 7)])
    def test_is_the_sidecars_where_the_caller_names_none(self, open_model, tmp_path, asked):
        model = self.ANY_SIZE.write(tmp_path / 'm.onnx', {**sidecar(), 'size': '4x9'})
        engine = open_model(model, network_size=asked)
        size = asked or (9, 4)
        assert (engine.description.height, engine.description.width) == size
        assert_matches(engine.infer(images(1, *size)), expected_logits(images(1, *size)))

    def test_is_the_callers_where_the_model_takes_any(self, open_model, tmp_path):
        model = self.ANY_SIZE.write(tmp_path / 'm.onnx', sidecar())
        engine = open_model(model, network_size=(5, 7))
        batch = engine.infer(images(1, 5, 7))
        assert (engine.description.height, engine.description.width) == (5, 7)
        assert_matches(batch, expected_logits(images(1, 5, 7)))

    def test_is_the_sidecars_where_it_names_one(self, open_model, tmp_path):
        model = self.ANY_SIZE.write(tmp_path / 'm.onnx', {**sidecar(), 'height': 9, 'width': 4})
        batch = open_model(model).infer(images(1, 9, 4))
        assert batch.class_map_nhw.shape == (1, 9, 4)

    def test_of_the_model_is_not_overruled(self, open_model, tmp_path):
        model = ForeignModel().write(tmp_path / 'm.onnx', sidecar())
        with pytest.raises(ConfigError, match=r'\(5, 7\), but m.onnx is made for 6 x 8 pixels'):
            open_model(model, network_size=(5, 7))


class TestLabels:
    def test_come_from_a_file_beside_the_sidecar(self, open_model, tmp_path):
        (tmp_path / 'ours.yaml').write_text(yaml.safe_dump(LABELS.to_dict()))
        model = ForeignModel().write(tmp_path / 'm.onnx', {**sidecar(), 'labels': 'ours.yaml'})
        assert open_model(model).description.labels == LABELS

    def test_come_from_a_packaged_set_by_its_name(self, open_model, tmp_path):
        form = ForeignModel('class_index')
        model = form.write(tmp_path / 'm.onnx', {**sidecar('class_index'), 'labels': 'camvid'})
        assert open_model(model).description.labels.names[3] == 'Road'
        (tmp_path / 'camvid').write_text(yaml.safe_dump(LABELS.to_dict()))
        assert open_model(model).description.labels == LABELS

    def test_come_from_within_the_sidecar(self, open_model, tmp_path):
        model = ForeignModel().write(
            tmp_path / 'm.onnx', {**sidecar(), 'labels': LABELS.to_dict()}
        )
        assert open_model(model).description.labels == LABELS

    def test_of_the_caller_go_first(self, open_model, tmp_path):
        model = ForeignModel().write(
            tmp_path / 'm.onnx', {**sidecar(), 'labels': LABELS.to_dict()}
        )
        mine = LabelSet.generic(4, 'mine')
        assert open_model(model, labels=mine).description.labels == mine

    def test_are_numbered_where_logits_tell_how_many(self, open_model, tmp_path):
        model = ForeignModel().write(tmp_path / 'm.onnx', sidecar())
        assert open_model(model).description.labels.names == LABELS.names

    def test_are_needed_for_class_indices(self, open_model, tmp_path):
        model = ForeignModel('class_index').write(tmp_path / 'm.onnx', sidecar('class_index'))
        with pytest.raises(ConfigError, match=r'm\.onnx returns class ids, but .* give labels'):
            open_model(model)

    @pytest.mark.parametrize('count', [1, 3, 5, 150])
    def test_must_be_as_many_as_the_logits(self, open_model, tmp_path, count):
        model = ForeignModel().write(tmp_path / 'm.onnx', sidecar())
        message = rf"'unnamed' has {count} classes, but m\.onnx tells 4"
        with pytest.raises(ConfigError, match=message):
            open_model(model, labels=LabelSet.generic(count))
        described = {**sidecar(), 'labels': LabelSet.generic(count).to_dict()}
        model = ForeignModel().write(tmp_path / 'm.onnx', described)
        with pytest.raises(ConfigError, match=message):
            open_model(model)
        assert open_model(model, labels=LABELS).description.labels == LABELS

    @pytest.mark.parametrize('count', [3, 5])
    def test_must_be_as_many_as_the_models_own(self, open_model, tmp_path, count):
        described = {**sidecar('class_index'), 'labels': LABELS.to_dict()}
        model = ForeignModel('class_index').write(tmp_path / 'm.onnx', described)
        with pytest.raises(ConfigError, match=rf'has {count} classes, but m\.onnx tells 4'):
            open_model(model, labels=LabelSet.generic(count))

    def test_file_that_is_missing_is_named(self, open_model, tmp_path):
        model = ForeignModel().write(tmp_path / 'm.onnx', {**sidecar(), 'labels': 'no.yaml'})
        with pytest.raises(ConfigError, match=r'cannot read the label file .*no\.yaml'):
            open_model(model)


class TestDescription:
    def test_missing_altogether_is_explained(self, open_model, tmp_path):
        model = ForeignModel().write(tmp_path / 'm.onnx', None)
        with pytest.raises(ModelError, match=r'write that into .*m\.yaml, for example') as caught:
            open_model(model)
        # The example in the message is one that works.
        example = yaml.safe_load(str(caught.value).partition('example:\n')[2])
        model.with_suffix('.yaml').write_text(yaml.safe_dump({**example, 'labels': None}))
        assert open_model(model).description.height == 6

    @pytest.mark.parametrize(
        ('content', 'message'),
        [
            ('- logits', r'm\.yaml: expected a mapping'),
            ('input: {', r'cannot read the model description .*m\.yaml'),
            ('output: logits', r'm\.yaml: no input; a foreign model needs both'),
            ('{}', r'm\.yaml: no input and no output;'),
            ('{input: {}, output: logits, lables: x}', r'm\.yaml: unknown key.s. lables'),
        ],
    )
    def test_broken_is_named(self, open_model, tmp_path, content, message):
        model = ForeignModel().write(tmp_path / 'm.onnx', None)
        model.with_suffix('.yaml').write_text(content)
        with pytest.raises(ConfigError, match=message):
            open_model(model)

    def test_of_another_layout_is_refused(self, open_model, tmp_path):
        model = ForeignModel().write(tmp_path / 'm.onnx', {'input': {}, 'output': 'logits'})
        with pytest.raises(ModelError, match=r'takes float32 .* described as nhwc_uint8'):
            open_model(model)

    @pytest.mark.parametrize(
        ('made', 'described', 'message'),
        [
            (
                'logits',
                'class_index',
                r'the first output is float32 \[1, 4, 6, 8\]; class indices',
            ),
            (
                'class_index',
                'logits',
                r'the first output is int64 \[1, 6, 8\]; logits are expected',
            ),
            ('logits', 'class_map_confidence', r'float32 \[1, 4, 6, 8\]; expected two of uint8'),
        ],
    )
    def test_of_another_output_is_refused(self, open_model, tmp_path, made, described, message):
        model = ForeignModel(made).write(tmp_path / 'm.onnx', sidecar(described))
        with pytest.raises(
            ModelError, match=rf'm\.onnx is described as .*{described}: .*{message}'
        ):
            open_model(model, labels=LABELS)

    @pytest.mark.parametrize('labels', [None, LABELS])
    @pytest.mark.parametrize(('pool', 'shape'), [(1, '1, 6, 8, 4'), (2, '1, 3, 4, 4')])
    def test_of_logits_with_the_classes_last_is_refused(
        self, open_model, tmp_path, pool, shape, labels
    ):
        model = ForeignModel(pool=pool, classes_last=True).write(tmp_path / 'm.onnx', sidecar())
        with pytest.raises(
            ModelError,
            match=rf'\[{shape}\]; .*logits of 4 classes in the order \[N, h, w, classes\]',
        ):
            open_model(model, labels=labels)

    @pytest.mark.parametrize(
        'inputs',
        [
            [('a', 'FLOAT', [1, 3, 4, 4]), ('b', 'FLOAT', [1, 3, 4, 4])],
            [('a', 'DOUBLE', [1, 3, 4, 4])],
            [('a', 'FLOAT', [1, 3])],
        ],
        ids=['two', 'double', 'flat'],
    )
    def test_of_a_model_without_images_is_refused(self, open_model, tmp_path, inputs):
        _, kind, shape = inputs[0]
        nodes = [helper.make_node('Identity', ['a'], ['out'])]
        model = write_raw(tmp_path / 'm.onnx', inputs, nodes, [('out', kind, shape)])
        with pytest.raises(ModelError, match=r'm\.onnx has the inputs a: .*; expected one batch'):
            open_model(model)
