/* Py_BuildValue: objects from C values, by a format.

   A format is a list of units, with (), [] and {} for containers; spaces, tabs, commas and colons
   separate. When one unit fails, the others are still read, so that references given away with 'N'
   are dropped and not leaked. */
#include "shim.h"

typedef struct {
    const char *format;
    Arguments *arguments;
} Builder;

static PyObject *build_item(Builder *b);

/* How many items there are up to the closing character; -1 with an exception. */
static Py_ssize_t
count_items(const char *format, char end)
{
    Py_ssize_t count = 0;
    int level = 0;
    for (; level > 0 || *format != end; format++) {
        switch (*format) {
        case '\0':
            PyErr_SetString(PyExc_SystemError, "unmatched paren in format");
            return -1;
        case '(':
        case '[':
        case '{':
            count += level++ == 0;
            break;
        case ')':
        case ']':
        case '}':
            if (level > 0) {
                level--;
            }
            break;
        case '#':
        case '&':
        case ',':
        case ':':
        case ' ':
        case '\t':
            break;
        default:
            count += level == 0;
            break;
        }
    }
    return count;
}

/* Moves past the closing character, and separators before it. */
static int
close_container(Builder *b, char end)
{
    while (*b->format != end && *b->format && strchr(",: \t", *b->format)) {
        b->format++;
    }
    if (*b->format != end) {
        PyErr_SetString(PyExc_SystemError, "Unmatched paren in format");
        return -1;
    }
    if (end) {
        b->format++;
    }
    return 0;
}

/* Builds `count` items with an exception set, and drops them: later 'N's must not leak. */
static void
drop_items(Builder *b, char end, Py_ssize_t count)
{
    for (; count > 0; count--) {
        PyObject *raised = PyErr_GetRaisedException();
        PyObject *item = build_item(b);
        PyErr_SetRaisedException(raised);
        Py_XDECREF(item);
    }
    (void)close_container(b, end);
}

/* Builds `count` items into an array of owned references; -1 with an exception. */
static int
build_items(Builder *b, char end, Py_ssize_t count, PyObject **items)
{
    for (Py_ssize_t i = 0; i < count; i++) {
        items[i] = build_item(b);
        if (items[i] == NULL) {
            drop_items(b, end, count - i - 1);
            while (i > 0) {
                Py_DECREF(items[--i]);
            }
            return -1;
        }
    }
    if (close_container(b, end) < 0) {
        while (count > 0) {
            Py_DECREF(items[--count]);
        }
        return -1;
    }
    return 0;
}

static PyObject *
build_sequence(Builder *b, char end, Py_ssize_t count, int list)
{
    if (count < 0) {
        return NULL;
    }
    PyObject *small[8];
    PyObject **items = count <= 8 ? small : PyMem_New(PyObject *, count);
    if (items == NULL) {
        PyErr_NoMemory();
        drop_items(b, end, count);
        return NULL;
    }
    PyObject *result = NULL;
    if (build_items(b, end, count, items) == 0) {
        result = list ? PyList_New(count) : PyTuple_New(count);
        for (Py_ssize_t i = 0; i < count; i++) {
            if (result == NULL) {
                Py_DECREF(items[i]);
            }
            else if (list) {
                PyList_SET_ITEM(result, i, items[i]);
            }
            else {
                PyTuple_SET_ITEM(result, i, items[i]);
            }
        }
    }
    if (items != small) {
        PyMem_Free(items);
    }
    return result;
}

static PyObject *
build_dict(Builder *b)
{
    Py_ssize_t count = count_items(b->format, '}');
    if (count < 0) {
        return NULL;
    }
    if (count % 2) {
        PyErr_SetString(PyExc_SystemError, "Bad dict format");
        drop_items(b, '}', count);
        return NULL;
    }
    PyObject *dict = PyDict_New();
    if (dict == NULL) {
        drop_items(b, '}', count);
        return NULL;
    }
    for (Py_ssize_t left = count; left > 0; left -= 2) {
        PyObject *key = build_item(b);
        if (key == NULL) {
            drop_items(b, '}', left - 1);
            Py_DECREF(dict);
            return NULL;
        }
        PyObject *value = build_item(b);
        int failed = value == NULL || PyDict_SetItem(dict, key, value) < 0;
        Py_DECREF(key);
        Py_XDECREF(value);
        if (failed) {
            drop_items(b, '}', left - 2);
            Py_DECREF(dict);
            return NULL;
        }
    }
    if (close_container(b, '}') < 0) {
        Py_DECREF(dict);
        return NULL;
    }
    return dict;
}

/* The length that '#' announces, or -1. */
static Py_ssize_t
read_length(Builder *b)
{
    if (*b->format != '#') {
        return -1;
    }
    b->format++;
    return va_arg(b->arguments->ap, Py_ssize_t);
}

static PyObject *
build_item(Builder *b)
{
    for (;;) {
        char unit = *b->format;
        if (unit != '\0') {
            b->format++;
        }
        switch (unit) {
        case '(':
            return build_sequence(b, ')', count_items(b->format, ')'), 0);
        case '[':
            return build_sequence(b, ']', count_items(b->format, ']'), 1);
        case '{':
            return build_dict(b);
        case 'b':
        case 'B':
        case 'h':
        case 'i':
            return PyLong_FromLong((long)va_arg(b->arguments->ap, int));
        case 'H':
        case 'I':
            return PyLong_FromUnsignedLong((unsigned long)va_arg(b->arguments->ap, unsigned int));
        case 'p':
            return PyBool_FromLong(va_arg(b->arguments->ap, int) != 0);
        case 'n':
            return PyLong_FromSsize_t(va_arg(b->arguments->ap, Py_ssize_t));
        case 'l':
            return PyLong_FromLong(va_arg(b->arguments->ap, long));
        case 'k':
            return PyLong_FromUnsignedLong(va_arg(b->arguments->ap, unsigned long));
        case 'L':
            return PyLong_FromLongLong(va_arg(b->arguments->ap, long long));
        case 'K':
            return PyLong_FromUnsignedLongLong(va_arg(b->arguments->ap, unsigned long long));
        case 'f':
        case 'd':
            return PyFloat_FromDouble(va_arg(b->arguments->ap, double));
        case 'D': {
            const Py_complex *value = va_arg(b->arguments->ap, const Py_complex *);
            return PyComplex_FromDoubles(value->real, value->imag);
        }
        case 'c': {
            char byte = (char)va_arg(b->arguments->ap, int);
            return PyBytes_FromStringAndSize(&byte, 1);
        }
        case 'C': {
            int ordinal = va_arg(b->arguments->ap, int);
            return PyUnicode_FromOrdinal(ordinal);
        }
        case 's':
        case 'z':
        case 'U': {
            const char *text = va_arg(b->arguments->ap, const char *);
            Py_ssize_t length = read_length(b);
            if (text == NULL) {
                return Py_NewRef(Py_None);
            }
            return PyUnicode_FromStringAndSize(text, length < 0 ? (Py_ssize_t)strlen(text) : length);
        }
        case 'u': {
            const wchar_t *text = va_arg(b->arguments->ap, const wchar_t *);
            Py_ssize_t length = read_length(b);
            return text == NULL ? Py_NewRef(Py_None) : PyUnicode_FromWideChar(text, length);
        }
        case 'y': {
            const char *data = va_arg(b->arguments->ap, const char *);
            Py_ssize_t length = read_length(b);
            if (data == NULL) {
                return Py_NewRef(Py_None);
            }
            return PyBytes_FromStringAndSize(data, length < 0 ? (Py_ssize_t)strlen(data) : length);
        }
        case 'N':
        case 'S':
        case 'O': {
            if (*b->format == '&') {
                typedef PyObject *(*Maker)(void *);
                Maker make = va_arg(b->arguments->ap, Maker);
                void *argument = va_arg(b->arguments->ap, void *);
                b->format++;
                return make(argument);
            }
            PyObject *object = va_arg(b->arguments->ap, PyObject *);
            if (object == NULL) {
                /* A call that failed while making the argument has left its exception. */
                if (!PyErr_Occurred()) {
                    PyErr_SetString(PyExc_SystemError, "NULL object passed to Py_BuildValue");
                }
                return NULL;
            }
            return unit == 'N' ? object : Py_NewRef(object);
        }
        case ',':
        case ':':
        case ' ':
        case '\t':
            break;
        default:
            PyErr_SetString(PyExc_SystemError, "bad format char passed to Py_BuildValue");
            return NULL;
        }
    }
}

PyObject *
SHIM(Py_VaBuildValue)(const char *format, va_list va)
{
    Arguments arguments;
    Py_ssize_t count = count_items(format, '\0');
    if (count < 0) {
        return NULL;
    }
    if (count == 0) {
        return Py_NewRef(Py_None);
    }
    va_copy(arguments.ap, va);
    Builder b = {format, &arguments};
    PyObject *result = count == 1 ? build_item(&b) : build_sequence(&b, '\0', count, 0);
    va_end(arguments.ap);
    return result;
}

PyObject *
SHIM(Py_BuildValue)(const char *format, ...)
{
    va_list va;
    va_start(va, format);
    PyObject *result = SHIM(Py_VaBuildValue)(format, va);
    va_end(va);
    return result;
}

/* The names that PY_SSIZE_T_CLEAN once selected. */
PyObject *
SHIM(_Py_VaBuildValue_SizeT)(const char *format, va_list va)
{
    return SHIM(Py_VaBuildValue)(format, va);
}

PyObject *
SHIM(_Py_BuildValue_SizeT)(const char *format, ...)
{
    va_list va;
    va_start(va, format);
    PyObject *result = SHIM(Py_VaBuildValue)(format, va);
    va_end(va);
    return result;
}

PyObject **
fw_build_stack(const char *format, va_list va, Py_ssize_t *count)
{
    Arguments arguments;
    *count = format ? count_items(format, '\0') : 0;
    if (*count < 0) {
        return NULL;
    }
    PyObject **stack = PyMem_New(PyObject *, *count + 1);
    if (stack == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    stack[0] = NULL;
    if (*count == 0) {
        return stack;
    }
    va_copy(arguments.ap, va);
    Builder b = {format, &arguments};
    int failed = build_items(&b, '\0', *count, stack + 1);
    va_end(arguments.ap);
    if (failed) {
        PyMem_Free(stack);
        return NULL;
    }
    return stack;
}

/* Packs its arguments, taking new references. */
PyObject *
SHIM(PyTuple_Pack)(Py_ssize_t n, ...)
{
    if (n > PY_SSIZE_T_MAX / (Py_ssize_t)sizeof(PyObject *) - 8) {
        return PyErr_NoMemory();
    }
    PyObject *tuple = PyTuple_New(n);
    if (tuple == NULL) {
        return NULL;
    }
    va_list va;
    va_start(va, n);
    int collectable = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *item = va_arg(va, PyObject *);
        collectable |= PyObject_IS_GC(item);
        PyTuple_SET_ITEM(tuple, i, Py_NewRef(item));
    }
    va_end(va);
    /* Nothing in it can be part of a cycle. */
    if (n > 0 && !collectable) {
        PyObject_GC_UnTrack(tuple);
    }
    return tuple;
}
