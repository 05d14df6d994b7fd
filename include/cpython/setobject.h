/* The layout of set.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_CPYTHON_SETOBJECT_H
#define Py_CPYTHON_SETOBJECT_H

#define PySet_MINSIZE 8

#ifdef __cplusplus
extern "C" {
#endif

typedef struct PySetObject PySetObject;
typedef struct setentry setentry;

struct setentry {
    PyObject *key;
    Py_hash_t hash;
};

struct PySetObject {
    PyObject ob_base;
    Py_ssize_t fill;
    Py_ssize_t used;
    Py_ssize_t mask;
    setentry *table;
    Py_hash_t hash;
    Py_ssize_t finger;
    setentry smalltable[8];
    PyObject *weakreflist;
};

#define _PySet_CAST(so) (assert(PyAnySet_Check(so)), _Py_CAST(PySetObject *, so))

static inline Py_ssize_t
PySet_GET_SIZE(PyObject *so)
{
    return _Py_atomic_load_ssize_relaxed(&_PySet_CAST(so)->used);
}
#define PySet_GET_SIZE(so) PySet_GET_SIZE(_PyObject_CAST(so))

#ifdef __cplusplus
}
#endif

#endif /* Py_CPYTHON_SETOBJECT_H */
