# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Judge whether a value is of a type that a pybind11 signature names."""

from __future__ import annotations

from collections.abc import Callable
import re

_ELEMENTS = re.compile(r'(?:[Ll]ist|collections\.abc\.(?:Sequence|Iterable))\[(.+)\]')
_WORDS: dict[str, Callable[[object], bool]] = {
    'object': lambda value: True,
    'handle': lambda value: True,
    'None': lambda value: value is None,
    'bool': lambda value: isinstance(value, bool),
    'str': lambda value: isinstance(value, str),
    'tuple': lambda value: isinstance(value, tuple),
    'list': lambda value: isinstance(value, list),
}
_WHOLE = ('int', 'typing.SupportsInt')
_REAL = ('float', 'typing.SupportsFloat')
# Python's module, or the namespaces of a C++ name: nvinfer1::v_1_0::IErrorRecorder.
_NAMESPACE = re.compile(r'^(?:tensorrt_bindings\.tensorrt\.|(?:[a-z]\w*::)+)')
_BUFFER = ('buffer', 'typing_extensions.Buffer')
_CAPSULE = ('capsule', 'typing_extensions.CapsuleType')
# Names in C++ of classes that the bindings call otherwise.
_RENAMED = {'IParserError': 'ParserError'}


def class_name(annotation: str) -> str:
    """Return the name that a class has in the module tensorrt; 'ILogger.Severity' if nested."""
    name = _NAMESPACE.sub('', annotation).replace('::', '.')
    return _RENAMED.get(name, name)


def accepts(annotation: str, value: object, find_class: Callable[[str], type]) -> bool:
    """
    Return whether a value may stand where a type is asked for.

    Stricter than pybind11, which takes an enum for a number and None for any object.
    find_class: returns the class of a name; raises AttributeError where there is none.
    Raises NotImplementedError for a type that is not known here.
    """
    if annotation in _WORDS:
        return _WORDS[annotation](value)
    if annotation in _WHOLE:
        return hasattr(value, '__index__') and not hasattr(type(value), '__members__')
    if annotation in _REAL:
        return isinstance(value, int | float)
    if annotation in _BUFFER:
        return _is_buffer(value)
    if annotation in _CAPSULE:
        return type(value).__name__ == 'PyCapsule'
    elements = _ELEMENTS.fullmatch(annotation)
    if elements:
        is_list = isinstance(value, list | tuple)
        return is_list and all(accepts(elements[1], each, find_class) for each in value)
    try:
        wanted = find_class(class_name(annotation))
    except AttributeError as error:
        raise NotImplementedError(f'teach {__name__} the type {annotation}') from error
    if wanted.__name__.startswith('Dims') and isinstance(value, list | tuple):
        return all(accepts('int', each, find_class) for each in value)
    return isinstance(value, wanted)


def _is_buffer(value: object) -> bool:
    try:
        memoryview(value)  # type: ignore[arg-type]
    except TypeError:
        return False
    return True
