/* The hook of io.open_code, and the printer of early errors.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_CPYTHON_FILEOBJECT_H
#define Py_CPYTHON_FILEOBJECT_H

#ifdef __cplusplus
extern "C" {
#endif

typedef PyObject *(*Py_OpenCodeHookFunction)(PyObject *, void *);

PyAPI_DATA(PyTypeObject) PyStdPrinter_Type;

PyAPI_FUNC(PyObject *) PyFile_NewStdPrinter(int);
PyAPI_FUNC(PyObject *) PyFile_OpenCode(const char *utf8path);
PyAPI_FUNC(PyObject *) PyFile_OpenCodeObject(PyObject *path);
PyAPI_FUNC(int) PyFile_SetOpenCodeHook(Py_OpenCodeHookFunction hook, void *userData);
PyAPI_FUNC(char *) Py_UniversalNewlineFgets(char *, int, FILE *, PyObject *);

#ifdef __cplusplus
}
#endif

#endif /* Py_CPYTHON_FILEOBJECT_H */
