/* The layouts of the exceptions that have fields of their own.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_CPYTHON_ERRORS_H
#define Py_CPYTHON_ERRORS_H

/* What every exception starts with. */
#define PyException_HEAD \
    PyObject_HEAD \
    PyObject *dict; \
    PyObject *args; \
    PyObject *notes; \
    PyObject *traceback; \
    PyObject *context; \
    PyObject *cause; \
    char suppress_context;

#ifdef __cplusplus
extern "C" {
#endif

typedef struct PyAttributeErrorObject PyAttributeErrorObject;
typedef struct PyBaseExceptionGroupObject PyBaseExceptionGroupObject;
typedef struct PyBaseExceptionObject PyBaseExceptionObject;
typedef struct PyImportErrorObject PyImportErrorObject;
typedef struct PyNameErrorObject PyNameErrorObject;
typedef struct PyOSErrorObject PyOSErrorObject;
typedef struct PyStopIterationObject PyStopIterationObject;
typedef struct PySyntaxErrorObject PySyntaxErrorObject;
typedef struct PySystemExitObject PySystemExitObject;
typedef struct PyUnicodeErrorObject PyUnicodeErrorObject;
typedef PyOSErrorObject PyEnvironmentErrorObject;

struct PyAttributeErrorObject {
    PyObject ob_base;
    PyObject *dict;
    PyObject *args;
    PyObject *notes;
    PyObject *traceback;
    PyObject *context;
    PyObject *cause;
    char suppress_context;
    PyObject *obj;
    PyObject *name;
};

struct PyBaseExceptionGroupObject {
    PyObject ob_base;
    PyObject *dict;
    PyObject *args;
    PyObject *notes;
    PyObject *traceback;
    PyObject *context;
    PyObject *cause;
    char suppress_context;
    PyObject *msg;
    PyObject *excs;
    PyObject *excs_str;
};

struct PyBaseExceptionObject {
    PyObject ob_base;
    PyObject *dict;
    PyObject *args;
    PyObject *notes;
    PyObject *traceback;
    PyObject *context;
    PyObject *cause;
    char suppress_context;
};

struct PyImportErrorObject {
    PyObject ob_base;
    PyObject *dict;
    PyObject *args;
    PyObject *notes;
    PyObject *traceback;
    PyObject *context;
    PyObject *cause;
    char suppress_context;
    PyObject *msg;
    PyObject *name;
    PyObject *path;
    PyObject *name_from;
};

struct PyNameErrorObject {
    PyObject ob_base;
    PyObject *dict;
    PyObject *args;
    PyObject *notes;
    PyObject *traceback;
    PyObject *context;
    PyObject *cause;
    char suppress_context;
    PyObject *name;
};

struct PyOSErrorObject {
    PyObject ob_base;
    PyObject *dict;
    PyObject *args;
    PyObject *notes;
    PyObject *traceback;
    PyObject *context;
    PyObject *cause;
    char suppress_context;
    PyObject *myerrno;
    PyObject *strerror;
    PyObject *filename;
    PyObject *filename2;
    Py_ssize_t written;
};

struct PyStopIterationObject {
    PyObject ob_base;
    PyObject *dict;
    PyObject *args;
    PyObject *notes;
    PyObject *traceback;
    PyObject *context;
    PyObject *cause;
    char suppress_context;
    PyObject *value;
};

struct PySyntaxErrorObject {
    PyObject ob_base;
    PyObject *dict;
    PyObject *args;
    PyObject *notes;
    PyObject *traceback;
    PyObject *context;
    PyObject *cause;
    char suppress_context;
    PyObject *msg;
    PyObject *filename;
    PyObject *lineno;
    PyObject *offset;
    PyObject *end_lineno;
    PyObject *end_offset;
    PyObject *text;
    PyObject *print_file_and_line;
    PyObject *metadata;
};

struct PySystemExitObject {
    PyObject ob_base;
    PyObject *dict;
    PyObject *args;
    PyObject *notes;
    PyObject *traceback;
    PyObject *context;
    PyObject *cause;
    char suppress_context;
    PyObject *code;
};

struct PyUnicodeErrorObject {
    PyObject ob_base;
    PyObject *dict;
    PyObject *args;
    PyObject *notes;
    PyObject *traceback;
    PyObject *context;
    PyObject *cause;
    char suppress_context;
    PyObject *encoding;
    PyObject *object;
    Py_ssize_t start;
    Py_ssize_t end;
    PyObject *reason;
};

PyAPI_DATA(PyObject *) PyExc_PythonFinalizationError;

PyAPI_FUNC(void) PyErr_FormatUnraisable(const char *, ...);
PyAPI_FUNC(PyObject *) PyErr_ProgramTextObject(PyObject *filename, int lineno);
PyAPI_FUNC(void) PyErr_RangedSyntaxLocationObject(PyObject *filename, int lineno, int col_offset,
    int end_lineno, int end_col_offset);
PyAPI_FUNC(void) PyErr_SyntaxLocationObject(PyObject *filename, int lineno, int col_offset);
PyAPI_FUNC(int) PySignal_SetWakeupFd(int fd);
PyAPI_FUNC(PyObject *) PyUnstable_Exc_PrepReraiseStar(PyObject *orig, PyObject *excs);
PyAPI_FUNC(void) _PyErr_ChainExceptions1(PyObject *);
_Py_NO_RETURN PyAPI_FUNC(void) _Py_FatalErrorFunc(const char *func, const char *message);

#define Py_FatalError(message) _Py_FatalErrorFunc(__func__, (message))

#ifdef __cplusplus
}
#endif

#endif /* Py_CPYTHON_ERRORS_H */
