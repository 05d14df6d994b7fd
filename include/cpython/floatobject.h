/* The layout of float; packing.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_CPYTHON_FLOATOBJECT_H
#define Py_CPYTHON_FLOATOBJECT_H

#ifdef __cplusplus
extern "C" {
#endif

typedef struct PyFloatObject PyFloatObject;

struct PyFloatObject {
    PyObject ob_base;
    double ob_fval;
};

PyAPI_FUNC(int) PyFloat_Pack2(double x, char *p, int le);
PyAPI_FUNC(int) PyFloat_Pack4(double x, char *p, int le);
PyAPI_FUNC(int) PyFloat_Pack8(double x, char *p, int le);
PyAPI_FUNC(double) PyFloat_Unpack2(const char *p, int le);
PyAPI_FUNC(double) PyFloat_Unpack4(const char *p, int le);
PyAPI_FUNC(double) PyFloat_Unpack8(const char *p, int le);

#define _PyFloat_CAST(op) (assert(PyFloat_Check(op)), _Py_CAST(PyFloatObject *, op))

static inline double
PyFloat_AS_DOUBLE(PyObject *op)
{
    return _PyFloat_CAST(op)->ob_fval;
}
#define PyFloat_AS_DOUBLE(op) PyFloat_AS_DOUBLE(_PyObject_CAST(op))

#ifdef __cplusplus
}
#endif

#endif /* Py_CPYTHON_FLOATOBJECT_H */
