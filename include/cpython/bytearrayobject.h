/* The layout of bytearray, and unchecked access.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_CPYTHON_BYTEARRAYOBJECT_H
#define Py_CPYTHON_BYTEARRAYOBJECT_H

#ifdef __cplusplus
extern "C" {
#endif

typedef struct PyByteArrayObject PyByteArrayObject;

struct PyByteArrayObject {
    PyVarObject ob_base;
    Py_ssize_t ob_alloc;
    char *ob_bytes;
    char *ob_start;
    Py_ssize_t ob_exports;
};

PyAPI_DATA(char) _PyByteArray_empty_string[];

#define _PyByteArray_CAST(op) (assert(PyByteArray_Check(op)), _Py_CAST(PyByteArrayObject *, op))

static inline Py_ssize_t
PyByteArray_GET_SIZE(PyObject *op)
{
    return _Py_atomic_load_ssize_relaxed(&_PyVarObject_CAST(_PyByteArray_CAST(op))->ob_size);
}
#define PyByteArray_GET_SIZE(self) PyByteArray_GET_SIZE(_PyObject_CAST(self))

static inline char *
PyByteArray_AS_STRING(PyObject *op)
{
    /* An empty one may own no memory. */
    return PyByteArray_GET_SIZE(op) ? _PyByteArray_CAST(op)->ob_start : _PyByteArray_empty_string;
}
#define PyByteArray_AS_STRING(self) PyByteArray_AS_STRING(_PyObject_CAST(self))

#ifdef __cplusplus
}
#endif

#endif /* Py_CPYTHON_BYTEARRAYOBJECT_H */
