/* PyUnicode_FromFormat, PyBytes_FromFormat and what formats messages with them.

   A directive is %[flags][width][.precision][size]conversion. Numbers are converted by snprintf with
   their own size modifier and then padded here, since widths have no upper bound; strings are cut to
   the precision and padded to the width, in characters. */
#include "shim.h"

/* One directive, parsed. */
typedef struct {
    int left;             /* '-' */
    int zero;             /* '0' */
    int alternate;        /* '#' */
    Py_ssize_t width;     /* -1: none */
    Py_ssize_t precision; /* -1: none */
    char size;            /* 0, 'l', 'q' (ll), 'z', 't', 'j' */
} Directive;

/* Reads a decimal number at *text; -1 with an exception when it is too big. */
static Py_ssize_t
read_number(const char **text, const char *what)
{
    Py_ssize_t n = 0;
    for (; Py_ISDIGIT((unsigned char)**text); (*text)++) {
        int digit = **text - '0';
        if (n > (PY_SSIZE_T_MAX - digit) / 10) {
            PyErr_SetString(PyExc_ValueError, what);
            return -1;
        }
        n = n * 10 + digit;
    }
    return n;
}

static int
write_fill(PyUnicodeWriter *writer, Py_UCS4 character, Py_ssize_t count)
{
    for (; count > 0; count--) {
        if (PyUnicodeWriter_WriteChar(writer, character) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Writes a str with padding and truncation. */
static int
write_text(PyUnicodeWriter *writer, PyObject *text, const Directive *d)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(text);
    if (d->precision >= 0 && d->precision < length) {
        length = d->precision;
    }
    Py_ssize_t padding = d->width > length ? d->width - length : 0;
    if (!d->left && write_fill(writer, ' ', padding) < 0) {
        return -1;
    }
    if (PyUnicodeWriter_WriteSubstring(writer, text, 0, length) < 0) {
        return -1;
    }
    return d->left ? write_fill(writer, ' ', padding) : 0;
}

static int
write_owned_text(PyUnicodeWriter *writer, PyObject *text, const Directive *d)
{
    if (text == NULL) {
        return -1;
    }
    int done = write_text(writer, text, d);
    Py_DECREF(text);
    return done;
}

/* Writes UTF-8 text. The precision limits the bytes read: a character cut in two is left out. */
static int
write_utf8(PyUnicodeWriter *writer, const char *bytes, const Directive *d)
{
    Py_ssize_t length;
    PyObject *text;
    if (d->precision < 0) {
        text = PyUnicode_DecodeUTF8(bytes, (Py_ssize_t)strlen(bytes), "replace");
    }
    else {
        Py_ssize_t consumed;
        for (length = 0; length < d->precision && bytes[length]; length++) {
        }
        text = PyUnicode_DecodeUTF8Stateful(bytes, length, "replace",
                                            length == d->precision ? &consumed : NULL);
    }
    Directive padded = *d;
    padded.precision = -1;
    return write_owned_text(writer, text, &padded);
}

static int
write_wide(PyUnicodeWriter *writer, const wchar_t *text, const Directive *d)
{
    Py_ssize_t length = 0;
    if (d->precision < 0) {
        length = (Py_ssize_t)wcslen(text);
    }
    else {
        while (length < d->precision && text[length]) {
            length++;
        }
    }
    Directive padded = *d;
    padded.precision = -1;
    return write_owned_text(writer, PyUnicode_FromWideChar(text, length), &padded);
}

/* Writes the digits of a number (with its sign in front) by precision, width and flags. */
static int
write_digits(PyUnicodeWriter *writer, const char *digits, const Directive *d)
{
    int negative = *digits == '-';
    digits += negative;
    Py_ssize_t count = (Py_ssize_t)strlen(digits);
    Py_ssize_t zeros = d->precision > count ? d->precision - count : 0;
    Py_ssize_t padding = d->width - negative - zeros - count;
    if (padding < 0) {
        padding = 0;
    }
    if (d->zero && !d->left) {
        zeros += padding;
        padding = 0;
    }
    if (!d->left && write_fill(writer, ' ', padding) < 0) {
        return -1;
    }
    if (negative && PyUnicodeWriter_WriteChar(writer, '-') < 0) {
        return -1;
    }
    if (write_fill(writer, '0', zeros) < 0 || PyUnicodeWriter_WriteASCII(writer, digits, count) < 0) {
        return -1;
    }
    return d->left ? write_fill(writer, ' ', padding) : 0;
}

/* The value of an integer argument as text: `conversion` is one of diouxX. */
static void
number_text(char *buffer, size_t size, char modifier, char conversion, Arguments *arguments)
{
    int is_signed = conversion == 'd' || conversion == 'i';
    long long value;
    switch (modifier) {
    case 'l':
        value = is_signed ? va_arg(arguments->ap, long) : (long long)va_arg(arguments->ap, unsigned long);
        break;
    case 'q':
        value = va_arg(arguments->ap, long long);
        break;
    case 'z':
        value = is_signed ? va_arg(arguments->ap, Py_ssize_t) : (long long)va_arg(arguments->ap, size_t);
        break;
    case 't':
        value = va_arg(arguments->ap, ptrdiff_t);
        break;
    case 'j':
        value = (long long)va_arg(arguments->ap, intmax_t);
        break;
    default:
        value = is_signed ? va_arg(arguments->ap, int) : (long long)va_arg(arguments->ap, unsigned int);
        break;
    }
    switch (conversion) {
    case 'o':
        snprintf(buffer, size, "%llo", (unsigned long long)value);
        break;
    case 'x':
        snprintf(buffer, size, "%llx", (unsigned long long)value);
        break;
    case 'X':
        snprintf(buffer, size, "%llX", (unsigned long long)value);
        break;
    case 'u':
        snprintf(buffer, size, "%llu", (unsigned long long)value);
        break;
    default:
        snprintf(buffer, size, "%lld", value);
        break;
    }
}

/* A pointer as C's printf writes it, always with "0x" in front. Returns the length. */
static int
pointer_text(char *buffer, size_t size, void *pointer)
{
    memcpy(buffer, "0x", 3);
    int length = snprintf(buffer + 2, size - 2, "%p", pointer);
    if (length > 1 && buffer[2] == '0' && (buffer[3] == 'x' || buffer[3] == 'X')) {
        memmove(buffer + 2, buffer + 4, (size_t)length - 1);
        length -= 2;
    }
    return length + 2;
}

/* A type's fully qualified name, "module.qualname"; with '#' the separator is a colon. */
static PyObject *
type_name(PyTypeObject *type, int colon)
{
    if (!colon) {
        return PyType_GetFullyQualifiedName(type);
    }
    if (!(PyType_GetFlags(type) & Py_TPFLAGS_HEAPTYPE)) {
        return PyUnicode_FromString(type->tp_name);
    }
    PyObject *qualname = PyType_GetQualName(type);
    PyObject *module = qualname ? PyType_GetModuleName(type) : NULL;
    if (module == NULL) {
        Py_XDECREF(qualname);
        return NULL;
    }
    PyObject *result;
    if (PyUnicode_Check(module) && !PyUnicode_EqualToUTF8(module, "builtins")
        && !PyUnicode_EqualToUTF8(module, "__main__")) {
        PyObject *separator = PyUnicode_FromString(":");
        PyObject *start = separator ? PyUnicode_Concat(module, separator) : NULL;
        result = start ? PyUnicode_Concat(start, qualname) : NULL;
        Py_XDECREF(start);
        Py_XDECREF(separator);
    }
    else {
        result = Py_NewRef(qualname);
    }
    Py_DECREF(module);
    Py_DECREF(qualname);
    return result;
}

static int
invalid_format(const char *directive)
{
    PyObject *rest = PyUnicode_DecodeUTF8(directive, (Py_ssize_t)strlen(directive), "replace");
    PyObject *start = PyUnicode_FromString("invalid format string: ");
    PyObject *message = rest && start ? PyUnicode_Concat(start, rest) : NULL;
    if (message != NULL) {
        PyErr_SetObject(PyExc_SystemError, message);
    }
    Py_XDECREF(message);
    Py_XDECREF(start);
    Py_XDECREF(rest);
    return -1;
}

/* Handles the directive at *format (a '%') and moves past it. */
static int
write_directive(PyUnicodeWriter *writer, const char **format, Arguments *arguments)
{
    const char *start = *format;
    const char *f = start + 1;
    Directive d = {0, 0, 0, -1, -1, 0};
    if (*f == '%') {
        *format = f + 1;
        return PyUnicodeWriter_WriteChar(writer, '%');
    }
    for (;; f++) {
        if (*f == '-') {
            d.left = 1;
        }
        else if (*f == '0') {
            d.zero = 1;
        }
        else if (*f == '#') {
            d.alternate = 1;
        }
        else {
            break;
        }
    }
    if (*f == '*') {
        d.width = va_arg(arguments->ap, int);
        if (d.width < 0) {
            d.left = 1;
            d.width = -d.width;
        }
        f++;
    }
    else if (Py_ISDIGIT((unsigned char)*f) && (d.width = read_number(&f, "width too big")) < 0) {
        return -1;
    }
    if (*f == '.') {
        f++;
        if (*f == '*') {
            d.precision = va_arg(arguments->ap, int);
            if (d.precision < 0) {
                d.precision = -1;
            }
            f++;
        }
        else {
            d.precision = 0;
            if (Py_ISDIGIT((unsigned char)*f) && (d.precision = read_number(&f, "precision too big")) < 0) {
                return -1;
            }
        }
    }
    if (*f == 'l') {
        d.size = 'l';
        f++;
        if (*f == 'l') {
            d.size = 'q';
            f++;
        }
    }
    else if (*f == 'z' || *f == 't' || *f == 'j') {
        d.size = *f++;
    }
    char conversion = *f;
    /* Sizes belong to numbers; 'l' to wide strings too. */
    if (d.size && !(conversion && strchr("diouxX", conversion))
        && !(d.size == 'l' && (conversion == 's' || conversion == 'V'))) {
        return invalid_format(start);
    }
    *format = f + 1;
    switch (conversion) {
    case 'd':
    case 'i':
    case 'o':
    case 'u':
    case 'x':
    case 'X': {
        char buffer[32];
        number_text(buffer, sizeof(buffer), d.size, conversion, arguments);
        return write_digits(writer, buffer, &d);
    }
    case 'c': {
        if (d.width >= 0 || d.precision >= 0) {
            return invalid_format(start);
        }
        int ordinal = va_arg(arguments->ap, int);
        if (ordinal < 0 || ordinal > 0x10ffff) {
            PyErr_SetString(PyExc_OverflowError, "character argument not in range(0x110000)");
            return -1;
        }
        return PyUnicodeWriter_WriteChar(writer, (Py_UCS4)ordinal);
    }
    case 'p': {
        if (d.width >= 0 || d.precision >= 0) {
            return invalid_format(start);
        }
        char buffer[32];
        int length = pointer_text(buffer, sizeof(buffer), va_arg(arguments->ap, void *));
        return PyUnicodeWriter_WriteASCII(writer, buffer, length);
    }
    case 's':
        if (d.size == 'l') {
            return write_wide(writer, va_arg(arguments->ap, const wchar_t *), &d);
        }
        return write_utf8(writer, va_arg(arguments->ap, const char *), &d);
    case 'U':
        return write_text(writer, va_arg(arguments->ap, PyObject *), &d);
    case 'V': {
        PyObject *object = va_arg(arguments->ap, PyObject *);
        const void *otherwise = va_arg(arguments->ap, const void *);
        if (object != NULL) {
            return write_text(writer, object, &d);
        }
        return d.size == 'l' ? write_wide(writer, (const wchar_t *)otherwise, &d)
                             : write_utf8(writer, (const char *)otherwise, &d);
    }
    case 'S':
        return write_owned_text(writer, PyObject_Str(va_arg(arguments->ap, PyObject *)), &d);
    case 'R':
        return write_owned_text(writer, PyObject_Repr(va_arg(arguments->ap, PyObject *)), &d);
    case 'A':
        return write_owned_text(writer, PyObject_ASCII(va_arg(arguments->ap, PyObject *)), &d);
    case 'T':
        return write_owned_text(writer, type_name(Py_TYPE(va_arg(arguments->ap, PyObject *)), d.alternate), &d);
    case 'N': {
        PyObject *type = va_arg(arguments->ap, PyObject *);
        if (!PyType_Check(type)) {
            PyErr_SetString(PyExc_TypeError, "%N argument must be a type");
            return -1;
        }
        return write_owned_text(writer, type_name((PyTypeObject *)type, d.alternate), &d);
    }
    default:
        return invalid_format(start);
    }
}

PyObject *
SHIM(PyUnicode_FromFormatV)(const char *format, va_list vargs)
{
    Arguments arguments;
    PyUnicodeWriter *writer = PyUnicodeWriter_Create(0);
    if (writer == NULL) {
        return NULL;
    }
    va_copy(arguments.ap, vargs);
    int failed = 0;
    while (*format && !failed) {
        const char *text = format;
        while (*format && *format != '%' && !(*format & 0x80)) {
            format++;
        }
        if (format != text) {
            failed = PyUnicodeWriter_WriteASCII(writer, text, format - text) < 0;
        }
        else if (*format == '%') {
            failed = write_directive(writer, &format, &arguments) < 0;
        }
        else {
            char message[120];
            snprintf(message, sizeof(message),
                     "PyUnicode_FromFormatV() expects an ASCII-encoded format string, got a non-ASCII byte: 0x%02x",
                     (unsigned char)*format);
            PyErr_SetString(PyExc_ValueError, message);
            failed = 1;
        }
    }
    va_end(arguments.ap);
    if (failed) {
        PyUnicodeWriter_Discard(writer);
        return NULL;
    }
    return PyUnicodeWriter_Finish(writer);
}

PyObject *
SHIM(PyUnicode_FromFormat)(const char *format, ...)
{
    va_list va;
    va_start(va, format);
    PyObject *text = SHIM(PyUnicode_FromFormatV)(format, va);
    va_end(va);
    return text;
}

int
SHIM(PyUnicodeWriter_Format)(PyUnicodeWriter *writer, const char *format, ...)
{
    va_list va;
    va_start(va, format);
    PyObject *text = SHIM(PyUnicode_FromFormatV)(format, va);
    va_end(va);
    if (text == NULL) {
        return -1;
    }
    int done = PyUnicodeWriter_WriteStr(writer, text);
    Py_DECREF(text);
    return done;
}

/* Bytes under construction. */
typedef struct {
    char *data;
    Py_ssize_t length, allocated;
} Buffer;

static int
append(Buffer *buffer, const char *data, Py_ssize_t length)
{
    if (length > buffer->allocated - buffer->length) {
        if (length > PY_SSIZE_T_MAX / 2 - buffer->length) {
            PyErr_NoMemory();
            return -1;
        }
        Py_ssize_t wanted = (buffer->length + length) * 3 / 2 + 32;
        char *bigger = (char *)PyMem_Realloc(buffer->data, (size_t)wanted);
        if (bigger == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        buffer->data = bigger;
        buffer->allocated = wanted;
    }
    memcpy(buffer->data + buffer->length, data, (size_t)length);
    buffer->length += length;
    return 0;
}

/* One directive of PyBytes_FromFormat; widths are read and ignored. 1: not a directive, copy the rest. */
static int
append_directive(Buffer *buffer, const char **format, Arguments *arguments)
{
    const char *f = *format + 1;
    char text[32];
    char size = 0;
    Py_ssize_t precision = -1;
    while (Py_ISDIGIT((unsigned char)*f)) {
        f++;
    }
    if (*f == '-') {
        for (f++; Py_ISDIGIT((unsigned char)*f); f++) {
        }
    }
    if (*f == '.') {
        precision = 0;
        f++;
        for (; Py_ISDIGIT((unsigned char)*f); f++) {
            precision = precision > 100000000 ? precision : precision * 10 + (*f - '0');
        }
    }
    while (*f && *f != '%' && !Py_ISALPHA((unsigned char)*f)) {
        f++;
    }
    if ((*f == 'l' || *f == 'z') && (f[1] == 'd' || f[1] == 'u')) {
        size = *f++;
    }
    const char *after = f + 1;
    int problem;
    switch (*f) {
    case 'c': {
        int c = va_arg(arguments->ap, int);
        if (c < 0 || c > 255) {
            PyErr_SetString(PyExc_OverflowError,
                            "PyBytes_FromFormatV(): %c format expects an integer in range [0; 255]");
            return -1;
        }
        text[0] = (char)c;
        problem = append(buffer, text, 1);
        break;
    }
    case 'd':
    case 'u':
    case 'i':
    case 'x':
        number_text(text, sizeof(text), size, *f, arguments);
        problem = append(buffer, text, (Py_ssize_t)strlen(text));
        break;
    case 's': {
        const char *string = va_arg(arguments->ap, const char *);
        Py_ssize_t length = 0;
        if (precision <= 0) {
            length = (Py_ssize_t)strlen(string);
        }
        else {
            while (length < precision && string[length]) {
                length++;
            }
        }
        problem = append(buffer, string, length);
        break;
    }
    case 'p': {
        int length = pointer_text(text, sizeof(text), va_arg(arguments->ap, void *));
        problem = append(buffer, text, length);
        break;
    }
    case '%':
        problem = append(buffer, "%", 1);
        break;
    default:
        return 1;
    }
    *format = after;
    return problem;
}

PyObject *
SHIM(PyBytes_FromFormatV)(const char *format, va_list vargs)
{
    Arguments arguments;
    Buffer buffer = {NULL, 0, 0};
    va_copy(arguments.ap, vargs);
    int state = 0;
    while (*format && state == 0) {
        const char *text = format;
        while (*format && *format != '%') {
            format++;
        }
        state = format != text ? append(&buffer, text, format - text)
                               : append_directive(&buffer, &format, &arguments);
    }
    va_end(arguments.ap);
    if (state > 0) {
        state = append(&buffer, format, (Py_ssize_t)strlen(format));
    }
    PyObject *result = state < 0 ? NULL : PyBytes_FromStringAndSize(buffer.data, buffer.length);
    PyMem_Free(buffer.data);
    return result;
}

PyObject *
SHIM(PyBytes_FromFormat)(const char *format, ...)
{
    va_list va;
    va_start(va, format);
    PyObject *bytes = SHIM(PyBytes_FromFormatV)(format, va);
    va_end(va);
    return bytes;
}

/* snprintf that always ends its output with a zero. */
int
SHIM(PyOS_vsnprintf)(char *str, size_t size, const char *format, va_list va)
{
    if (size > INT_MAX - 512) {
        if (size) {
            str[size - 1] = '\0';
        }
        return -666;
    }
    int length = vsnprintf(str, size, format, va);
    if (size) {
        str[size - 1] = '\0';
    }
    return length;
}

int
SHIM(PyOS_snprintf)(char *str, size_t size, const char *format, ...)
{
    va_list va;
    va_start(va, format);
    int length = SHIM(PyOS_vsnprintf)(str, size, format, va);
    va_end(va);
    return length;
}
