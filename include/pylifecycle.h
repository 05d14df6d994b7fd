/* Starting and stopping the interpreter.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_PYLIFECYCLE_H
#define Py_PYLIFECYCLE_H

#ifdef __cplusplus
extern "C" {
#endif

typedef void (*PyOS_sighandler_t)(int);

PyAPI_DATA(const unsigned long) Py_Version;

PyAPI_FUNC(PyOS_sighandler_t) PyOS_getsig(int);
PyAPI_FUNC(PyOS_sighandler_t) PyOS_setsig(int, PyOS_sighandler_t);
PyAPI_FUNC(int) Py_AtExit(void (*func)(void));
PyAPI_FUNC(int) Py_BytesMain(int argc, char **argv);
PyAPI_FUNC(void) Py_EndInterpreter(PyThreadState *);
_Py_NO_RETURN PyAPI_FUNC(void) Py_Exit(int);
PyAPI_FUNC(void) Py_Finalize(void);
PyAPI_FUNC(int) Py_FinalizeEx(void);
PyAPI_FUNC(const char *) Py_GetBuildInfo(void);
PyAPI_FUNC(const char *) Py_GetCompiler(void);
PyAPI_FUNC(const char *) Py_GetCopyright(void);
PyAPI_FUNC(wchar_t *) Py_GetExecPrefix(void) Py_DEPRECATED(3.13);
PyAPI_FUNC(wchar_t *) Py_GetPath(void) Py_DEPRECATED(3.13);
PyAPI_FUNC(const char *) Py_GetPlatform(void);
PyAPI_FUNC(wchar_t *) Py_GetPrefix(void) Py_DEPRECATED(3.13);
PyAPI_FUNC(wchar_t *) Py_GetProgramFullPath(void) Py_DEPRECATED(3.13);
PyAPI_FUNC(wchar_t *) Py_GetProgramName(void) Py_DEPRECATED(3.13);
PyAPI_FUNC(wchar_t *) Py_GetPythonHome(void) Py_DEPRECATED(3.13);
PyAPI_FUNC(const char *) Py_GetVersion(void);
PyAPI_FUNC(void) Py_Initialize(void);
PyAPI_FUNC(void) Py_InitializeEx(int);
PyAPI_FUNC(int) Py_IsFinalizing(void);
PyAPI_FUNC(int) Py_IsInitialized(void);
PyAPI_FUNC(int) Py_Main(int argc, wchar_t **argv);
PyAPI_FUNC(PyThreadState *) Py_NewInterpreter(void);
PyAPI_FUNC(void) Py_SetProgramName(const wchar_t *) Py_DEPRECATED(3.11);
PyAPI_FUNC(void) Py_SetPythonHome(const wchar_t *) Py_DEPRECATED(3.11);

#ifdef __cplusplus
}
#endif

#include "cpython/pylifecycle.h"

#endif /* Py_PYLIFECYCLE_H */
