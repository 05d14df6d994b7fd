/* Exceptions, warnings, audit events and output whose text comes from a format. */
#include "shim.h"

PyObject *
SHIM(PyErr_FormatV)(PyObject *exception, const char *format, va_list vargs)
{
    /* Formatting may run Python code, which must not see an exception that is on its way. */
    PyErr_Clear();
    PyObject *message = SHIM(PyUnicode_FromFormatV)(format, vargs);
    if (message != NULL) {
        PyErr_SetObject(exception, message);
        Py_DECREF(message);
    }
    return NULL;
}

PyObject *
SHIM(PyErr_Format)(PyObject *exception, const char *format, ...)
{
    va_list va;
    va_start(va, format);
    SHIM(PyErr_FormatV)(exception, format, va);
    va_end(va);
    return NULL;
}

PyObject *
SHIM(_PyErr_FormatV)(PyThreadState *Py_UNUSED(tstate), PyObject *exception, const char *format, va_list vargs)
{
    return SHIM(PyErr_FormatV)(exception, format, vargs);
}

PyObject *
SHIM(_PyErr_Format)(PyThreadState *Py_UNUSED(tstate), PyObject *exception, const char *format, ...)
{
    va_list va;
    va_start(va, format);
    SHIM(PyErr_FormatV)(exception, format, va);
    va_end(va);
    return NULL;
}

/* Raises with the current exception as cause and context. */
PyObject *
SHIM(_PyErr_FormatFromCause)(PyObject *exception, const char *format, ...)
{
    PyObject *cause = PyErr_GetRaisedException();
    va_list va;
    va_start(va, format);
    SHIM(PyErr_FormatV)(exception, format, va);
    va_end(va);
    PyObject *raised = PyErr_GetRaisedException();
    if (raised != NULL && cause != NULL) {
        PyException_SetCause(raised, Py_NewRef(cause));
        PyException_SetContext(raised, Py_NewRef(cause));
    }
    Py_XDECREF(cause);
    PyErr_SetRaisedException(raised);
    return NULL;
}

/* Adds a note to the current exception; an error on the way replaces nothing. */
void
SHIM(_PyErr_FormatNote)(const char *format, ...)
{
    PyObject *raised = PyErr_GetRaisedException();
    va_list va;
    va_start(va, format);
    PyObject *note = SHIM(PyUnicode_FromFormatV)(format, va);
    va_end(va);
    PyObject *name = note && raised ? PyUnicode_FromString("add_note") : NULL;
    if (name != NULL) {
        Py_XDECREF(PyObject_CallMethodOneArg(raised, name, note));
    }
    Py_XDECREF(name);
    Py_XDECREF(note);
    PyErr_Clear();
    PyErr_SetRaisedException(raised);
}

void
SHIM(PyErr_FormatUnraisable)(const char *format, ...)
{
    PyObject *raised = PyErr_GetRaisedException();
    PyObject *message = NULL;
    if (format != NULL) {
        va_list va;
        va_start(va, format);
        message = SHIM(PyUnicode_FromFormatV)(format, va);
        va_end(va);
        if (message == NULL) {
            PyErr_Clear();
        }
    }
    PyErr_SetRaisedException(raised);
    fw_write_unraisable(message, NULL);
    Py_XDECREF(message);
}

/* Warns with a message object: what _warnings.warn does, from the caller's Python frame. Takes the message. */
static int
warn(PyObject *category, PyObject *message, Py_ssize_t stack_level, PyObject *source)
{
    if (message == NULL) {
        return -1;
    }
    PyObject *result = NULL;
    PyObject *module = PyImport_ImportModule("_warnings");
    PyObject *function = module ? PyObject_GetAttrString(module, "warn") : NULL;
    PyObject *level = PyLong_FromSsize_t(stack_level);
    if (function != NULL && level != NULL) {
        PyObject *stack[5] = {NULL, message, category ? category : PyExc_RuntimeWarning, level,
                              source ? source : Py_None};
        result = PyObject_Vectorcall(function, stack + 1, 4 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    }
    Py_XDECREF(level);
    Py_XDECREF(function);
    Py_XDECREF(module);
    Py_DECREF(message);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

int
SHIM(PyErr_WarnFormat)(PyObject *category, Py_ssize_t stack_level, const char *format, ...)
{
    va_list va;
    va_start(va, format);
    PyObject *message = SHIM(PyUnicode_FromFormatV)(format, va);
    va_end(va);
    return warn(category, message, stack_level, NULL);
}

int
SHIM(PyErr_ResourceWarning)(PyObject *source, Py_ssize_t stack_level, const char *format, ...)
{
    va_list va;
    va_start(va, format);
    PyObject *message = SHIM(PyUnicode_FromFormatV)(format, va);
    va_end(va);
    return warn(PyExc_ResourceWarning, message, stack_level, source);
}

int
SHIM(PyErr_WarnExplicitFormat)(PyObject *category, const char *filename, int lineno, const char *module,
                               PyObject *registry, const char *format, ...)
{
    PyObject *filename_object = PyUnicode_DecodeFSDefault(filename);
    PyObject *module_object = filename_object && module ? PyUnicode_FromString(module) : NULL;
    PyObject *message = NULL;
    if (filename_object != NULL && (module == NULL || module_object != NULL)) {
        va_list va;
        va_start(va, format);
        message = SHIM(PyUnicode_FromFormatV)(format, va);
        va_end(va);
    }
    int done = -1;
    if (message != NULL) {
        done = PyErr_WarnExplicitObject(category, message, filename_object, lineno, module_object, registry);
    }
    Py_XDECREF(message);
    Py_XDECREF(module_object);
    Py_XDECREF(filename_object);
    return done;
}

int
SHIM(PySys_Audit)(const char *event, const char *format, ...)
{
    PyObject *args = NULL;
    if (format != NULL && *format != '\0') {
        va_list va;
        va_start(va, format);
        args = SHIM(Py_VaBuildValue)(format, va);
        va_end(va);
        if (args != NULL && !PyTuple_Check(args)) {
            PyObject *single = args;
            args = PyTuple_New(1);
            if (args != NULL) {
                PyTuple_SET_ITEM(args, 0, single);
            }
            else {
                Py_DECREF(single);
            }
        }
        if (args == NULL) {
            return -1;
        }
    }
    int done = PySys_AuditTuple(event, args);
    Py_XDECREF(args);
    return done;
}

/* Writes to sys.stdout or sys.stderr; to the C stream when there is no such file, or it fails. */
static void
write_stream(const char *name, FILE *otherwise, PyObject *text)
{
    PyObject *file = PySys_GetObject(name); /* borrowed */
    Py_XINCREF(file);
    if (file == NULL || file == Py_None || PyFile_WriteObject(text, file, Py_PRINT_RAW) < 0) {
        PyErr_Clear();
        const char *utf8 = PyUnicode_AsUTF8(text);
        if (utf8 == NULL) {
            PyErr_Clear();
        }
        else {
            fputs(utf8, otherwise);
        }
    }
    Py_XDECREF(file);
}

/* At most 1000 bytes, by C's printf. */
static void
write_printf(const char *name, FILE *otherwise, const char *format, va_list va)
{
    char buffer[1001];
    PyObject *raised = PyErr_GetRaisedException();
    int written = vsnprintf(buffer, sizeof(buffer), format, va);
    PyObject *text = PyUnicode_FromString(buffer);
    if (text != NULL) {
        write_stream(name, otherwise, text);
        Py_DECREF(text);
    }
    else {
        PyErr_Clear();
        fputs(buffer, otherwise);
    }
    if (written < 0 || written >= (int)sizeof(buffer)) {
        PyObject *mark = PyUnicode_FromString("... truncated");
        if (mark != NULL) {
            write_stream(name, otherwise, mark);
            Py_DECREF(mark);
        }
    }
    PyErr_Clear();
    PyErr_SetRaisedException(raised);
}

static void
write_format(const char *name, FILE *otherwise, const char *format, va_list va)
{
    PyObject *raised = PyErr_GetRaisedException();
    PyObject *text = SHIM(PyUnicode_FromFormatV)(format, va);
    if (text != NULL) {
        write_stream(name, otherwise, text);
        Py_DECREF(text);
    }
    PyErr_Clear();
    PyErr_SetRaisedException(raised);
}

void
SHIM(PySys_WriteStdout)(const char *format, ...)
{
    va_list va;
    va_start(va, format);
    write_printf("stdout", stdout, format, va);
    va_end(va);
}

void
SHIM(PySys_WriteStderr)(const char *format, ...)
{
    va_list va;
    va_start(va, format);
    write_printf("stderr", stderr, format, va);
    va_end(va);
}

void
SHIM(PySys_FormatStdout)(const char *format, ...)
{
    va_list va;
    va_start(va, format);
    write_format("stdout", stdout, format, va);
    va_end(va);
}

void
SHIM(PySys_FormatStderr)(const char *format, ...)
{
    va_list va;
    va_start(va, format);
    write_format("stderr", stderr, format, va);
    va_end(va);
}
