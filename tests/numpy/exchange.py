"""NumPy's side of the exchange with lockstep: its .npy and .npz files both ways, and arrays through DLPack and back.

exchange.py LIBRARY: the shared library made of exchange.cpp. Ends with status 0 when all is right.
"""
import ctypes
import itertools
import os
import sys
import tempfile
import weakref

import numpy as np

NUMBERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64"]
TYPES = NUMBERS + ["bool", "float16", "complex64", "complex128"]

library = ctypes.CDLL(sys.argv[1])
for function in (library.copy_npy, library.copy_npz, library.twice):
    function.restype = ctypes.c_char_p


def call(function, *arguments):
    problem = function(*arguments)
    if problem is not None:
        raise RuntimeError(problem.decode())


def values(dtype, order="C", shape=(7, 5)):
    """Bits of all kinds where every one is a value, else small numbers and infinity; both byte orders are made later."""
    random = np.random.RandomState(1)
    if dtype == "bool":
        made = random.randint(0, 2, shape).astype(bool)
    elif np.dtype(dtype).kind in "iu":
        made = np.frombuffer(random.bytes(np.dtype(dtype).itemsize * shape[0] * shape[1]), dtype).reshape(shape)
    else:
        made = random.standard_normal(shape).astype(dtype)
        if np.dtype(dtype).kind == "c":
            made = made + (1j * random.standard_normal(shape)).astype(dtype)
        made[0, 0] = np.inf
    return np.array(made, dtype=dtype, order=order)


def same(found, expected):
    assert found.dtype == expected.dtype.newbyteorder("="), (found.dtype, expected.dtype)
    assert found.shape == expected.shape, (found.shape, expected.shape)
    assert np.array_equal(found, expected), (found, expected)


def check_npy(folder):
    """Every type, order, byte order and version that NumPy writes is read, and what lockstep writes of it NumPy reads."""
    source, target = os.path.join(folder, "a.npy"), os.path.join(folder, "b.npy")
    kinds = itertools.product(TYPES, "CF", "<>", [(1, 0), (2, 0), (3, 0)], [(7, 5), (0, 3), (1, 1)])
    for dtype, order, byte_order, version, shape in kinds:
        x = values(dtype, order, shape) if shape[0] else np.empty(shape, dtype)
        x = np.array(x, dtype=np.dtype(dtype).newbyteorder(byte_order), order=order)
        with open(source, "wb") as file:
            np.lib.format.write_array(file, x, version=version)
        call(library.copy_npy, dtype.encode(), source.encode(), target.encode())
        same(np.load(target), x)


def check_npz(folder):
    """The same for archives, stored and packed."""
    source, target = os.path.join(folder, "a.npz"), os.path.join(folder, "b.npz")
    for dtype, save in itertools.product(TYPES, [np.savez, np.savez_compressed]):
        members = {"one": values(dtype), "columns": values(dtype, "F"), "long": values(dtype, shape=(300, 70))}
        save(source, **members)
        call(library.copy_npz, dtype.encode(), source.encode(), target.encode())
        with np.load(target) as found:
            assert sorted(found.files) == sorted(members), found.files
            for name, x in members.items():
                same(found[name], x)


class Tensor:
    """What lockstep gives, as numpy.from_dlpack takes it."""

    def __init__(self, address):
        self.address = address

    def __dlpack__(self, **_):
        new = ctypes.pythonapi.PyCapsule_New
        new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        return new(self.address, b"dltensor", None)

    def __dlpack_device__(self):
        return 1, 0  # the CPU


def through_lockstep(x):
    capsule = x.__dlpack__()
    pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
    pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    rename = ctypes.pythonapi.PyCapsule_SetName
    rename.argtypes = [ctypes.py_object, ctypes.c_char_p]
    result = ctypes.c_void_p()
    call(library.twice, x.dtype.name.encode(), ctypes.c_void_p(pointer_of(capsule, b"dltensor")), ctypes.byref(result))
    rename(capsule, b"used_dltensor")  # it is taken: the capsule no longer calls its deleter
    return np.from_dlpack(Tensor(result.value))


def check_dlpack():
    for dtype in [name for name in TYPES if name != "bool"]:  # which NumPy before 1.25 does not give
        x = np.arange(12).reshape(3, 4).astype(dtype)
        expected = x + x if dtype in NUMBERS else x.copy()
        original, address = weakref.ref(x), x.ctypes.data
        y = through_lockstep(x)
        same(y, expected)
        assert y.ctypes.data == address, "the memory is NumPy's own"
        del x
        assert original() is not None, "lockstep's tensor keeps NumPy's array"
        same(y, expected)
        del y
        assert original() is None, f"{dtype}: both deleters have run"
    refused = np.arange(12, dtype="float32").reshape(3, 4).T
    kept = weakref.ref(refused)
    try:
        through_lockstep(refused)
        raise AssertionError("found a transposed tensor taken, expected it to be refused")
    except RuntimeError as problem:
        assert "make the tensor contiguous first" in str(problem), problem
    del refused
    assert kept() is None, "a refused tensor is its owner's to delete"


with tempfile.TemporaryDirectory() as temporary:
    check_npy(temporary)
    check_npz(temporary)
check_dlpack()
print("ok: NumPy", np.__version__)
