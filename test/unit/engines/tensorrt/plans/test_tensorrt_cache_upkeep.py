# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What the plan cache forgets, remembers and makes room for, and where it lies."""

from dataclasses import replace
import os
from pathlib import Path
import pwd
import tempfile
import time

import onnx
from plan_workbench import other_machine
import pytest
from rtformer_ros.engines.tensorrt.build.find_or_build import discard_plan
from rtformer_ros.engines.tensorrt.plans.cache import PlanCache
from rtformer_ros.engines.tensorrt.plans.cache_folder import default_cache_folder
from rtformer_ros.engines.tensorrt.plans.record import read_record
from rtformer_ros.errors import EngineBuildError, EngineBuildOutOfMemory
from rtformer_ros.labels.label_set import LabelSet


def test_a_plan_that_is_discarded_has_to_be_built(bench, prepared):
    discard_plan(bench.prepare())
    assert bench.needs_build()
    assert list(bench.cache_folder.glob('*.plan*')) == []
    discard_plan(replace(prepared, path=None))
    discard_plan(replace(prepared, path=bench.folder / 'none'))


def test_files_that_a_kill_left_are_removed_when_they_are_old(tmp_path, prepared):
    cache = PlanCache(tmp_path)
    old, new = (tmp_path / f'.0123.plan.{name}' for name in ('old', 'new'))
    for path in (old, new):
        path.write_bytes(b'half a plan')
    os.utime(old, (0, 0))
    cache.store(prepared.plan, prepared.record)
    assert not old.exists()
    assert new.exists()


def test_plans_that_nobody_uses_make_room_for_new_ones(tmp_path, prepared):
    size = len(prepared.plan)
    cache = PlanCache(tmp_path, most_bytes=3 * size)
    records = [
        replace(prepared.record, key=replace(prepared.record.key, workspace_mib=mib))
        for mib in range(1, 6)
    ]
    for hours_ago, record in zip((4, 3, 2), records[:3], strict=True):
        then_s = time.time() - 3600 * hours_ago
        os.utime(cache.store(prepared.plan, record), (then_s, then_s))
    assert cache.load(records[0].key)  # the oldest is in use
    cache.store(prepared.plan, records[3])
    assert [cache.load(record.key) is not None for record in records[:4]] == [1, 0, 1, 1]
    # One that is larger than all that may be kept is kept alone.
    PlanCache(tmp_path, most_bytes=size - 1).store(prepared.plan, records[4])
    assert [path.suffixes for path in sorted(tmp_path.iterdir())] == [
        ['.plan'],
        ['.plan', '.json'],
    ]
    assert cache.load(records[4].key)


def test_a_build_that_failed_is_not_repeated_for_who_can_do_without(bench):
    patient = bench.request('auto')
    assert bench.needs_build(patient)
    with pytest.raises(EngineBuildError, match=r'0\.00%'):
        bench.prepare(patient, wrong=['*'])
    assert len(bench.builds()) == 3
    assert not bench.needs_build(patient)
    with pytest.raises(EngineBuildError, match=r'not be built, 20\d\d-.* 0\.00%.*build_engine'):
        bench.prepare(patient)
    assert len(bench.builds()) == 3
    # Other options, or somebody who asks for this engine, try again; what succeeds is remembered.
    assert bench.needs_build(bench.request('auto', build={'workspace_mib': 512}))
    assert bench.needs_build(patient, target=other_machine(tensorrt_version='10.7.0.23'))
    assert bench.needs_build()
    assert bench.prepare().is_new
    assert not bench.prepare(patient).is_new
    assert list(bench.cache_folder.glob('*.failed')) == []


def test_a_build_that_lacked_memory_is_tried_again_after_hours(bench):
    patient = bench.request('auto')
    dies = {'fp16@3': 'SIGKILL', 'fp16@1': 'SIGKILL'}
    with pytest.raises(EngineBuildOutOfMemory, match='memory runs out'):
        bench.prepare(patient, dies=dies)
    assert 'fp32@3' not in bench.builds()
    assert not bench.needs_build(patient)
    with pytest.raises(EngineBuildError, match=r'memory runs out.* six hours after memory was'):
        bench.prepare(patient)
    assert len(bench.builds()) == 2
    # Who asks for this engine alone is not made to wait.
    with pytest.raises(EngineBuildOutOfMemory, match='short'):
        bench.prepare(raises=['EngineBuildOutOfMemory', 'short of it'])
    with pytest.raises(EngineBuildOutOfMemory, match='does not run: cudaMalloc failed'):
        bench.prepare(cannot_run='cudaMalloc failed: out of memory')
    [failure] = bench.cache_folder.glob('*.failed')
    hours_ago = time.time() - 6.1 * 3600
    os.utime(failure, (hours_ago, hours_ago))
    assert bench.needs_build(patient)
    assert bench.prepare(patient).is_new
    assert list(bench.cache_folder.glob('*.failed')) == []


def test_the_labels_of_a_foreign_model_are_read_anew(tmp_path, bench):
    from foreign_onnx import ForeignModel

    sidecar = {
        'input': {'layout': 'nchw_float'},
        'output': 'logits',
        'labels': LabelSet.generic(4, 'four').to_dict(),
    }
    bench.model.unlink()
    ForeignModel(shape=('n', 3, 'h', 'w')).write(bench.model, sidecar)
    request = bench.request(network_size=(60, 80), precision='fp32')
    first = bench.prepare(request, sidecar=str(bench.model.with_suffix('.yaml')))
    assert first.metadata.labels.names == LabelSet.generic(4).names
    shape = [
        dim.dim_value
        for dim in onnx.load_from_string(first.plan.partition(b'\n')[2])
        .graph.input[0]
        .type.tensor_type.shape.dim
    ]
    assert shape == [0, 3, 60, 80]
    sidecar['labels']['classes'][0]['name'] = 'road'
    ForeignModel(shape=('n', 3, 'h', 'w')).write(bench.model, sidecar)
    later = bench.prepare(request)
    assert not later.is_new
    assert later.metadata.labels.names[0] == 'road'
    assert read_record(later.path).metadata().labels.names[0] == 'class_0'


def test_the_cache_lies_where_ros_keeps_its_files(monkeypatch, tmp_path):
    monkeypatch.setenv('ROS_HOME', str(tmp_path))
    assert default_cache_folder() == tmp_path / 'rtformer_ros' / 'plans'
    monkeypatch.delenv('ROS_HOME')
    monkeypatch.setenv('HOME', '/home/robot')
    assert default_cache_folder() == Path('/home/robot/.cache/rtformer_ros/plans')


def test_a_user_without_a_home_has_a_cache_too(monkeypatch, tmp_path):
    monkeypatch.delenv('ROS_HOME', raising=False)
    monkeypatch.delenv('HOME')
    monkeypatch.setattr(pwd, 'getpwuid', lambda user_id: {}[user_id])
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    assert default_cache_folder() == tmp_path / f'user_{os.geteuid()}' / 'rtformer_ros' / 'plans'
