/* Initialisation from a configuration, sub-interpreters.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_CPYTHON_PYLIFECYCLE_H
#define Py_CPYTHON_PYLIFECYCLE_H

#define PyInterpreterConfig_DEFAULT_GIL 0
#define PyInterpreterConfig_OWN_GIL 2
#define PyInterpreterConfig_SHARED_GIL 1
#define _PyInterpreterConfig_LEGACY_CHECK_MULTI_INTERP_EXTENSIONS 1

#ifdef __cplusplus
extern "C" {
#endif

typedef struct PyInterpreterConfig PyInterpreterConfig;
typedef void (*atexit_datacallbackfunc)(void *);

struct PyInterpreterConfig {
    int use_main_obmalloc;
    int allow_fork;
    int allow_exec;
    int allow_threads;
    int allow_daemon_threads;
    int check_multi_interp_extensions;
    int gil;
};

PyAPI_FUNC(int) PyUnstable_AtExit(PyInterpreterState *, atexit_datacallbackfunc, void *);
_Py_NO_RETURN PyAPI_FUNC(void) Py_ExitStatusException(PyStatus err);
PyAPI_FUNC(int) Py_FdIsInteractive(FILE *, const char *);
PyAPI_FUNC(int) Py_FrozenMain(int argc, char **argv);
PyAPI_FUNC(PyStatus) Py_InitializeFromConfig(const PyConfig *config);
PyAPI_FUNC(PyStatus) Py_NewInterpreterFromConfig(PyThreadState **tstate_p, const PyInterpreterConfig *config);
PyAPI_FUNC(PyStatus) Py_PreInitialize(const PyPreConfig *src_config);
PyAPI_FUNC(PyStatus) Py_PreInitializeFromArgs(const PyPreConfig *src_config, Py_ssize_t argc, wchar_t **argv);
PyAPI_FUNC(PyStatus) Py_PreInitializeFromBytesArgs(const PyPreConfig *src_config, Py_ssize_t argc,
    char **argv);
PyAPI_FUNC(int) Py_RunMain(void);

/* A sub-interpreter that shares nothing it need not share, and one as before PEP 684. */
#define _PyInterpreterConfig_INIT \
    {0, 0, 0, 1, 0, 1, PyInterpreterConfig_OWN_GIL}
#define _PyInterpreterConfig_LEGACY_INIT \
    {1, 1, 1, 1, 1, _PyInterpreterConfig_LEGACY_CHECK_MULTI_INTERP_EXTENSIONS, PyInterpreterConfig_SHARED_GIL}

#ifdef __cplusplus
}
#endif

#endif /* Py_CPYTHON_PYLIFECYCLE_H */
