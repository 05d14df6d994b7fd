/* Running source, printing errors.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_PYTHONRUN_H
#define Py_PYTHONRUN_H

#ifdef __cplusplus
extern "C" {
#endif

extern Py_EXPORTED_SYMBOL int (*PyOS_InputHook)(void);

PyAPI_FUNC(void) PyErr_Display(PyObject *, PyObject *, PyObject *);
PyAPI_FUNC(void) PyErr_DisplayException(PyObject *);
PyAPI_FUNC(void) PyErr_Print(void);
PyAPI_FUNC(void) PyErr_PrintEx(int);
PyAPI_FUNC(PyObject *) Py_CompileString(const char *, const char *, int);

#ifdef __cplusplus
}
#endif

#include "cpython/pythonrun.h"

#endif /* Py_PYTHONRUN_H */
