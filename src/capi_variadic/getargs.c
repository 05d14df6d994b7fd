/* PyArg_Parse, PyArg_ParseTuple, PyArg_UnpackTuple: C values from Python arguments, by a format.

   Each unit of a format says what the argument must be and how many pointers of the call take the
   result. A conversion that fails either raises, or leaves in `problem` what the argument should have
   been; fw_parse_error makes a TypeError of it. What must be undone when a later argument fails
   (buffers, allocated strings, converters) is on a list. */
#include "getargs.h"

void
fw_parse_begin(Parse *p, Arguments *arguments, const char *function, const char *message)
{
    p->arguments = arguments;
    p->function = function;
    p->message = message;
    p->problem = NULL;
    p->levels[0] = 0;
    p->undo = p->small;
    p->undo_count = 0;
    p->undo_allocated = Py_ARRAY_LENGTH(p->small);
}

static void
undo_one(const Undo *undo)
{
    switch (undo->kind) {
    case FW_FREE_POINTER: {
        void **pointer = (void **)undo->target;
        PyMem_Free(*pointer);
        *pointer = NULL;
        break;
    }
    case FW_RELEASE_BUFFER:
        PyBuffer_Release((Py_buffer *)undo->target);
        break;
    case FW_CALL_CONVERTER:
        (void)undo->converter(NULL, undo->target);
        break;
    }
}

int
fw_parse_end(Parse *p, int ok)
{
    if (!ok) {
        for (Py_ssize_t i = 0; i < p->undo_count; i++) {
            undo_one(&p->undo[i]);
        }
    }
    if (p->undo != p->small) {
        PyMem_Free(p->undo);
    }
    return ok;
}

/* Remembers how to undo a conversion; undoes it at once when there is no memory. */
static int
remember(Parse *p, Undo undo)
{
    if (p->undo_count == p->undo_allocated) {
        Py_ssize_t wanted = p->undo_allocated * 2;
        Undo *bigger = PyMem_New(Undo, wanted);
        if (bigger == NULL) {
            undo_one(&undo);
            PyErr_NoMemory();
            return 0;
        }
        memcpy(bigger, p->undo, (size_t)p->undo_count * sizeof(Undo));
        if (p->undo != p->small) {
            PyMem_Free(p->undo);
        }
        p->undo = bigger;
        p->undo_allocated = wanted;
    }
    p->undo[p->undo_count++] = undo;
    return 1;
}

void
fw_parse_error(Parse *p, Py_ssize_t index)
{
    if (PyErr_Occurred()) {
        return;
    }
    /* Problems in parentheses are the format's, not the argument's. */
    PyObject *type = p->problem[0] == '(' ? PyExc_SystemError : PyExc_TypeError;
    if (p->message != NULL) {
        PyErr_SetString(type, p->message);
        return;
    }
    char text[512];
    size_t at = 0;
    if (p->function != NULL) {
        at += (size_t)snprintf(text, sizeof(text), "%.200s() ", p->function);
    }
    if (index > 0) {
        at += (size_t)snprintf(text + at, sizeof(text) - at, "argument %zd", index);
        for (int i = 0; i < FW_MAX_NESTING && p->levels[i] > 0 && at < 220; i++) {
            at += (size_t)snprintf(text + at, sizeof(text) - at, ", item %d", p->levels[i] - 1);
        }
    }
    else {
        at += (size_t)snprintf(text + at, sizeof(text) - at, "argument");
    }
    snprintf(text + at, sizeof(text) - at, " %.256s", p->problem);
    PyErr_SetString(type, text);
}

/* "must be WHAT, not TYPE". */
static int
must_be(Parse *p, const char *what, PyObject *argument)
{
    snprintf(p->problem_text, sizeof(p->problem_text), "must be %.50s, not %.50s", what, fw_type_name(argument));
    p->problem = p->problem_text;
    return 0;
}

static int
bad_unit(Parse *p, const char *problem)
{
    p->problem = problem;
    return 0;
}

/* Inside a tuple of units: how many there are, and whether one of them borrows from its item. */
static int
inspect_tuple(const char *format, int *borrows)
{
    int count = 0, level = 0;
    *borrows = 0;
    for (;; format++) {
        switch (*format) {
        case '(':
            count += level++ == 0;
            break;
        case ')':
            if (level-- == 0) {
                return count;
            }
            break;
        case '\0':
        case ':':
        case ';':
            return count;
        case 'e': /* the first letter of two */
            break;
        default:
            if (Py_ISALPHA((unsigned char)*format)) {
                count += level == 0;
                if (strchr("SYU", *format) || (*format == 'O' && format[1] != '&')
                    || (strchr("szy", *format) && format[1] != '*'
                        && !(format[-1] == 'e' && *format == 's'))) {
                    *borrows = 1;
                }
            }
        }
    }
}

static int
convert_tuple(Parse *p, PyObject *argument, const char **format, int level)
{
    const char *f = *format + 1;
    int borrows;
    int count = inspect_tuple(f, &borrows);
    int is_tuple = PyTuple_Check(argument);
    if (!is_tuple
        && (!PySequence_Check(argument) || PyUnicode_Check(argument) || PyBytes_Check(argument)
            || PyByteArray_Check(argument))) {
        p->levels[level] = 0;
        snprintf(p->problem_text, sizeof(p->problem_text), "must be %d-item tuple, not %.50s", count,
                 fw_type_name(argument));
        p->problem = p->problem_text;
        return 0;
    }
    if (!is_tuple && borrows) {
        /* The items may go away with the sequence's own state, while C code still looks at them. */
        PyObject *name = PyType_GetFullyQualifiedName(Py_TYPE(argument));
        const char *name_text = name ? PyUnicode_AsUTF8(name) : NULL;
        char text[300];
        snprintf(text, sizeof(text), "argument must be %d-item tuple, not %.200s", count, name_text ? name_text : "?");
        Py_XDECREF(name);
        if (name_text == NULL || PyErr_WarnEx(PyExc_DeprecationWarning, text, 0) < 0) {
            p->problem = "";
            return 0;
        }
    }
    Py_ssize_t length = is_tuple ? PyTuple_GET_SIZE(argument) : PySequence_Size(argument);
    if (length < 0) {
        p->problem = "";
        return 0;
    }
    if (length != count) {
        p->levels[level] = 0;
        snprintf(p->problem_text, sizeof(p->problem_text), "must be %s of length %d, not %zd",
                 is_tuple || borrows ? "tuple" : "sequence", count, length);
        p->problem = p->problem_text;
        return 0;
    }
    for (int i = 0; i < count; i++) {
        PyObject *item = is_tuple ? Py_NewRef(PyTuple_GET_ITEM(argument, i)) : PySequence_GetItem(argument, i);
        if (item == NULL) {
            p->problem = ""; /* the exception stays as it is */
            return 0;
        }
        p->levels[level] = i + 1;
        int done = fw_convert(p, item, &f, level + 1);
        /* Borrowed results stay alive through the tuple. */
        Py_DECREF(item);
        if (!done) {
            return 0;
        }
    }
    p->levels[level] = 0;
    *format = f + 1;
    return 1;
}

/* A C-contiguous read-only view, kept until the caller releases it. */
static int
get_buffer(Parse *p, PyObject *argument, Py_buffer *view)
{
    if (PyObject_GetBuffer(argument, view, PyBUF_SIMPLE) < 0) {
        p->problem = "bytes-like object";
        return 0;
    }
    if (!PyBuffer_IsContiguous(view, 'C')) {
        PyBuffer_Release(view);
        return must_be(p, "contiguous buffer", argument);
    }
    return 1;
}

/* The memory of an object that needs no release. */
static int
get_data(Parse *p, PyObject *argument, const char **data, Py_ssize_t *length)
{
    PyBufferProcs *procs = Py_TYPE(argument)->tp_as_buffer;
    if (procs != NULL && procs->bf_releasebuffer != NULL) {
        return must_be(p, "read-only bytes-like object", argument);
    }
    Py_buffer view;
    if (!get_buffer(p, argument, &view)) {
        return 0;
    }
    *data = (const char *)view.buf;
    *length = view.len;
    PyBuffer_Release(&view);
    return 1;
}

/* The integer units that check their range. */
static int
convert_ranged(Parse *p, PyObject *argument, char unit)
{
    static const struct {
        char unit;
        const char *name;
        long minimum, maximum;
    } units[] = {
        {'b', "unsigned byte integer", 0, UCHAR_MAX},
        {'h', "signed short integer", SHRT_MIN, SHRT_MAX},
        {'i', "signed integer", INT_MIN, INT_MAX},
    };
    int which = unit == 'b' ? 0 : unit == 'h' ? 1 : 2;
    void *target = va_arg(p->arguments->ap, void *);
    long value = PyLong_AsLong(argument);
    if (value == -1 && PyErr_Occurred()) {
        return bad_unit(p, "");
    }
    int low = value < units[which].minimum;
    if (low || value > units[which].maximum) {
        char text[80];
        snprintf(text, sizeof(text), "%s is %s", units[which].name, low ? "less than minimum" : "greater than maximum");
        PyErr_SetString(PyExc_OverflowError, text);
        return bad_unit(p, "");
    }
    switch (unit) {
    case 'b':
        *(unsigned char *)target = (unsigned char)value;
        break;
    case 'h':
        *(short *)target = (short)value;
        break;
    default:
        *(int *)target = (int)value;
        break;
    }
    return 1;
}

/* The integer units that wrap around. */
static int
convert_masked(Parse *p, PyObject *argument, char unit)
{
    void *target = va_arg(p->arguments->ap, void *);
    if (unit == 'K') {
        if (!PyIndex_Check(argument)) {
            return must_be(p, "int", argument);
        }
        unsigned long long value = PyLong_AsUnsignedLongLongMask(argument);
        if (value == (unsigned long long)-1 && PyErr_Occurred()) {
            return bad_unit(p, "");
        }
        *(unsigned long long *)target = value;
        return 1;
    }
    if (unit == 'k' && !PyIndex_Check(argument)) {
        return must_be(p, "int", argument);
    }
    unsigned long value = PyLong_AsUnsignedLongMask(argument);
    if (value == (unsigned long)-1 && PyErr_Occurred()) {
        return bad_unit(p, "");
    }
    switch (unit) {
    case 'B':
        *(unsigned char *)target = (unsigned char)value;
        break;
    case 'H':
        *(unsigned short *)target = (unsigned short)value;
        break;
    case 'I':
        *(unsigned int *)target = (unsigned int)value;
        break;
    default:
        *(unsigned long *)target = value;
        break;
    }
    return 1;
}

/* s, z, y and their forms with '*' and '#'. */
static int
convert_text(Parse *p, PyObject *argument, char unit, const char **format)
{
    int none_allowed = unit == 'z';
    if (**format == '*') {
        (*format)++;
        Py_buffer *view = va_arg(p->arguments->ap, Py_buffer *);
        if (none_allowed && argument == Py_None) {
            PyBuffer_FillInfo(view, NULL, NULL, 0, 1, 0);
        }
        else if (unit != 'y' && PyUnicode_Check(argument)) {
            Py_ssize_t length;
            const char *text = PyUnicode_AsUTF8AndSize(argument, &length);
            if (text == NULL) {
                return bad_unit(p, "");
            }
            PyBuffer_FillInfo(view, argument, (void *)text, length, 1, 0);
        }
        else if (!get_buffer(p, argument, view)) {
            return 0;
        }
        Undo undo = {FW_RELEASE_BUFFER, view, NULL};
        return remember(p, undo) || bad_unit(p, "");
    }
    const char **target = va_arg(p->arguments->ap, const char **);
    Py_ssize_t *target_length = NULL;
    if (**format == '#') {
        (*format)++;
        target_length = va_arg(p->arguments->ap, Py_ssize_t *);
    }
    Py_ssize_t length = 0;
    if (none_allowed && argument == Py_None) {
        *target = NULL;
    }
    else if (unit != 'y' && PyUnicode_Check(argument)) {
        const char *text = PyUnicode_AsUTF8AndSize(argument, &length);
        if (text == NULL) {
            return bad_unit(p, "");
        }
        if (target_length == NULL && strlen(text) != (size_t)length) {
            PyErr_SetString(PyExc_ValueError, "embedded null character");
            return bad_unit(p, "");
        }
        *target = text;
    }
    else if (unit == 'y' || target_length != NULL) {
        if (!get_data(p, argument, target, &length)) {
            return 0;
        }
        if (target_length == NULL && strlen(*target) != (size_t)length) {
            PyErr_SetString(PyExc_ValueError, "embedded null byte");
            return bad_unit(p, "");
        }
    }
    else {
        return must_be(p, none_allowed ? "str or None" : "str", argument);
    }
    if (target_length != NULL) {
        *target_length = length;
    }
    return 1;
}

/* es, et, es#, et#: text encoded into memory that the caller frees (or, with '#', may provide). */
static int
convert_encoded(Parse *p, PyObject *argument, const char **format)
{
    const char *encoding = va_arg(p->arguments->ap, const char *);
    int bytes_pass = **format == 't';
    if (**format != 's' && !bytes_pass) {
        return bad_unit(p, "(unknown parser marker combination)");
    }
    (*format)++;
    char **target = va_arg(p->arguments->ap, char **);
    if (target == NULL) {
        return bad_unit(p, "(buffer is NULL)");
    }
    Py_ssize_t *target_length = NULL;
    if (**format == '#') {
        (*format)++;
        target_length = va_arg(p->arguments->ap, Py_ssize_t *);
        if (target_length == NULL) {
            return bad_unit(p, "(buffer_len is NULL)");
        }
    }
    PyObject *owner;
    const char *data;
    Py_ssize_t length;
    if (bytes_pass && PyBytes_Check(argument)) {
        owner = Py_NewRef(argument);
        data = PyBytes_AS_STRING(argument);
        length = PyBytes_GET_SIZE(argument);
    }
    else if (bytes_pass && PyByteArray_Check(argument)) {
        owner = Py_NewRef(argument);
        data = PyByteArray_AS_STRING(argument);
        length = PyByteArray_GET_SIZE(argument);
    }
    else if (PyUnicode_Check(argument)) {
        owner = PyUnicode_AsEncodedString(argument, encoding ? encoding : "utf-8", NULL);
        if (owner == NULL) {
            return bad_unit(p, "(encoding failed)");
        }
        if (!PyBytes_Check(owner)) {
            Py_DECREF(owner);
            return bad_unit(p, "(encoder failed to return bytes)");
        }
        data = PyBytes_AS_STRING(owner);
        length = PyBytes_GET_SIZE(owner);
    }
    else {
        return must_be(p, bytes_pass ? "str, bytes or bytearray" : "str", argument);
    }
    int done = 0;
    if (target_length == NULL && strlen(data) != (size_t)length) {
        must_be(p, "encoded string without null bytes", argument);
    }
    else if (target_length != NULL && *target != NULL) {
        /* The caller's own buffer. */
        if (length + 1 > *target_length) {
            char text[120];
            snprintf(text, sizeof(text), "encoded string too long (%zd, maximum length %zd)", length,
                     *target_length - 1);
            PyErr_SetString(PyExc_ValueError, text);
            p->problem = "";
        }
        else {
            memcpy(*target, data, (size_t)length);
            (*target)[length] = '\0';
            *target_length = length;
            done = 1;
        }
    }
    else {
        char *copy = PyMem_New(char, length + 1);
        if (copy == NULL) {
            PyErr_NoMemory();
            p->problem = "";
        }
        else {
            memcpy(copy, data, (size_t)length);
            copy[length] = '\0';
            *target = copy;
            if (target_length != NULL) {
                *target_length = length;
            }
            Undo undo = {FW_FREE_POINTER, target, NULL};
            done = remember(p, undo) || bad_unit(p, "");
        }
    }
    Py_DECREF(owner);
    return done;
}

/* O, O!, O&. */
static int
convert_object(Parse *p, PyObject *argument, const char **format)
{
    if (**format == '!') {
        (*format)++;
        PyTypeObject *type = va_arg(p->arguments->ap, PyTypeObject *);
        PyObject **target = va_arg(p->arguments->ap, PyObject **);
        if (!PyType_IsSubtype(Py_TYPE(argument), type)) {
            return must_be(p, type->tp_name, argument);
        }
        *target = argument;
        return 1;
    }
    if (**format == '&') {
        (*format)++;
        Converter converter = va_arg(p->arguments->ap, Converter);
        void *target = va_arg(p->arguments->ap, void *);
        int result = converter(argument, target);
        if (result == 0) {
            return bad_unit(p, "(unspecified)");
        }
        if (result == Py_CLEANUP_SUPPORTED) {
            Undo undo = {FW_CALL_CONVERTER, target, converter};
            return remember(p, undo) || bad_unit(p, "");
        }
        return 1;
    }
    *va_arg(p->arguments->ap, PyObject **) = argument;
    return 1;
}

static int
convert_checked(Parse *p, PyObject *argument, int right, const char *what)
{
    PyObject **target = va_arg(p->arguments->ap, PyObject **);
    if (!right) {
        return must_be(p, what, argument);
    }
    *target = argument;
    return 1;
}

/* c and C. */
static int
convert_character(Parse *p, PyObject *argument, char unit)
{
    if (unit == 'C') {
        int *target = va_arg(p->arguments->ap, int *);
        if (!PyUnicode_Check(argument)) {
            return must_be(p, "a unicode character", argument);
        }
        if (PyUnicode_GET_LENGTH(argument) != 1) {
            snprintf(p->problem_text, sizeof(p->problem_text),
                     "must be a unicode character, not a string of length %zd", PyUnicode_GET_LENGTH(argument));
            return bad_unit(p, p->problem_text);
        }
        *target = (int)PyUnicode_READ_CHAR(argument, 0);
        return 1;
    }
    char *target = va_arg(p->arguments->ap, char *);
    int is_bytes = PyBytes_Check(argument);
    if (!is_bytes && !PyByteArray_Check(argument)) {
        return must_be(p, "a byte string of length 1", argument);
    }
    Py_ssize_t length = is_bytes ? PyBytes_GET_SIZE(argument) : PyByteArray_GET_SIZE(argument);
    if (length != 1) {
        snprintf(p->problem_text, sizeof(p->problem_text),
                 "must be a byte string of length 1, not a %s object of length %zd", is_bytes ? "bytes" : "bytearray",
                 length);
        return bad_unit(p, p->problem_text);
    }
    *target = is_bytes ? PyBytes_AS_STRING(argument)[0] : PyByteArray_AS_STRING(argument)[0];
    return 1;
}

int
fw_convert(Parse *p, PyObject *argument, const char **format, int level)
{
    if (**format == '(') {
        return convert_tuple(p, argument, format, level);
    }
    p->levels[level] = 0;
    char unit = *(*format)++;
    switch (unit) {
    case 'b':
    case 'h':
    case 'i':
        return convert_ranged(p, argument, unit);
    case 'B':
    case 'H':
    case 'I':
    case 'k':
    case 'K':
        return convert_masked(p, argument, unit);
    case 'n': {
        Py_ssize_t *target = va_arg(p->arguments->ap, Py_ssize_t *);
        PyObject *index = PyNumber_Index(argument);
        Py_ssize_t value = -1;
        if (index != NULL) {
            value = PyLong_AsSsize_t(index);
            Py_DECREF(index);
        }
        if (value == -1 && PyErr_Occurred()) {
            return bad_unit(p, "");
        }
        *target = value;
        return 1;
    }
    case 'l': {
        long *target = va_arg(p->arguments->ap, long *);
        long value = PyLong_AsLong(argument);
        if (value == -1 && PyErr_Occurred()) {
            return bad_unit(p, "");
        }
        *target = value;
        return 1;
    }
    case 'L': {
        long long *target = va_arg(p->arguments->ap, long long *);
        long long value = PyLong_AsLongLong(argument);
        if (value == -1 && PyErr_Occurred()) {
            return bad_unit(p, "");
        }
        *target = value;
        return 1;
    }
    case 'f':
    case 'd': {
        void *target = va_arg(p->arguments->ap, void *);
        double value = PyFloat_AsDouble(argument);
        if (value == -1.0 && PyErr_Occurred()) {
            return bad_unit(p, "");
        }
        if (unit == 'f') {
            *(float *)target = (float)value;
        }
        else {
            *(double *)target = value;
        }
        return 1;
    }
    case 'D': {
        Py_complex *target = va_arg(p->arguments->ap, Py_complex *);
        Py_complex value = PyComplex_AsCComplex(argument);
        if (PyErr_Occurred()) {
            return bad_unit(p, "");
        }
        *target = value;
        return 1;
    }
    case 'c':
    case 'C':
        return convert_character(p, argument, unit);
    case 'p': {
        int *target = va_arg(p->arguments->ap, int *);
        int truth = PyObject_IsTrue(argument);
        if (truth < 0) {
            return bad_unit(p, "");
        }
        *target = truth;
        return 1;
    }
    case 's':
    case 'z':
    case 'y':
        return convert_text(p, argument, unit, format);
    case 'e':
        return convert_encoded(p, argument, format);
    case 'S':
        return convert_checked(p, argument, PyBytes_Check(argument), "bytes");
    case 'Y':
        return convert_checked(p, argument, PyByteArray_Check(argument), "bytearray");
    case 'U':
        return convert_checked(p, argument, PyUnicode_Check(argument), "str");
    case 'O':
        return convert_object(p, argument, format);
    case 'w': {
        if (**format != '*') {
            return bad_unit(p, "(invalid use of 'w' format character)");
        }
        (*format)++;
        Py_buffer *view = va_arg(p->arguments->ap, Py_buffer *);
        if (PyObject_GetBuffer(argument, view, PyBUF_WRITABLE) < 0) {
            PyErr_Clear();
            return must_be(p, "read-write bytes-like object", argument);
        }
        if (!PyBuffer_IsContiguous(view, 'C')) {
            PyBuffer_Release(view);
            return must_be(p, "contiguous buffer", argument);
        }
        Undo undo = {FW_RELEASE_BUFFER, view, NULL};
        return remember(p, undo) || bad_unit(p, "");
    }
    default:
        return bad_unit(p, "(impossible<bad format char>)");
    }
}

/* Passes over one target. Without arguments only the format is walked. */
static void
skip_target(Arguments *arguments)
{
    if (arguments != NULL) {
        (void)va_arg(arguments->ap, void *);
    }
}

const char *
fw_skip(const char **format, Arguments *arguments)
{
    static const char bad[] = "impossible<bad format char>";
    char unit = *(*format)++;
    switch (unit) {
    case '(':
        while (**format != ')') {
            if (fw_format_ends(**format)) {
                return "Unmatched left paren in format string";
            }
            const char *problem = fw_skip(format, arguments);
            if (problem != NULL) {
                return problem;
            }
        }
        (*format)++;
        return NULL;
    case ')':
        return "Unmatched right paren in format string";
    case 'b':
    case 'B':
    case 'h':
    case 'H':
    case 'i':
    case 'I':
    case 'l':
    case 'k':
    case 'L':
    case 'K':
    case 'n':
    case 'f':
    case 'd':
    case 'D':
    case 'c':
    case 'C':
    case 'p':
    case 'S':
    case 'Y':
    case 'U':
        skip_target(arguments);
        return NULL;
    case 'e':
        skip_target(arguments);
        if (**format != 's' && **format != 't') {
            return bad;
        }
        (*format)++;
        skip_target(arguments);
        if (**format == '#') {
            (*format)++;
            skip_target(arguments);
        }
        return NULL;
    case 's':
    case 'z':
    case 'y':
        skip_target(arguments);
        if (**format == '*') {
            (*format)++;
        }
        else if (**format == '#') {
            (*format)++;
            skip_target(arguments);
        }
        return NULL;
    case 'w':
        skip_target(arguments);
        if (**format != '*') {
            return bad;
        }
        (*format)++;
        return NULL;
    case 'O':
        if (**format == '!' || **format == '&') {
            (*format)++;
            skip_target(arguments);
        }
        skip_target(arguments);
        return NULL;
    default:
        return bad;
    }
}

/* What a format for positional arguments asks for. */
typedef struct {
    int minimum, maximum;
    const char *function, *message;
} Shape;

static Shape
inspect_format(const char *format)
{
    Shape shape = {-1, 0, NULL, NULL};
    int level = 0;
    for (;; format++) {
        switch (*format) {
        case '(':
            shape.maximum += level == 0;
            if (++level >= 30) {
                Py_FatalError("too many tuple nesting levels in argument format string");
            }
            continue;
        case ')':
            if (level-- == 0) {
                Py_FatalError("excess ')' in getargs format");
            }
            continue;
        case ':':
            shape.function = format + 1;
            break;
        case ';':
            shape.message = format + 1;
            break;
        case '\0':
            break;
        case '|':
            if (level == 0) {
                shape.minimum = shape.maximum;
            }
            continue;
        case 'e': /* the first letter of two */
            continue;
        default:
            if (level == 0 && Py_ISALPHA((unsigned char)*format)) {
                shape.maximum++;
            }
            continue;
        }
        break;
    }
    if (level != 0) {
        Py_FatalError("missing ')' in getargs format");
    }
    if (shape.minimum < 0) {
        shape.minimum = shape.maximum;
    }
    return shape;
}

static int
parse_positional(PyObject *const *items, Py_ssize_t count, const char *format, va_list va)
{
    const char *start = format;
    Shape shape = inspect_format(format);
    if (count < shape.minimum || count > shape.maximum) {
        if (shape.message != NULL) {
            PyErr_SetString(PyExc_TypeError, shape.message);
        }
        else {
            int few = count < shape.minimum;
            int bound = few ? shape.minimum : shape.maximum;
            SHIM(PyErr_Format)(PyExc_TypeError, "%.150s%s takes %s %d argument%s (%zd given)",
                               fw_function_name(shape.function), fw_parentheses(shape.function),
                               shape.minimum == shape.maximum ? "exactly" : few ? "at least" : "at most", bound,
                               bound == 1 ? "" : "s", count);
        }
        return 0;
    }
    Arguments arguments;
    Parse p;
    va_copy(arguments.ap, va);
    fw_parse_begin(&p, &arguments, shape.function, shape.message);
    int ok = 1;
    for (Py_ssize_t i = 0; ok && i < count; i++) {
        if (*format == '|') {
            format++;
        }
        ok = fw_convert(&p, items[i], &format, 0);
        if (!ok) {
            fw_parse_error(&p, i + 1);
        }
    }
    if (ok && !fw_format_ends(*format) && !Py_ISALPHA((unsigned char)*format) && *format != '(' && *format != '|') {
        SHIM(PyErr_Format)(PyExc_SystemError, "bad format string: %.200s", start);
        ok = 0;
    }
    va_end(arguments.ap);
    return fw_parse_end(&p, ok);
}

static int
parse_tuple(PyObject *args, const char *format, va_list va)
{
    if (!PyTuple_Check(args)) {
        PyErr_SetString(PyExc_SystemError, "new style getargs format but argument is not a tuple");
        return 0;
    }
    return parse_positional(((PyTupleObject *)args)->ob_item, PyTuple_GET_SIZE(args), format, va);
}

int
SHIM(PyArg_ParseTuple)(PyObject *args, const char *format, ...)
{
    va_list va;
    va_start(va, format);
    int done = parse_tuple(args, format, va);
    va_end(va);
    return done;
}

int
SHIM(_PyArg_ParseTuple_SizeT)(PyObject *args, const char *format, ...)
{
    va_list va;
    va_start(va, format);
    int done = parse_tuple(args, format, va);
    va_end(va);
    return done;
}

int
SHIM(PyArg_VaParse)(PyObject *args, const char *format, va_list va)
{
    return parse_tuple(args, format, va);
}

int
SHIM(_PyArg_VaParse_SizeT)(PyObject *args, const char *format, va_list va)
{
    return parse_tuple(args, format, va);
}

int
SHIM(_PyArg_ParseStack)(PyObject *const *args, Py_ssize_t nargs, const char *format, ...)
{
    va_list va;
    va_start(va, format);
    int done = parse_positional(args, nargs, format, va);
    va_end(va);
    return done;
}

/* PyArg_Parse: one object by one unit. */
static int
parse_one(PyObject *argument, const char *format, va_list va)
{
    Shape shape = inspect_format(format);
    if (shape.maximum == 0) {
        if (argument == NULL) {
            return 1;
        }
        SHIM(PyErr_Format)(PyExc_TypeError, "%.200s%s takes no arguments", fw_function_name(shape.function),
                           fw_parentheses(shape.function));
        return 0;
    }
    if (shape.minimum != 1 || shape.maximum != 1) {
        PyErr_SetString(PyExc_SystemError, "old style getargs format uses new features");
        return 0;
    }
    if (argument == NULL) {
        SHIM(PyErr_Format)(PyExc_TypeError, "%.200s%s takes at least one argument", fw_function_name(shape.function),
                           fw_parentheses(shape.function));
        return 0;
    }
    Arguments arguments;
    Parse p;
    va_copy(arguments.ap, va);
    fw_parse_begin(&p, &arguments, shape.function, shape.message);
    int ok = fw_convert(&p, argument, &format, 0);
    if (!ok) {
        /* The first level of nesting counts as the argument. */
        Py_ssize_t index = p.levels[0];
        for (int i = 0; i + 1 < FW_MAX_NESTING && p.levels[i]; i++) {
            p.levels[i] = p.levels[i + 1];
        }
        fw_parse_error(&p, index);
    }
    va_end(arguments.ap);
    return fw_parse_end(&p, ok);
}

int
SHIM(PyArg_Parse)(PyObject *args, const char *format, ...)
{
    va_list va;
    va_start(va, format);
    int done = parse_one(args, format, va);
    va_end(va);
    return done;
}

int
SHIM(_PyArg_Parse_SizeT)(PyObject *args, const char *format, ...)
{
    va_list va;
    va_start(va, format);
    int done = parse_one(args, format, va);
    va_end(va);
    return done;
}

/* Raises when a number of positional arguments is out of bounds. */
int
fw_check_positional(const char *name, Py_ssize_t nargs, Py_ssize_t min, Py_ssize_t max)
{
    if (nargs >= min && nargs <= max) {
        return 1;
    }
    int few = nargs < min;
    Py_ssize_t bound = few ? min : max;
    const char *how = min == max ? "" : few ? "at least " : "at most ";
    if (name != NULL) {
        SHIM(PyErr_Format)(PyExc_TypeError, "%.200s expected %s%zd argument%s, got %zd", name, how, bound,
                           bound == 1 ? "" : "s", nargs);
    }
    else {
        SHIM(PyErr_Format)(PyExc_TypeError, "unpacked tuple should have %s%zd element%s, but has %zd", how, bound,
                           bound == 1 ? "" : "s", nargs);
    }
    return 0;
}

int
SHIM(PyArg_UnpackTuple)(PyObject *args, const char *name, Py_ssize_t min, Py_ssize_t max, ...)
{
    if (!PyTuple_Check(args)) {
        PyErr_SetString(PyExc_SystemError, "PyArg_UnpackTuple() argument list is not a tuple");
        return 0;
    }
    Py_ssize_t count = PyTuple_GET_SIZE(args);
    if (!fw_check_positional(name, count, min, max)) {
        return 0;
    }
    va_list va;
    va_start(va, max);
    for (Py_ssize_t i = 0; i < count; i++) {
        *va_arg(va, PyObject **) = PyTuple_GET_ITEM(args, i);
    }
    va_end(va);
    return 1;
}
