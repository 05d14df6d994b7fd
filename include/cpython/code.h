/* Code objects: their layout is public, their bytecode is not.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_CODE_H
#define Py_CODE_H

#define PY_PARSER_REQUIRES_FUTURE_KEYWORD
/* Events of watchers. */
#define PY_FOREACH_CODE_EVENT(V) V(CREATE) V(DESTROY)
#define _Py_DEF_EVENT(op) PY_CODE_EVENT_##op,
typedef enum PyCodeEvent { PY_FOREACH_CODE_EVENT(_Py_DEF_EVENT) _PY_CODE_EVENT_COUNT } PyCodeEvent;

/* The fields of a code object whose bytecode takes SIZE bytes. */
#define _PyCode_DEF_THREAD_LOCAL_BYTECODE() _PyCodeArray *co_tlbc;
#define _PyCode_DEF(SIZE) \
    { \
        PyObject_VAR_HEAD \
        PyObject *co_consts; \
        PyObject *co_names; \
        PyObject *co_exceptiontable; \
        int co_flags; \
        int co_argcount; \
        int co_posonlyargcount; \
        int co_kwonlyargcount; \
        int co_stacksize; \
        int co_firstlineno; \
        int co_nlocalsplus; \
        int co_framesize; \
        int co_nlocals; \
        int co_ncellvars; \
        int co_nfreevars; \
        uint32_t co_version; \
        PyObject *co_localsplusnames; \
        PyObject *co_localspluskinds; \
        PyObject *co_filename; \
        PyObject *co_name; \
        PyObject *co_qualname; \
        PyObject *co_linetable; \
        PyObject *co_weakreflist; \
        _PyExecutorArray *co_executors; \
        _PyCoCached *_co_cached; \
        uintptr_t _co_instrumentation_version; \
        struct _PyCoMonitoringData *_co_monitoring; \
        Py_ssize_t _co_unique_id; \
        int _co_firsttraceable; \
        void *co_extra; \
        _PyCode_DEF_THREAD_LOCAL_BYTECODE() \
        char co_code_adaptive[(SIZE)]; \
    }

#define CO_ASYNC_GENERATOR 512
#define CO_COROUTINE 128
#define CO_FUTURE_ABSOLUTE_IMPORT 262144
#define CO_FUTURE_ANNOTATIONS 16777216
#define CO_FUTURE_BARRY_AS_BDFL 4194304
#define CO_FUTURE_DIVISION 131072
#define CO_FUTURE_GENERATOR_STOP 8388608
#define CO_FUTURE_PRINT_FUNCTION 1048576
#define CO_FUTURE_UNICODE_LITERALS 2097152
#define CO_FUTURE_WITH_STATEMENT 524288
#define CO_GENERATOR 32
#define CO_HAS_DOCSTRING 67108864
#define CO_ITERABLE_COROUTINE 256
#define CO_MAXBLOCKS 21
#define CO_METHOD 134217728
#define CO_NESTED 16
#define CO_NEWLOCALS 2
#define CO_NO_MONITORING_EVENTS 33554432
#define CO_OPTIMIZED 1
#define CO_VARARGS 4
#define CO_VARKEYWORDS 8
typedef enum _PyCodeLocationInfoKind {
    PY_CODE_LOCATION_INFO_SHORT0 = 0,
    PY_CODE_LOCATION_INFO_ONE_LINE0 = 10,
    PY_CODE_LOCATION_INFO_ONE_LINE1 = 11,
    PY_CODE_LOCATION_INFO_ONE_LINE2 = 12,
    PY_CODE_LOCATION_INFO_NO_COLUMNS = 13,
    PY_CODE_LOCATION_INFO_LONG = 14,
    PY_CODE_LOCATION_INFO_NONE = 15
} _PyCodeLocationInfoKind;

#ifdef __cplusplus
extern "C" {
#endif

typedef struct _line_offsets PyCodeAddressRange;
typedef struct _PyCoCached _PyCoCached;
typedef struct _PyCodeArray _PyCodeArray;
typedef struct _PyExecutorArray _PyExecutorArray;
typedef int (*PyCode_WatchCallback)(PyCodeEvent, PyCodeObject *);

struct PyCodeObject {
    PyVarObject ob_base;
    PyObject *co_consts;
    PyObject *co_names;
    PyObject *co_exceptiontable;
    int co_flags;
    int co_argcount;
    int co_posonlyargcount;
    int co_kwonlyargcount;
    int co_stacksize;
    int co_firstlineno;
    int co_nlocalsplus;
    int co_framesize;
    int co_nlocals;
    int co_ncellvars;
    int co_nfreevars;
    uint32_t co_version;
    PyObject *co_localsplusnames;
    PyObject *co_localspluskinds;
    PyObject *co_filename;
    PyObject *co_name;
    PyObject *co_qualname;
    PyObject *co_linetable;
    PyObject *co_weakreflist;
    _PyExecutorArray *co_executors;
    _PyCoCached *_co_cached;
    uintptr_t _co_instrumentation_version;
    struct _PyCoMonitoringData *_co_monitoring;
    Py_ssize_t _co_unique_id;
    int _co_firsttraceable;
    void *co_extra;
    _PyCodeArray *co_tlbc;
    char co_code_adaptive[1];
};

struct _PyCoCached {
    PyObject *_co_code;
    PyObject *_co_varnames;
    PyObject *_co_cellvars;
    PyObject *_co_freevars;
};

struct _PyCodeArray {
    Py_ssize_t size;
    char *entries[1];
};

struct _PyExecutorArray {
    int size;
    int capacity;
    struct _PyExecutorObject *executors[1];
};

struct _opaque {
    int computed_line;
    const uint8_t *lo_next;
    const uint8_t *limit;
};

struct _line_offsets {
    int ar_start;
    int ar_end;
    int ar_line;
    struct _opaque opaque;
};

PyAPI_DATA(PyTypeObject) PyCode_Type;

PyAPI_FUNC(int) PyCode_AddWatcher(PyCode_WatchCallback callback);
PyAPI_FUNC(int) PyCode_Addr2Line(PyCodeObject *, int);
PyAPI_FUNC(int) PyCode_Addr2Location(PyCodeObject *, int, int *, int *, int *, int *);
PyAPI_FUNC(int) PyCode_ClearWatcher(int watcher_id);
PyAPI_FUNC(PyObject *) PyCode_GetCellvars(PyCodeObject *code);
PyAPI_FUNC(PyObject *) PyCode_GetCode(PyCodeObject *code);
PyAPI_FUNC(PyObject *) PyCode_GetFreevars(PyCodeObject *code);
PyAPI_FUNC(PyObject *) PyCode_GetVarnames(PyCodeObject *code);
PyAPI_FUNC(PyCodeObject *) PyCode_NewEmpty(const char *filename, const char *funcname, int firstlineno);
PyAPI_FUNC(PyObject *) PyCode_Optimize(PyObject *code, PyObject *consts, PyObject *names, PyObject *lnotab);
PyAPI_FUNC(int) PyUnstable_Code_GetExtra(PyObject *code, Py_ssize_t index, void **extra);
PyAPI_FUNC(PyCodeObject *) PyUnstable_Code_New(int, int, int, int, int, PyObject *, PyObject *, PyObject *,
    PyObject *, PyObject *, PyObject *, PyObject *, PyObject *, PyObject *, int, PyObject *, PyObject *);
PyAPI_FUNC(PyCodeObject *) PyUnstable_Code_NewWithPosOnlyArgs(int, int, int, int, int, int, PyObject *,
    PyObject *, PyObject *, PyObject *, PyObject *, PyObject *, PyObject *, PyObject *, PyObject *, int,
    PyObject *, PyObject *);
PyAPI_FUNC(int) PyUnstable_Code_SetExtra(PyObject *code, Py_ssize_t index, void *extra);
PyAPI_FUNC(int) _PyCode_CheckLineNumber(int lasti, PyCodeAddressRange *bounds);
PyAPI_FUNC(PyObject *) _PyCode_ConstantKey(PyObject *obj);

#define PyCode_Check(op) Py_IS_TYPE((op), &PyCode_Type)

static inline Py_ssize_t
PyCode_GetNumFree(PyCodeObject *op)
{
    assert(PyCode_Check(op));
    return op->co_nfreevars;
}

/* The index of the first free variable among all the variables. */
static inline int
PyUnstable_Code_GetFirstFree(PyCodeObject *op)
{
    assert(PyCode_Check(op));
    return op->co_nlocalsplus - op->co_nfreevars;
}

Py_DEPRECATED(3.13) static inline int
PyCode_GetFirstFree(PyCodeObject *op)
{
    return PyUnstable_Code_GetFirstFree(op);
}

Py_DEPRECATED(3.11) static inline PyCodeObject *
PyCode_New(int a, int b, int c, int d, int e, PyObject *f, PyObject *g, PyObject *h, PyObject *i, PyObject *j,
           PyObject *k, PyObject *l, PyObject *m, PyObject *n, int o, PyObject *p, PyObject *q)
{
    return PyUnstable_Code_New(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q);
}

Py_DEPRECATED(3.11) static inline PyCodeObject *
PyCode_NewWithPosOnlyArgs(int a, int poac, int b, int c, int d, int e, PyObject *f, PyObject *g, PyObject *h,
                          PyObject *i, PyObject *j, PyObject *k, PyObject *l, PyObject *m, PyObject *n, int o,
                          PyObject *p, PyObject *q)
{
    return PyUnstable_Code_NewWithPosOnlyArgs(a, poac, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q);
}

Py_DEPRECATED(3.12) static inline int
_PyCode_GetExtra(PyObject *code, Py_ssize_t index, void **extra)
{
    return PyUnstable_Code_GetExtra(code, index, extra);
}

Py_DEPRECATED(3.12) static inline int
_PyCode_SetExtra(PyObject *code, Py_ssize_t index, void *extra)
{
    return PyUnstable_Code_SetExtra(code, index, extra);
}

#ifdef __cplusplus
}
#endif

#endif /* Py_CODE_H */
