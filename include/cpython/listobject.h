/* The layout of list, and unchecked access (the caller keeps other threads away).
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_CPYTHON_LISTOBJECT_H
#define Py_CPYTHON_LISTOBJECT_H

#ifdef __cplusplus
extern "C" {
#endif

typedef struct PyListObject PyListObject;

struct PyListObject {
    PyVarObject ob_base;
    PyObject **ob_item;
    Py_ssize_t allocated;
};

PyAPI_FUNC(int) PyList_Clear(PyObject *self);
PyAPI_FUNC(int) PyList_Extend(PyObject *self, PyObject *iterable);

#define _PyList_CAST(op) (assert(PyList_Check(op)), _Py_CAST(PyListObject *, (op)))

static inline Py_ssize_t
PyList_GET_SIZE(PyObject *op)
{
    return _Py_atomic_load_ssize_relaxed(&_PyVarObject_CAST(_PyList_CAST(op))->ob_size);
}
#define PyList_GET_SIZE(op) PyList_GET_SIZE(_PyObject_CAST(op))

#define PyList_GET_ITEM(op, index) (_PyList_CAST(op)->ob_item[(index)])

static inline void
PyList_SET_ITEM(PyObject *op, Py_ssize_t index, PyObject *value)
{
    assert(0 <= index && index < _PyList_CAST(op)->allocated);
    _PyList_CAST(op)->ob_item[index] = value;
}
#define PyList_SET_ITEM(op, index, value) PyList_SET_ITEM(_PyObject_CAST(op), (index), _PyObject_CAST(value))

#ifdef __cplusplus
}
#endif

#endif /* Py_CPYTHON_LISTOBJECT_H */
