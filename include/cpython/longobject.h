/* More of int: signs, byte arrays, compact values.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_CPYTHON_LONGOBJECT_H
#define Py_CPYTHON_LONGOBJECT_H

#ifdef __cplusplus
extern "C" {
#endif

PyAPI_FUNC(PyObject *) PyLong_FromUnicodeObject(PyObject *u, int base);
PyAPI_FUNC(int) PyLong_GetSign(PyObject *v, int *sign);
PyAPI_FUNC(int) PyLong_IsNegative(PyObject *obj);
PyAPI_FUNC(int) PyLong_IsPositive(PyObject *obj);
PyAPI_FUNC(int) PyLong_IsZero(PyObject *obj);
PyAPI_FUNC(Py_ssize_t) PyUnstable_Long_CompactValue(const PyLongObject *op);
PyAPI_FUNC(int) PyUnstable_Long_IsCompact(const PyLongObject *op);
PyAPI_FUNC(int) _PyLong_AsByteArray(PyLongObject *v, unsigned char *bytes, size_t n, int little_endian,
    int is_signed, int with_exceptions);
PyAPI_FUNC(PyObject *) _PyLong_FromByteArray(const unsigned char *bytes, size_t n, int little_endian,
    int is_signed);
PyAPI_FUNC(PyObject *) _PyLong_GCD(PyObject *, PyObject *);
PyAPI_FUNC(int64_t) _PyLong_NumBits(PyObject *v);
PyAPI_FUNC(int) _PyLong_Sign(PyObject *v);

#define _PyLong_CAST(op) (assert(PyLong_Check(op)), _Py_CAST(PyLongObject *, (op)))

#ifdef __cplusplus
}
#endif

#endif /* Py_CPYTHON_LONGOBJECT_H */
