/* Tracebacks.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_TRACEBACK_H
#define Py_TRACEBACK_H

#ifdef __cplusplus
extern "C" {
#endif

PyAPI_DATA(PyTypeObject) PyTraceBack_Type;

PyAPI_FUNC(int) PyTraceBack_Here(PyFrameObject *);
PyAPI_FUNC(int) PyTraceBack_Print(PyObject *, PyObject *);

#define PyTraceBack_Check(v) Py_IS_TYPE((v), &PyTraceBack_Type)

#ifdef __cplusplus
}
#endif

#include "cpython/traceback.h"

#endif /* Py_TRACEBACK_H */
