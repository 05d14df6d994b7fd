/* True and False.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_BOOLOBJECT_H
#define Py_BOOLOBJECT_H

#ifdef __cplusplus
extern "C" {
#endif

PyAPI_DATA(PyLongObject) _Py_FalseStruct;
PyAPI_DATA(PyLongObject) _Py_TrueStruct;

PyAPI_FUNC(PyObject *) PyBool_FromLong(long);
PyAPI_FUNC(int) Py_IsFalse(PyObject *x);
PyAPI_FUNC(int) Py_IsTrue(PyObject *x);

#define PyBool_Check(x) Py_IS_TYPE((x), &PyBool_Type)
#define Py_False _PyObject_CAST(&_Py_FalseStruct)
#define Py_True _PyObject_CAST(&_Py_TrueStruct)
#define Py_IsTrue(x) Py_Is((x), Py_True)
#define Py_IsFalse(x) Py_Is((x), Py_False)
#define Py_RETURN_TRUE return Py_True
#define Py_RETURN_FALSE return Py_False

#ifdef __cplusplus
}
#endif

#endif /* Py_BOOLOBJECT_H */
