"""Whatever happened to a cached plan, what is given out is the plan that was built for it."""

import hashlib
import json
import os
import pwd
import signal
import stat
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from plan_workbench import TARGET, Workbench, other_machine, write_model
from rtformer_ros.engines import BuildWatch
from rtformer_ros.engines.tensorrt.cache_folder import default_cache_folder
from rtformer_ros.engines.tensorrt.plan_cache import PlanCache
from rtformer_ros.engines.tensorrt.plan_record import read_record
from rtformer_ros.engines.tensorrt.preparation import discard_plan
from rtformer_ros.errors import EngineBuildCancelled, EngineBuildError, EngineBuildOutOfMemory
from rtformer_ros.labels import LabelSet

PROCESS = Path(__file__).parents[1] / 'plan_process.py'


@pytest.fixture
def bench(tmp_path):
    workbench = Workbench(tmp_path)
    write_model(workbench.model)
    return workbench


@pytest.fixture
def start(bench, start_child):
    """Start a process that prepares the bench's plan."""

    def start_(*limit, **script):
        environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
        command = [sys.executable, PROCESS, bench.folder, json.dumps(script), *limit]
        return start_child(command, environment)

    return start_


def finished(child):
    assert child.process.wait(60) == 0, child.output
    return json.loads(child.output.splitlines()[-1])


def wait_until(condition, what):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail(f'{what} did not come about')


def is_running(process_id):
    try:
        state = Path(f'/proc/{process_id}/stat').read_text().rpartition(')')[2].split()[0]
    except FileNotFoundError:
        return False
    return state != 'Z'


def test_the_first_start_builds_and_every_later_one_loads(bench, start):
    assert bench.needs_build()
    first = bench.prepare()
    assert (first.is_new, bench.builds()) == (True, ['fp16@3'])
    assert not bench.needs_build()
    later = finished(start())
    assert not later['is_new']
    assert later['sha256'] == hashlib.sha256(first.plan).hexdigest()
    assert later['path'] == str(first.path)
    assert later['loaded'] == []
    assert bench.builds() == ['fp16@3']


def test_the_sidecar_tells_all_that_the_plan_depends_on(bench):
    prepared = bench.prepare(bench.request(build={'workspace_mib': 77, 'max_batch': 2}))
    record = read_record(prepared.path)
    assert record == prepared.record
    assert record.key.onnx_sha256 == hashlib.sha256(bench.model.read_bytes()).hexdigest()
    assert record.key.target == TARGET
    key = record.key
    assert (key.precision, key.workspace_mib, key.optimization_level, key.max_batch) == (
        'fp16', 77, 3, 2,
    )  # fmt: skip
    content = prepared.path.read_bytes()
    assert (record.plan_bytes, record.plan_sha256) == (
        len(content),
        hashlib.sha256(content).hexdigest(),
    )
    assert (record.model_name, record.precision, record.agreement) == ('model.onnx', 'fp16', 1.0)
    metadata = record.metadata()
    assert (metadata.height, metadata.width, metadata.exporter) == (48, 64, 'test')
    assert len(metadata.labels) == 2


def test_the_cache_is_private(bench):
    bench.cache_folder.mkdir(parents=True, mode=0o777)
    bench.cache_folder.chmod(0o777)
    bench.prepare()
    assert stat.S_IMODE(bench.cache_folder.stat().st_mode) == 0o700


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def swap_sidecar(path):
    sidecar = Path(f'{path}.json')
    data = json.loads(sidecar.read_text())
    data['key']['workspace_mib'] += 1
    sidecar.write_text(json.dumps(data))


def turn_into_link(path):
    path.rename(path.with_name('elsewhere'))
    path.symlink_to(path.with_name('elsewhere'))


DAMAGES = {
    'missing': lambda path: path.unlink(),
    'truncated': lambda path: os.truncate(path, 100),
    'emptied': lambda path: os.truncate(path, 0),
    'tampered': flip_a_byte,
    'longer': lambda path: path.write_bytes(path.read_bytes() + b'\0'),
    'linked': turn_into_link,
    'a folder': lambda path: (path.unlink(), path.mkdir()),
    'a pipe': lambda path: (path.unlink(), os.mkfifo(path)),
    'without sidecar': lambda path: Path(f'{path}.json').unlink(),
    'with half a sidecar': lambda path: os.truncate(f'{path}.json', 200),
    'with an empty sidecar': lambda path: os.truncate(f'{path}.json', 0),
    'with a foreign sidecar': swap_sidecar,
    'with a list for a sidecar': lambda path: Path(f'{path}.json').write_text('[]'),
}


@pytest.fixture(scope='module')
def prepared(tmp_path_factory):
    """A plan that was built, to be put into other caches."""
    workbench = Workbench(tmp_path_factory.mktemp('bench'))
    write_model(workbench.model)
    return workbench.prepare()


@pytest.mark.parametrize('damage', DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_plan_is_given_to_nobody(tmp_path, prepared, damage):
    cache, record = PlanCache(tmp_path / 'plans'), prepared.record
    path = cache.store(prepared.plan, record)
    assert cache.load(record.key).plan == prepared.plan
    damage(path)
    assert cache.load(record.key) is None
    again = cache.store(prepared.plan, record)
    if path.is_dir():  # what is no plan is not removed, and the new one runs from memory
        assert again is None
    else:
        assert cache.load(record.key).plan == prepared.plan


def test_a_damaged_plan_is_built_again(bench):
    first = bench.prepare()
    flip_a_byte(first.path)
    assert bench.needs_build()
    again = bench.prepare()
    assert (again.is_new, again.plan) == (True, first.plan)
    assert not bench.needs_build()


def test_another_model_machine_or_option_needs_another_plan(bench):
    bench.prepare()
    machines = [
        other_machine(tensorrt_version='10.3.0.27'),
        other_machine(name='Xavier'),
        other_machine(compute_capability='7.2'),
        other_machine(multiprocessors=8),
    ]
    requests = [
        bench.request(build={'workspace_mib': 512}),
        bench.request(build={'optimization_level': 2}),
        bench.request(build={'max_batch': 3}),
        bench.request(precision='fp32'),
        bench.request(network_size=(48, 64)),
    ]
    assert not bench.needs_build()
    assert all(bench.needs_build(target=machine) for machine in machines)
    assert all(bench.needs_build(request) for request in requests)
    write_model(bench.model, bias=1.0)
    assert bench.needs_build()
    write_model(bench.model)
    assert not bench.needs_build()


@pytest.mark.parametrize('name', ['model.onnx.data', 'w', f'{"weights" * 20}.bin'])
def test_weights_beside_the_model_count_as_the_model(bench, name):
    graph = onnx.load(bench.model)
    weights = bench.model.with_name(name)
    onnx.save(graph, bench.model, save_as_external_data=True, location=name, size_threshold=0)
    first = bench.prepare()
    assert not bench.needs_build()
    content = weights.read_bytes()
    brighter = np.array([100, -100], np.float32).tobytes()
    weights.write_bytes(content.replace(np.array([127.5, -127.5], np.float32).tobytes(), brighter))
    assert weights.read_bytes() != content
    again = bench.prepare()
    assert again.is_new
    assert again.plan != first.plan


def test_a_model_that_changes_while_it_is_compiled_gives_no_plan(bench):
    go = bench.folder / 'go'

    def report(progress):
        if bench.builds() and not go.exists():
            write_model(bench.model, bias=9.0)
            go.touch()

    request = bench.request(watch=BuildWatch(report))
    with pytest.raises(EngineBuildError, match='changed while it was compiled'):
        bench.prepare(request, wait_for=str(go))
    assert list(bench.cache_folder.glob('*.plan')) == []
    assert bench.prepare().is_new


def test_plans_of_another_user_are_not_run(bench, caplog):
    first = bench.prepare()
    stranger = PlanCache(bench.cache_folder, owner_id=os.geteuid() + 1)
    assert stranger.load(first.record.key) is None
    assert 'belongs to user' in caplog.text
    again = bench.prepare(cache=stranger)
    assert (again.is_new, again.path, again.plan) == (True, None, first.plan)


def test_a_plan_that_another_user_put_there_is_not_run(bench, caplog):
    if os.geteuid() != 0:
        pytest.skip('only root can give a file to another user')
    first = bench.prepare()
    os.chown(first.path, 12345, -1)
    assert bench.prepare().is_new
    assert 'belongs to user 12345' in caplog.text
    assert bench.builds() == ['fp16@3'] * 2


@pytest.fixture
def large_plan(bench):
    """The plan of a model that does not fit on a disk of 100 kB, and an empty cache."""
    model = onnx.load(bench.model)
    model.doc_string = 'long' * 100_000
    onnx.save(model, bench.model)
    plan = bench.prepare().plan
    for path in bench.cache_folder.iterdir():
        path.unlink()
    return plan


def test_a_disk_that_takes_no_plan_leaves_it_in_memory(bench, large_plan, start):
    child = start('100000')
    result = finished(child)
    assert (result['is_new'], result['path']) == (True, 'None')
    assert result['sha256'] == hashlib.sha256(large_plan).hexdigest()
    assert 'set ROS_HOME' in child.output
    assert {path.suffix for path in bench.cache_folder.iterdir()} == {'.lock', '.timing'}
    assert bench.needs_build()


def test_a_kill_while_the_plan_is_written_leaves_nothing_that_is_loaded(bench, large_plan, start):
    child = start('100000', 'dies')
    assert child.process.wait(60) == -signal.SIGXFSZ
    [half] = bench.cache_folder.glob('.*')
    assert half.stat().st_size == 100_000
    assert bench.needs_build()
    assert bench.prepare().plan == large_plan
    assert not bench.needs_build()


def test_a_cache_that_cannot_be_made_leaves_the_plan_in_memory(bench, caplog):
    bench.cache_folder.parent.parent.write_text('a file where a folder should be')
    prepared = bench.prepare()
    assert (prepared.is_new, prepared.path) == (True, None)
    assert 'set ROS_HOME' in caplog.text


def test_two_that_start_at_once_build_once(bench, start):
    go = bench.folder / 'go'
    first = start(wait_for=str(go))
    wait_until(bench.builds, 'the first build')
    second = start(wait_for=str(go))
    wait_until(lambda: 'waiting for another process' in second.output, 'the waiting')
    go.touch()
    results = [finished(first), finished(second)]
    assert [result['is_new'] for result in results] == [True, False]
    assert results[0]['sha256'] == results[1]['sha256']
    assert bench.builds() == ['fp16@3']


def test_a_kill_in_mid_build_leaves_nothing_and_lets_the_next_build(bench, start):
    first = start(wait_for=str(bench.folder / 'never'))
    wait_until(bench.builds, 'the first build')
    second = start()
    wait_until(lambda: 'waiting for another process' in second.output, 'the waiting')
    [compiler_id] = bench.compiler_ids()
    [work_file] = bench.compiled_paths()
    assert work_file.exists()
    first.process.send_signal(signal.SIGKILL)
    assert finished(second)['is_new']
    wait_until(lambda: not is_running(compiler_id), 'the end of the orphaned compiler')
    assert not work_file.parent.exists()
    assert not bench.needs_build()


def test_the_waiting_can_be_called_off(bench, start):
    start(wait_for=str(bench.folder / 'never'))
    wait_until(bench.builds, 'the first build')
    phases = []
    watch = BuildWatch(lambda progress: phases.append(progress.phase), lambda: bool(phases))
    with pytest.raises(EngineBuildCancelled, match='another process'):
        bench.prepare(bench.request(watch=watch))
    assert phases == ['waiting for another process that builds this plan']


def test_a_forced_build_replaces_the_plan(bench):
    first = bench.prepare()
    again = bench.prepare(force=True)
    assert (again.is_new, again.path) == (True, first.path)
    assert bench.builds() == ['fp16@3'] * 2
    # What the first build measured was there for the second.
    assert bench.timing_sizes()[0] == 0
    assert bench.timing_sizes()[1] > 0


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
    assert [path.suffixes for path in sorted(tmp_path.iterdir())] == [['.plan'], ['.plan', '.json']]
    assert cache.load(records[4].key)


def test_a_build_that_failed_is_not_repeated_for_who_can_do_without(bench):
    patient = bench.request(skips_failed=True)
    assert bench.needs_build(patient)
    with pytest.raises(EngineBuildError, match=r'0\.00%'):
        bench.prepare(patient, wrong=['*'])
    assert len(bench.builds()) == 3
    assert not bench.needs_build(patient)
    with pytest.raises(EngineBuildError, match=r'not be built, 20\d\d-.* 0\.00%.*build_engine'):
        bench.prepare(patient)
    assert len(bench.builds()) == 3
    # Other options, or somebody who asks for this engine, try again; what succeeds is remembered.
    assert bench.needs_build(bench.request(skips_failed=True, build={'workspace_mib': 512}))
    assert bench.needs_build(patient, target=other_machine(tensorrt_version='10.7.0.23'))
    assert bench.needs_build()
    assert bench.prepare().is_new
    assert not bench.prepare(patient).is_new
    assert list(bench.cache_folder.glob('*.failed')) == []


def test_a_build_that_lacked_memory_is_tried_again(bench):
    patient = bench.request(skips_failed=True)
    dies = {'fp16@3': 'SIGKILL', 'fp16@1': 'SIGKILL'}
    with pytest.raises(EngineBuildOutOfMemory, match='memory runs out'):
        bench.prepare(patient, dies=dies)
    with pytest.raises(EngineBuildOutOfMemory, match='short'):
        bench.prepare(patient, raises=['EngineBuildOutOfMemory', 'short of it'])
    with pytest.raises(EngineBuildOutOfMemory, match='does not run: cudaMalloc failed'):
        bench.prepare(patient, cannot_run='cudaMalloc failed: out of memory')
    assert 'fp32@3' not in bench.builds()
    assert bench.prepare(patient).is_new


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
