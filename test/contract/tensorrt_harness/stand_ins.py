# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Make of the real bindings a module whose objects need no GPU and answer as a test says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
import functools
import inspect
from types import ModuleType
from typing import Any

from tensorrt_harness.annotations import accepts, class_name
from tensorrt_harness.signatures import overloads, Signature

# Classes that an application makes itself but that call into TensorRT when it does.
_FACTORIES = frozenset(
    {'Builder', 'Runtime', 'OnnxParser', 'Refitter', 'OnnxParserRefitter', 'UffParser'}
)
_NOTHING = object()


class Unanswered(AssertionError):
    """Report a value that the code asked for and the test did not provide."""


@dataclass(frozen=True)
class Call:
    """A call of a method, a constructor ('Builder') or an assignment to a property ('value')."""

    name: str
    target: object
    arguments: dict[str, Any]


class StandIn:
    """Stand for an object of TensorRT; the members come from the real class."""

    _stand_ins: StandIns
    _answers: dict[str, Any]

    def __new__(cls, *values: Any, **named: Any) -> Any:
        if cls.__name__ not in _FACTORIES:
            raise TypeError(f'{cls.__name__}: No constructor defined!')
        made = cls._stand_ins.make(cls.__name__)
        cls._stand_ins._construct(made, values, named)
        return made

    def __setattr__(self, name: str, value: Any) -> None:
        if not isinstance(getattr(type(self), name, None), property):
            raise AttributeError(f'{type(self).__name__} has no property {name!r}')
        super().__setattr__(name, value)


class StandIns:
    """One set of stand-ins: `module` is what code takes for tensorrt, `calls` what it did."""

    def __init__(self, real: ModuleType) -> None:
        self.calls: list[Call] = []
        self.module = ModuleType('tensorrt')
        self._answers: dict[str, Any] = {}
        self._classes: dict[type, type] = {}
        for name, value in vars(real).items():
            if name not in ('__name__', '__loader__', '__spec__', '__path__'):
                is_replaced = isinstance(value, type) and _needs_gpu(value)
                setattr(self.module, name, self._class(value) if is_replaced else value)
        # Signatures mean these, whatever a test does to the module.
        self._types = dict(vars(self.module))

    def answer(self, name: str, value: Any) -> None:
        """Say what 'Class.member' gives: a value, or a function of the object and arguments."""
        owner, _, member = name.rpartition('.')
        getattr(self._find(owner), member)  # AttributeError: this version has no such name
        self._answers[name] = value

    def arguments(self, name: str) -> list[dict[str, Any]]:
        """Return what 'Class.member' (or 'Class': its constructor) was given, call by call."""
        return [call.arguments for call in self.calls if call.name == name]

    def make(self, name: str, /, **answers: Any) -> Any:
        """Return an object of a class, with answers of its own by the names of its members."""
        cls = self._find(name)
        made = bytes.__new__(cls) if issubclass(cls, bytes) else object.__new__(cls)
        for member in answers:
            getattr(cls, member)
        object.__setattr__(made, '_answers', answers)
        return made

    def memory(self, content: bytes) -> Any:
        """Return an IHostMemory with a content."""
        made = bytes.__new__(self._find('IHostMemory'), content)
        object.__setattr__(made, '_answers', {'nbytes': len(content)})
        return made

    def call_back(self, target: Any, method: str, *values: Any) -> Any:
        """Call a method of an application's object as TensorRT does, and judge what it returns."""
        base = next(
            c for c in type(target).__mro__ if c.__module__ == 'tensorrt_bindings.tensorrt'
        )
        [signature] = overloads(getattr(base, method).__doc__)
        # A null pointer to a text arrives as None.
        typed = tuple('' if value is None else value for value in values)
        self._fit(f'{base.__name__}.{method}', [signature], (target, *typed), {})
        result = getattr(target, method)(*values)
        self._judge(f'{base.__name__}.{method}', signature.returns, result)
        return result

    def forget(self, name: str) -> None:
        """Take 'Class.member' away, as a version lacks it."""
        owner, _, member = name.rpartition('.')
        delattr(self._find(owner), member)

    def _find(self, name: str) -> Any:
        found: Any = self.module
        for part in name.split('.'):
            found = getattr(found, part)
        return found

    def _type(self, name: str) -> Any:
        """Return the class that a signature names."""
        outer, *inner = name.split('.')
        if outer not in self._types:
            raise AttributeError(outer)
        return functools.reduce(getattr, inner, self._types[outer])

    def _class(self, real: type) -> type:
        """Return the stand-in class of a real one, derived from those of its bases."""
        if real not in self._classes:
            bases = [self._class(b) for b in real.__bases__ if b.__module__ != 'pybind11_builtins']
            members: dict[str, Any] = {'_stand_ins': self, '__doc__': real.__doc__}
            for name, member in vars(real).items():
                made = self._member(f'{real.__name__}.{name}', name, member)
                if made is not _NOTHING:
                    members[name] = made
            if real.__name__ == 'IHostMemory':
                # Has a content that others may view, and is no sequence itself.
                bases.append(bytes)
                members |= {'__len__': None, '__iter__': None, '__getitem__': None}
                bases.insert(0, StandIn)
            self._classes[real] = type(real.__name__, tuple(bases or [StandIn]), members)
        return self._classes[real]

    def _member(self, name: str, short: str, member: Any) -> Any:
        if isinstance(member, property):
            return self._property(name, short, member)
        if short in ('__init__', '__new__', '__doc__', '__del__') or short.startswith(
            '__pybind11'
        ):
            return _NOTHING
        signatures = overloads(getattr(member, '__doc__', None))
        if type(member).__name__ == 'instancemethod' and signatures:
            return self._method(name, short, signatures)
        return member

    def _method(
        self, name: str, short: str, signatures: Sequence[Signature]
    ) -> Callable[..., Any]:
        def method(*values: Any, **named: Any) -> Any:
            signature, bound = self._fit(name, signatures, values, named)
            target = bound.pop(next(iter(bound)))
            self.calls.append(Call(name, target, bound))
            return self._result(name, short, signature.returns, target, bound, is_method=True)

        method.__doc__ = '\n'.join(str(each) for each in signatures)
        return method

    def _property(self, name: str, short: str, member: property) -> property:
        reads = overloads(member.fget.__doc__) if member.fget else ()
        writes = overloads(member.fset.__doc__) if member.fset else ()

        def get(target: Any) -> Any:
            returns = reads[0].returns if reads else 'object'
            return self._result(name, short, returns, target, {}, is_method=False)

        def set_(target: Any, value: Any) -> None:
            if writes:
                self._fit(name, writes, (target, value), {})
            self.calls.append(Call(name, target, {'value': value}))
            target._answers[short] = value

        return property(get if member.fget else None, set_ if member.fset else None)

    def _construct(self, target: Any, values: tuple[Any, ...], named: dict[str, Any]) -> None:
        name = type(target).__name__
        real = next(real for real, made in self._classes.items() if made is type(target))
        signatures = overloads(real.__init__.__doc__)  # type: ignore[misc]
        _, bound = self._fit(name, signatures, (target, *values), named)
        del bound['self']
        self.calls.append(Call(name, target, bound))
        answer = self._answers.get(f'{name}.__new__')
        if answer is not None:
            answer(target, *bound.values())

    def _fit(
        self,
        name: str,
        signatures: Sequence[Signature],
        values: tuple[Any, ...],
        named: dict[str, Any],
    ) -> tuple[Signature, dict[str, Any]]:
        """Return the overload that takes these arguments and what they are called there."""
        failures = []
        for signature in signatures:
            try:
                bound = signature.bind(values, named)
            except TypeError as error:
                failures.append(str(error))
                continue
            annotations = {p.name: p.annotation for p in signature.parameters}
            wrong = [
                f'{key} is {type(value).__name__}, not {annotations[key]}'
                for key, value in bound.items()
                if not accepts(annotations[key], value, self._type)
            ]
            if not wrong:
                return signature, bound
            failures.append(', '.join(wrong))
        raise TypeError(f'{name}(): incompatible function arguments: {"; ".join(failures)}')

    def _result(
        self,
        name: str,
        short: str,
        returns: str,
        target: Any,
        bound: dict[str, Any],
        *,
        is_method: bool,
    ) -> Any:
        answer = target._answers.get(short, self._answers.get(name, _NOTHING))
        if answer is _NOTHING:
            return self._default(name, returns, is_method=is_method)
        value = answer(target, *bound.values()) if inspect.isroutine(answer) else answer
        self._judge(name, returns, value)
        if class_name(returns) == 'Dims' and isinstance(value, list | tuple):
            return self.module.Dims(value)
        return value

    def _judge(self, name: str, returns: str, value: Any) -> None:
        is_null = value is None and returns not in ('bool', 'int', 'float')
        assert is_null or accepts(returns, value, self._type), (
            f'{name} returns {returns}; {value!r} was given'
        )

    def _default(self, name: str, returns: str, *, is_method: bool) -> Any:
        if returns == 'None':
            return None
        if returns == 'bool' and is_method:
            return True
        found = getattr(self.module, class_name(returns), None)
        if isinstance(found, type) and issubclass(found, StandIn):
            return self.make(found.__name__)
        raise Unanswered(f'say what {name} gives ({returns}): stand_ins.answer({name!r}, ...)')


def _needs_gpu(real: type) -> bool:
    """Return whether objects of a class come from TensorRT: it has no constructor, or calls it."""
    if type(real).__name__ != 'pybind11_type' or hasattr(real, '__members__'):
        return False
    return real.__name__ in _FACTORIES or type(real.__init__).__name__ == 'wrapper_descriptor'
