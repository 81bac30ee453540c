"""How many bytes a value holds: its tensors, arrays, bytes, long texts and pictures, wherever in it they lie.

What holds the bytes has a name, so that a storage that two tensors or two values share is counted once.
"""

import sys
from collections import deque
from collections.abc import Hashable, Iterable, Mapping
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
from PIL import Image

LEAST = 1024  # bytes: shorter texts are not counted
WIDE = {"I;16": 2, "I;16B": 2, "I;16L": 2, "I": 4, "F": 4}  # bytes of a pixel's band; of other modes one
SKIPPED = (type, ModuleType, BuiltinFunctionType)


def parts(value: Any) -> dict[Hashable, int]:
    """What holds the bytes of a value, and how many: good to be compared while the value lives."""
    found: dict[Hashable, int] = {}
    seen: set[int] = set()
    left = [value]
    Tensor = _tensor()
    while left:
        one = left.pop()
        if id(one) in seen or isinstance(one, SKIPPED):
            continue
        seen.add(id(one))
        if isinstance(one, Tensor):
            storage = one.untyped_storage()
            found[str(one.device), storage.data_ptr()] = storage.nbytes()
        elif isinstance(one, np.ndarray) and isinstance(one.base, np.ndarray | Tensor | bytes):
            left.append(one.base)
        elif isinstance(one, np.ndarray):
            found[id(one)] = one.nbytes
        elif isinstance(one, bytes | bytearray | str):
            if len(one) >= LEAST:
                found[id(one)] = sys.getsizeof(one)
        elif isinstance(one, Image.Image):
            found[id(one)] = one.width * one.height * len(one.getbands()) * WIDE.get(one.mode, 1)
            left.append(one.info)
        left.extend(_inside(one))
    return found


def size(value: Any) -> int:
    """Bytes."""
    return sum(parts(value).values())


def _tensor() -> Any:
    """PyTorch's type; as long as nobody has imported it, which takes seconds, nothing is one."""
    return sys.modules["torch"].Tensor if "torch" in sys.modules else type(None)


def _inside(one: Any) -> Iterable[Any]:
    """What a value refers to by itself, closures too; not its class, its module or what they know."""
    if isinstance(one, Mapping):
        return [*one.keys(), *one.values()]
    if isinstance(one, list | tuple | set | frozenset | deque):
        return one
    if isinstance(one, FunctionType):
        return [cell.cell_contents for cell in one.__closure__ or () if _is_filled(cell)]
    if isinstance(one, MethodType):
        return [one.__self__]
    if isinstance(one, partial):
        return [one.func, one.args, one.keywords]
    slots = (name for kind in type(one).__mro__ for name in getattr(kind, "__slots__", ()))
    own = [getattr(one, name) for name in slots if hasattr(one, name)]
    return [*own, *vars(one).values()] if hasattr(one, "__dict__") else own


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True
