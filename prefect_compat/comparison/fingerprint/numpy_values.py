"""NumPy's arrays, scalars, dtypes and generators as plain parts."""

import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from prefect_compat.comparison.fingerprint import texts
from prefect_compat.comparison.fingerprint.parts import (
    Buffer,
    NotComparable,
    Part,
    Parts,
    Rule,
    inner,
    package,
    qualified,
)

# Attributes in which NumPy itself keeps what the rules below read.
OF_MASKED = frozenset(
    {
        *("_mask", "_fill_value", "_hardmask", "_sharedmask", "_isfield", "_baseclass"),
        *("_optinfo", "_basedict"),
    }
)


def _array(array: npt.NDArray[Any]) -> Any:
    """Byte order, strides and NaN payload are no content; `datetime64`'s unit is."""
    # Not a subclass: a matrix, for one, stays two-dimensional under `ravel`.
    array = np.asarray(array)
    described = _described(array.dtype)
    if not described:
        return _content(array)
    return Parts((Part("dtype", described, ".dtype"), Part("array", _content(array))))


def _described(dtype: np.dtype[Any]) -> dict[str, Any]:
    """Facts of a dtype that the form of its cells does not tell."""
    facts: dict[str, Any] = {}
    if dtype.metadata:
        facts["metadata"] = dict(dtype.metadata)
    if dtype.kind == "T":
        if hasattr(dtype, "na_object"):
            facts["missing"] = dtype.na_object
        if not getattr(dtype, "coerce", True):
            facts["coerce"] = False
    elif dtype.type is np.record or package(dtype.type) != "numpy":
        facts["cells"] = qualified(dtype.type)
    if dtype.fields and len(dtype.fields) != len(dtype.names or ()):
        facts["titles"] = [dtype.fields[name][2:] for name in dtype.names or ()]
    return facts


def _content(array: npt.NDArray[Any]) -> Any:
    dtype = array.dtype
    if dtype.names is not None:
        fields = (Part(name, array[name], f"[{name!r}]") for name in dtype.names)
        return Parts((Part("shape", array.shape), *fields))
    if dtype.kind in "OT":
        return Parts((Part("dtype", dtype.kind), Part("shape", array.shape), _cells(array)))
    if dtype.char in "gG":  # 8, 12 or 16 bytes by machine, some of them garbage
        return inner(dtype=dtype.char, shape=array.shape, cells=list(map(str, array.ravel())))
    # It also turns no dimensions into one, which `view` below needs.
    little = np.ascontiguousarray(array, dtype.newbyteorder("<"))
    if dtype.kind in "fc":
        # A complex number is two floats, and each may be a NaN with its own payload.
        real = little.view(f"<f{dtype.itemsize // (2 if dtype.kind == 'c' else 1)}")
        nan = np.isnan(real)
        little = np.where(nan, np.nan, real) if nan.any() else real
    if dtype.kind == "b":  # any byte but 0 is true
        little = np.packbits(little)
    name = dtype.newbyteorder("<").str
    # Not `little.data`: moments and text have no buffer protocol. No view of nothing is possible.
    cells = little.reshape(-1).view(np.uint8).data if little.nbytes else b""
    return Buffer(f"{name} {'x'.join(map(str, array.shape))}", (cells,))


def _cells(array: npt.NDArray[Any]) -> Part:
    """Python values: all text at once, else one by one."""
    cells = array.ravel().tolist()
    if all(type(cell) is str for cell in cells):
        try:
            return Part("texts", texts.texts(cells))
        except UnicodeEncodeError:  # a lone surrogate
            pass
    return Part("cells", cells)


def _masked(array: np.ma.MaskedArray[Any, Any]) -> Parts:
    mask = np.ma.getmaskarray(array)
    cells = np.ma.getdata(array, subok=False)
    more = (
        Part("hard", array.hardmask or None, ".hardmask"),
        Part("info", vars(array)["_optinfo"] or None, "._optinfo"),
        Part("of", None if array.baseclass is np.ndarray else array.baseclass, ".baseclass"),
    )
    # A record's fields are masked one by one.
    present = cells[~mask] if mask.dtype.names is None else _fields(cells, mask)
    usual = inner(missing=mask, present=present, fill=array.fill_value)
    return Parts((*usual.entries, *(part for part in more if part.value is not None)))


def _fields(cells: npt.NDArray[Any], mask: npt.NDArray[Any]) -> Any:
    if mask.dtype.names is None:
        return cells[~mask]
    return {name: _fields(cells[name], mask[name]) for name in mask.dtype.names}


def _dtype(dtype: np.dtype[Any]) -> Any:
    text, described = str(dtype.newbyteorder("<")), _described(dtype)
    return inner(dtype=described, text=text) if described else text


def _generator(generator: np.random.Generator) -> Any:
    """Its state, and that of the seeds from which `spawn` draws."""
    seeds = getattr(generator.bit_generator, "seed_seq", None)
    return inner(state=generator.bit_generator.state, seeds=getattr(seeds, "state", None))


def _ufunc(function: Any) -> str:
    for module in ("numpy", "scipy.special"):
        name = str(function.__name__)
        if getattr(sys.modules.get(module), name, None) is function:
            return f"{module}.{name}"
    raise NotComparable(f"{function!r} cannot be imported by its name")


RULES: dict[type, Rule] = {
    **texts.RULES,
    np.ndarray: Rule(_array, "array", covers=frozenset()),
    np.memmap: Rule(_array, "array", covers=frozenset({"_mmap", "filename", "offset", "mode"})),
    np.matrix: Rule(_array, covers=frozenset({"_getitem"})),
    type(np.ma.masked): Rule(lambda _: "masked", "masked", is_whole=True),
    np.ma.MaskedArray: Rule(_masked, "masked array", covers=OF_MASKED),
    **dict.fromkeys(
        (np.generic, np.str_, np.bytes_), Rule(np.asarray, "scalar", ("numpy",), is_whole=True)
    ),
    np.dtype: Rule(_dtype, "dtype", ("numpy",), is_whole=True),
    np.ufunc: Rule(_ufunc, "function", is_whole=True),
    np.random.RandomState: Rule(lambda value: value.get_state(legacy=False)),
    np.random.Generator: Rule(_generator),
}
