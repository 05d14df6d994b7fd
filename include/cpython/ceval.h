/* Profiling and tracing functions; the perf map.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_CPYTHON_CEVAL_H
#define Py_CPYTHON_CEVAL_H

#ifdef __cplusplus
extern "C" {
#endif

typedef struct PerfMapState PerfMapState;

struct PerfMapState {
    FILE *perf_map;
    PyThread_type_lock map_lock;
};

PyAPI_FUNC(int) PyEval_MergeCompilerFlags(PyCompilerFlags *cf);
PyAPI_FUNC(void) PyEval_SetProfile(Py_tracefunc, PyObject *);
PyAPI_FUNC(void) PyEval_SetProfileAllThreads(Py_tracefunc, PyObject *);
PyAPI_FUNC(void) PyEval_SetTrace(Py_tracefunc, PyObject *);
PyAPI_FUNC(void) PyEval_SetTraceAllThreads(Py_tracefunc, PyObject *);
PyAPI_FUNC(int) PyUnstable_CopyPerfMapFile(const char *parent_filename);
PyAPI_FUNC(Py_ssize_t) PyUnstable_Eval_RequestCodeExtraIndex(freefunc);
PyAPI_FUNC(void) PyUnstable_PerfMapState_Fini(void);
PyAPI_FUNC(int) PyUnstable_PerfMapState_Init(void);
PyAPI_FUNC(int) PyUnstable_PerfTrampoline_CompileCode(PyCodeObject *);
PyAPI_FUNC(int) PyUnstable_PerfTrampoline_SetPersistAfterFork(int enable);
PyAPI_FUNC(int) PyUnstable_WritePerfMapEntry(const void *code_addr, unsigned int code_size,
    const char *entry_name);
PyAPI_FUNC(PyObject *) _PyEval_EvalFrameDefault(PyThreadState *tstate, struct _PyInterpreterFrame *f,
    int exc);
PyAPI_FUNC(int) _PyEval_SliceIndex(PyObject *, Py_ssize_t *);
PyAPI_FUNC(int) _PyEval_SliceIndexNotNone(PyObject *, Py_ssize_t *);

Py_DEPRECATED(3.12) static inline Py_ssize_t
_PyEval_RequestCodeExtraIndex(freefunc f)
{
    return PyUnstable_Eval_RequestCodeExtraIndex(f);
}

#ifdef __cplusplus
}
#endif

#endif /* Py_CPYTHON_CEVAL_H */
