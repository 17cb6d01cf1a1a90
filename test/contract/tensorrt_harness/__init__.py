# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Drive code that calls TensorRT against the real Python bindings, without a GPU or its libraries.

The bindings wheels hold every class, enum and signature of a version. scripts/tensorrt_wheels.py
downloads them, `empty_libraries` gives them the libraries that they link to, empty, and
`real_module` imports them. `stand_ins` makes of the classes that need a GPU (Builder, Runtime,
ICudaEngine ...) others of the same names, members and signatures that answer as a test says: a
name, argument or enum that the version lacks raises AttributeError or TypeError as the bindings
do. Enums, Dims, and the classes that an application derives from (ILogger, IProgressMonitor ...)
are the real ones. What TensorRT does with all this is not shown.

One process holds one version. The tests are the files check_*.py in this folder; for each version
test/contract/test_tensorrt_bindings.py starts pytest with them. By hand, for one version:

    TENSORRT_BINDINGS=11.4.0 python -m pytest -o python_files='check_*.py' \
        --confcutdir=test/contract/tensorrt_harness test/contract/tensorrt_harness

A check never skips: what a version lacks is asserted, by the fixture `version` ((11, 4, 0)). It
takes the fixture `stand_ins`; for as long as it runs `import tensorrt` means the stand-ins:

    def test_deserializing(stand_ins):
        trt = stand_ins.module                           # what `import tensorrt` gives
        stand_ins.answer('ICudaEngine.num_io_tensors', 2)                  # a property
        stand_ins.answer('ICudaEngine.get_tensor_name', lambda engine, index: 'ab'[index])
        stand_ins.answer('Runtime.deserialize_cuda_engine', None)          # nullptr: None
        code_under_test()
        assert stand_ins.arguments('IExecutionContext.set_tensor_address') == [
            {'name': 'a', 'memory': 256}
        ]

What is not answered: a method that returns bool says True, one that returns nothing None, one that
returns an object a new stand-in of that class (a property too); for numbers, names, shapes and
enums Unanswered is raised. Answers are checked against the signature as well. `stand_ins.make(
'ITensor', name='image')` makes one object with answers of its own, `stand_ins.memory(b'...')` an
IHostMemory, `stand_ins.call_back(monitor, 'step_complete', 'phase', 1)` calls an application's
object as TensorRT does, `stand_ins.forget('IBuilderConfig.progress_monitor')` takes a name away,
as an older version lacks it.

Of 8.5 there are whole wheels alone (tensorrt 8.5.2.2, 549 MB, CPython 3.6 to 3.10), too large to
download for a test. Read by hand once: it has every name that is used here for 8.6 but for
IBuilderConfig.builder_optimization_level and LayerType.CAST.
"""
