# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Check which plan files are trusted, and where what is known of them comes from."""

import hashlib
import os

import pytest
from rtformer_ros.engines.tensorrt.device import Gpu
from rtformer_ros.engines.tensorrt.plans.file import open_plan_file
from rtformer_ros.engines.tensorrt.plans.key import PlanKey, Target
from rtformer_ros.engines.tensorrt.plans.record import PlanRecord, sidecar_of
from rtformer_ros.errors import ConfigError, ModelError
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.model_metadata import InputFormat, ModelMetadata

PLAN = b'a plan'
HERE = Target('10.3.0.26', Gpu('Orin', '8.7', 16))
DESCRIBED = ModelMetadata(labels=LabelSet.generic(3, 'three'), height=6, width=8)


@pytest.fixture
def plan(tmp_path):
    path = tmp_path / 'street.engine'
    path.write_bytes(PLAN)
    path.chmod(0o644)
    return path


def write_record(plan, target=HERE, content=PLAN):
    record = PlanRecord(
        key=PlanKey('0' * 64, target, 'fp16', 1024, 3, 1),
        model_name='street.onnx',
        plan_sha256=hashlib.sha256(content).hexdigest(),
        plan_bytes=len(content),
        precision='fp16',
        optimization_level=3,
        agreement=0.999,
        build_s=60.0,
        built_at='2026-01-01T00:00:00+00:00',
        properties=DESCRIBED.to_properties(),
        is_self_described=True,
    )
    sidecar_of(plan).write_bytes(record.to_json())


def test_a_plan_with_a_record_is_known(plan):
    write_record(plan)
    opened = open_plan_file(plan, HERE)
    assert (opened.plan, opened.metadata, opened.origin) == (PLAN, DESCRIBED, 'FP16, built ahead')


@pytest.mark.parametrize(
    ('target', 'message'),
    [
        (Target('10.7.0.23', HERE.gpu), r'built with TensorRT 10\.7\.0\.23 for Orin'),
        (Target('10.3.0.26', Gpu('Orin', '8.7', 8)), r'8 multiprocessors\), but here is TensorRT'),
        (Target('10.3.0.26', Gpu('RTX', '8.9', 16)), 'for RTX .*build it again here with'),
    ],
)
def test_a_plan_for_another_machine_is_refused(plan, target, message):
    write_record(plan, target)
    with pytest.raises(ModelError, match=message):
        open_plan_file(plan, HERE)


@pytest.mark.parametrize('content', [PLAN[:-1], PLAN + b'!', b'', b'A plan'])
def test_a_plan_that_is_not_the_recorded_one_is_refused(plan, content):
    write_record(plan)
    plan.write_bytes(content)
    with pytest.raises(ModelError, match=r'is not the plan that street\.engine\.json describes'):
        open_plan_file(plan, HERE)


def test_a_broken_record_is_refused(plan):
    sidecar_of(plan).write_text('{')
    with pytest.raises(ModelError, match=r'street\.engine\.json is no sidecar of a plan'):
        open_plan_file(plan, HERE)


def test_a_plan_of_somebody_else_is_refused(plan, monkeypatch):
    me = os.geteuid()
    monkeypatch.setattr(os, 'geteuid', lambda: me + 1)
    with pytest.raises(
        ModelError, match=f'belongs to user {me} and this process to user {me + 1}'
    ):
        open_plan_file(plan, HERE)


def test_a_plan_that_anybody_may_write_is_refused(plan):
    plan.chmod(0o646)
    with pytest.raises(ModelError, match=r'can be written by everybody.*chmod o-w '):
        open_plan_file(plan, HERE)
    plan.chmod(0o664)
    assert open_plan_file(plan, HERE).plan == PLAN


def test_a_plan_alone_is_taken_for_one_like_ours(plan):
    assert open_plan_file(plan, HERE).metadata == ModelMetadata()


def test_a_label_file_beside_a_plan_names_its_classes(plan, repository):
    labels = (repository / 'config/labels/camvid.yaml').read_text()
    plan.with_suffix('.yaml').write_text(labels)
    metadata = open_plan_file(plan, HERE).metadata
    assert metadata.labels is not None
    assert metadata.labels.names[0] == 'Sky'
    assert metadata.output == 'class_map_confidence'


def test_a_description_beside_a_plan_says_how_it_is_fed(plan):
    plan.with_suffix('.yaml').write_text(
        'input: {layout: nchw_float, channel_order: bgr}\noutput: logits\n'
    )
    metadata = open_plan_file(plan, HERE).metadata
    assert metadata.input == InputFormat('nchw_float', 'bgr')
    assert (metadata.output, metadata.labels) == ('logits', None)


def test_a_broken_description_is_named(plan):
    plan.with_suffix('.yaml').write_text('output: logits\n')
    with pytest.raises(ConfigError, match=r'street\.yaml: no input'):
        open_plan_file(plan, HERE)


def test_a_plan_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ModelError, match=r'cannot read .*gone\.engine: No such file'):
        open_plan_file(tmp_path / 'gone.engine', HERE)
