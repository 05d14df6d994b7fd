/* Arguments by position and by name: PyArg_ParseTupleAndKeywords, and the private functions with a
   _PyArg_Parser that is prepared once, which generated code in extensions calls.

   Keywords come either as a dict, or vectorcall's way: their values after the positional ones in the
   array, their names in a tuple. `Given` hides the difference. */
#include "getargs.h"

typedef struct {
    PyObject *const *args;
    Py_ssize_t nargs;
    PyObject *kwargs;  /* dict, or NULL */
    PyObject *kwnames; /* tuple, or NULL */
    Py_ssize_t nkwargs;
} Given;

static Given
make_given(PyObject *const *args, Py_ssize_t nargs, PyObject *kwargs, PyObject *kwnames)
{
    Given given = {args, nargs, kwargs, kwnames, 0};
    if (kwargs != NULL) {
        given.nkwargs = PyDict_GET_SIZE(kwargs);
    }
    else if (kwnames != NULL) {
        given.nkwargs = PyTuple_GET_SIZE(kwnames);
    }
    return given;
}

/* A C name that is not UTF-8 stays bytes in the tuple of names: an error only when it is needed. -1. */
static int
raise_undecodable(PyObject *name)
{
    Py_XDECREF(PyUnicode_DecodeUTF8(PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name), NULL));
    return -1;
}

/* The value given by name, as a new reference: 1, 0 when there is none, -1 with an exception. */
static int
given_by_name(const Given *given, PyObject *name, PyObject **value)
{
    *value = NULL;
    if (PyBytes_Check(name)) {
        return raise_undecodable(name);
    }
    if (given->kwargs != NULL) {
        return PyDict_GetItemRef(given->kwargs, name, value);
    }
    Py_ssize_t count = given->kwnames ? PyTuple_GET_SIZE(given->kwnames) : 0;
    for (Py_ssize_t pass = 0; pass < 2; pass++) {
        for (Py_ssize_t i = 0; i < count; i++) {
            /* Names are interned, mostly. */
            PyObject *candidate = PyTuple_GET_ITEM(given->kwnames, i);
            if (pass == 0 ? candidate == name : PyUnicode_Check(candidate) && PyUnicode_Equal(candidate, name) == 1) {
                *value = Py_NewRef(given->args[given->nargs + i]);
                return 1;
            }
        }
    }
    return 0;
}

/* Edit distance of two short texts, each insertion or deletion 2, a change 2, a change of case 1;
   above `limit` any number above it. */
static Py_ssize_t
edit_distance(const char *a, Py_ssize_t a_length, const char *b, Py_ssize_t b_length, Py_ssize_t limit)
{
    enum { MOVE = 2, CASE = 1, LONGEST = 40 };
    Py_ssize_t row[LONGEST + 1];
    while (a_length && b_length && *a == *b) {
        a++, b++, a_length--, b_length--;
    }
    while (a_length && b_length && a[a_length - 1] == b[b_length - 1]) {
        a_length--, b_length--;
    }
    if (a_length == 0 || b_length == 0) {
        return (a_length + b_length) * MOVE;
    }
    if (a_length > LONGEST || b_length > LONGEST) {
        return limit + 1;
    }
    for (Py_ssize_t i = 0; i <= a_length; i++) {
        row[i] = i * MOVE;
    }
    for (Py_ssize_t j = 1; j <= b_length; j++) {
        Py_ssize_t diagonal = row[0];
        row[0] = j * MOVE;
        for (Py_ssize_t i = 1; i <= a_length; i++) {
            char x = a[i - 1], y = b[j - 1];
            Py_ssize_t change = x == y ? 0 : Py_TOLOWER(x) == Py_TOLOWER(y) ? CASE : MOVE;
            Py_ssize_t best = diagonal + change;
            Py_ssize_t move = Py_MIN(row[i], row[i - 1]) + MOVE;
            diagonal = row[i];
            row[i] = Py_MIN(best, move);
        }
    }
    return row[a_length];
}

/* The known name that an unknown one was probably meant to be: borrowed, or NULL (never raises). */
static PyObject *
suggestion(PyObject *known, PyObject *name)
{
    Py_ssize_t name_length, best_distance = PY_SSIZE_T_MAX;
    PyObject *best = NULL;
    const char *text = PyUnicode_AsUTF8AndSize(name, &name_length);
    for (Py_ssize_t i = 0; text != NULL && i < PyTuple_GET_SIZE(known); i++) {
        Py_ssize_t length;
        PyObject *candidate = PyTuple_GET_ITEM(known, i);
        const char *candidate_text = PyUnicode_AsUTF8AndSize(candidate, &length);
        if (candidate_text == NULL) {
            break;
        }
        Py_ssize_t limit = (name_length + length + 3) * 2 / 6;
        limit = Py_MIN(limit, best_distance - 1);
        Py_ssize_t distance = edit_distance(text, name_length, candidate_text, length, limit);
        if (distance <= limit) {
            best = candidate;
            best_distance = distance;
        }
    }
    PyErr_Clear();
    return best;
}

/* Raises for the keyword that is none of `known`. */
static void
raise_unexpected(const Given *given, PyObject *known, const char *function)
{
    Py_ssize_t position = 0, i = 0;
    for (;;) {
        PyObject *name, *value;
        if (given->kwargs != NULL) {
            if (!PyDict_Next(given->kwargs, &position, &name, &value)) {
                break;
            }
        }
        else {
            if (i >= PyTuple_GET_SIZE(given->kwnames)) {
                break;
            }
            name = PyTuple_GET_ITEM(given->kwnames, i++);
        }
        if (!PyUnicode_Check(name)) {
            PyErr_SetString(PyExc_TypeError, "keywords must be strings");
            return;
        }
        /* By content: a subclass's __eq__ has no say. */
        int found = 0;
        for (Py_ssize_t k = 0; !found && k < PyTuple_GET_SIZE(known); k++) {
            PyObject *candidate = PyTuple_GET_ITEM(known, k);
            if (PyBytes_Check(candidate)) {
                raise_undecodable(candidate);
                return;
            }
            found = PyUnicode_Equal(candidate, name);
            if (found < 0) {
                return;
            }
        }
        if (!found) {
            PyObject *meant = suggestion(known, name);
            if (meant != NULL) {
                SHIM(PyErr_Format)(PyExc_TypeError, "%.200s%s got an unexpected keyword argument '%S'. Did you mean '%S'?",
                                   function ? function : "this function", fw_parentheses(function), name, meant);
            }
            else {
                SHIM(PyErr_Format)(PyExc_TypeError, "%.200s%s got an unexpected keyword argument '%S'",
                                   function ? function : "this function", fw_parentheses(function), name);
            }
            return;
        }
    }
    SHIM(PyErr_Format)(PyExc_TypeError, "invalid keyword argument for %.200s%s",
                       function ? function : "this function", fw_parentheses(function));
}

static int
raise_too_many(const char *function, Py_ssize_t given, Py_ssize_t limit, int only_keywords)
{
    SHIM(PyErr_Format)(PyExc_TypeError, "%.200s%s takes at most %zd %sargument%s (%zd given)",
                       fw_function_name(function), fw_parentheses(function), limit, only_keywords ? "keyword " : "",
                       limit == 1 ? "" : "s", given);
    return 0;
}

static int
raise_positional(const char *function, const char *how, Py_ssize_t bound, Py_ssize_t given)
{
    if (bound == 0 && given > 0) {
        SHIM(PyErr_Format)(PyExc_TypeError, "%.200s%s takes no positional arguments", fw_function_name(function),
                           fw_parentheses(function));
    }
    else {
        SHIM(PyErr_Format)(PyExc_TypeError, "%.200s%s takes %s %zd positional argument%s (%zd given)",
                           fw_function_name(function), fw_parentheses(function), how, bound, bound == 1 ? "" : "s",
                           given);
    }
    return 0;
}

static int
raise_missing(const char *function, PyObject *name, Py_ssize_t index)
{
    PyObject *text = PyBytes_Check(name)
                         ? PyUnicode_DecodeUTF8(PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name), "replace")
                         : Py_NewRef(name);
    if (text != NULL) {
        SHIM(PyErr_Format)(PyExc_TypeError, "%.200s%s missing required argument '%U' (pos %zd)",
                           fw_function_name(function), fw_parentheses(function), text, index + 1);
        Py_DECREF(text);
    }
    return 0;
}

/* Of an extra keyword: one that was given by position too, or an unknown one. Always raises. */
static int
raise_extra(const Given *given, PyObject *known, Py_ssize_t pos, Py_ssize_t positional, const char *function)
{
    for (Py_ssize_t i = pos; i < positional && i - pos < PyTuple_GET_SIZE(known); i++) {
        PyObject *value;
        PyObject *name = PyTuple_GET_ITEM(known, i - pos);
        int found = given_by_name(given, name, &value);
        if (found < 0) {
            return 0;
        }
        if (found) {
            Py_DECREF(value);
            SHIM(PyErr_Format)(PyExc_TypeError, "argument for %.200s%s given by name ('%U') and position (%zd)",
                               fw_function_name(function), fw_parentheses(function), name, i + 1);
            return 0;
        }
    }
    raise_unexpected(given, known, function);
    return 0;
}

/* Everything after the positional-only names of a C list, as a tuple of interned strings. */
static PyObject *
names_tuple(const char *const *names, Py_ssize_t pos, Py_ssize_t count)
{
    PyObject *tuple = PyTuple_New(count - pos);
    for (Py_ssize_t i = pos; tuple != NULL && i < count; i++) {
        PyObject *name = PyUnicode_InternFromString(names[i]);
        if (name == NULL && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
            PyErr_Clear();
            name = PyBytes_FromString(names[i]);
        }
        if (name == NULL) {
            Py_DECREF(tuple);
            return NULL;
        }
        PyTuple_SET_ITEM(tuple, i - pos, name);
    }
    return tuple;
}

/* Counts a C list of names; the positional-only ones come first and are empty. */
static int
count_names(const char *const *names, int *pos, int *count)
{
    int i = 0;
    while (names[i] && !*names[i]) {
        i++;
    }
    *pos = i;
    for (; names[i]; i++) {
        if (!*names[i]) {
            PyErr_SetString(PyExc_SystemError, "Empty keyword parameter name");
            return 0;
        }
    }
    *count = i;
    return 1;
}

static const char *
after(const char *format, char mark)
{
    const char *found = strchr(format, mark);
    return found ? found + 1 : NULL;
}

static int
raise_format(const char *problem, const char *format)
{
    SHIM(PyErr_Format)(PyExc_SystemError, "%s: '%s'", problem, format);
    return 0;
}

static int
raise_remaining(const char *format)
{
    SHIM(PyErr_Format)(PyExc_SystemError,
                       "more argument specifiers than keyword list entries (remaining format:'%s')", format);
    return 0;
}

/* The loop of PyArg_ParseTupleAndKeywords: `known` are the names after the first `pos`. The bounds are
   found on the way, since the format is looked at once only. */
static int
parse_by_list(Parse *p, Given *given, const char *format, PyObject *known, int pos, int count)
{
    enum { UNKNOWN = INT_MAX };
    int min = UNKNOWN, max = UNKNOWN;
    int short_of_positional = 0;
    int i;
    for (i = 0; i < count; i++) {
        if (*format == '|') {
            if (min != UNKNOWN) {
                PyErr_SetString(PyExc_SystemError, "Invalid format string (| specified twice)");
                return 0;
            }
            min = i;
            format++;
            if (max != UNKNOWN) {
                PyErr_SetString(PyExc_SystemError, "Invalid format string ($ before |)");
                return 0;
            }
        }
        if (*format == '$') {
            if (max != UNKNOWN) {
                PyErr_SetString(PyExc_SystemError, "Invalid format string ($ specified twice)");
                return 0;
            }
            max = i;
            format++;
            if (max < pos) {
                PyErr_SetString(PyExc_SystemError, "Empty parameter name after $");
                return 0;
            }
            if (short_of_positional) {
                break;
            }
            if (max < given->nargs) {
                return raise_positional(p->function, min != UNKNOWN ? "at most" : "exactly", max, given->nargs);
            }
        }
        if (fw_format_ends(*format)) {
            SHIM(PyErr_Format)(PyExc_SystemError, "More keyword list entries (%d) than format specifiers (%d)", count, i);
            return 0;
        }
        if (!short_of_positional) {
            PyObject *value = NULL;
            if (i < given->nargs) {
                value = Py_NewRef(given->args[i]);
            }
            else if (given->nkwargs > 0 && i >= pos) {
                int found = given_by_name(given, PyTuple_GET_ITEM(known, i - pos), &value);
                if (found < 0) {
                    return 0;
                }
                given->nkwargs -= found;
            }
            if (value != NULL) {
                int done = fw_convert(p, value, &format, 0);
                Py_DECREF(value); /* the caller's tuple or dict keeps it */
                if (!done) {
                    fw_parse_error(p, i + 1);
                    return 0;
                }
                continue;
            }
            if (i < min) {
                if (i < pos) {
                    /* How many are required is not known yet. */
                    short_of_positional = 1;
                }
                else {
                    return raise_missing(p->function, PyTuple_GET_ITEM(known, i - pos), i);
                }
            }
            if (given->nkwargs == 0 && !short_of_positional) {
                return 1;
            }
        }
        const char *before = format;
        const char *problem = fw_skip(&format, p->arguments);
        if (problem != NULL) {
            return raise_format(problem, before);
        }
    }
    if (short_of_positional) {
        Py_ssize_t bound = Py_MIN(pos, Py_MIN(min, i));
        return raise_positional(p->function, Py_MIN(pos, min) < i ? "at least" : "exactly", bound, given->nargs);
    }
    if (!fw_format_ends(*format) && *format != '|' && *format != '$') {
        return raise_remaining(format);
    }
    return given->nkwargs == 0 ? 1 : raise_extra(given, known, pos, given->nargs, p->function);
}

static int
parse_keywords(PyObject *args, PyObject *kwargs, const char *format, const char *const *names, va_list va)
{
    if (args == NULL || !PyTuple_Check(args) || (kwargs != NULL && !PyDict_Check(kwargs)) || format == NULL
        || names == NULL) {
        PyErr_BadInternalCall();
        return 0;
    }
    Given given = make_given(((PyTupleObject *)args)->ob_item, PyTuple_GET_SIZE(args), kwargs, NULL);
    const char *function = after(format, ':');
    int pos, count;
    if (!count_names(names, &pos, &count)) {
        return 0;
    }
    if (given.nargs + given.nkwargs > count) {
        return raise_too_many(function, given.nargs + given.nkwargs, count, given.nargs == 0);
    }
    PyObject *known = names_tuple(names, pos, count);
    if (known == NULL) {
        return 0;
    }
    Arguments arguments;
    Parse p;
    va_copy(arguments.ap, va);
    fw_parse_begin(&p, &arguments, function, function ? NULL : after(format, ';'));
    int ok = parse_by_list(&p, &given, format, known, pos, count);
    va_end(arguments.ap);
    Py_DECREF(known);
    return fw_parse_end(&p, ok);
}

int
SHIM(PyArg_ParseTupleAndKeywords)(PyObject *args, PyObject *kwargs, const char *format, char *const *names, ...)
{
    va_list va;
    va_start(va, names);
    int done = parse_keywords(args, kwargs, format, (const char *const *)names, va);
    va_end(va);
    return done;
}

int
SHIM(_PyArg_ParseTupleAndKeywords_SizeT)(PyObject *args, PyObject *kwargs, const char *format, char *const *names, ...)
{
    va_list va;
    va_start(va, names);
    int done = parse_keywords(args, kwargs, format, (const char *const *)names, va);
    va_end(va);
    return done;
}

int
SHIM(PyArg_VaParseTupleAndKeywords)(PyObject *args, PyObject *kwargs, const char *format, char *const *names, va_list va)
{
    return parse_keywords(args, kwargs, format, (const char *const *)names, va);
}

int
SHIM(_PyArg_VaParseTupleAndKeywords_SizeT)(PyObject *args, PyObject *kwargs, const char *format, char *const *names,
                                           va_list va)
{
    return parse_keywords(args, kwargs, format, (const char *const *)names, va);
}

/* -- prepared parsers ----------------------------------------------------------------------- */

/* The state of _PyOnceFlag when the parser is ready: compiled code tests it for equality. */
#define ONCE_READY 4
static PyMutex preparing;

/* Reads a parser's format: the bounds, the function's name, the message. */
static int
prepare_format(struct _PyArg_Parser *parser, int count, int pos)
{
    const char *format = parser->format;
    int min = INT_MAX, max = INT_MAX;
    parser->fname = after(format, ':');
    parser->custom_msg = parser->fname ? NULL : after(format, ';');
    for (int i = 0; i < count; i++) {
        if (*format == '|') {
            if (min != INT_MAX || max != INT_MAX) {
                PyErr_SetString(PyExc_SystemError, min != INT_MAX ? "Invalid format string (| specified twice)"
                                                                  : "Invalid format string ($ before |)");
                return 0;
            }
            min = i;
            format++;
        }
        if (*format == '$') {
            if (max != INT_MAX || i < pos) {
                PyErr_SetString(PyExc_SystemError, i < pos ? "Empty parameter name after $"
                                                           : "Invalid format string ($ specified twice)");
                return 0;
            }
            max = i;
            format++;
        }
        if (fw_format_ends(*format)) {
            SHIM(PyErr_Format)(PyExc_SystemError, "More keyword list entries (%d) than format specifiers (%d)", count, i);
            return 0;
        }
        const char *before = format;
        const char *problem = fw_skip(&format, NULL);
        if (problem != NULL) {
            return raise_format(problem, before);
        }
    }
    if (!fw_format_ends(*format) && *format != '|' && *format != '$') {
        return raise_remaining(format);
    }
    parser->min = Py_MIN(min, count);
    parser->max = Py_MIN(max, count);
    return 1;
}

static int
prepare_locked(struct _PyArg_Parser *parser)
{
    int pos = 0, count = 0;
    if (parser->keywords == NULL || !count_names(parser->keywords, &pos, &count)) {
        if (!PyErr_Occurred()) {
            PyErr_BadInternalCall();
        }
        return 0;
    }
    if (parser->format != NULL && !prepare_format(parser, count, pos)) {
        return 0;
    }
    parser->pos = pos;
    if (parser->kwtuple == NULL) {
        /* Lives as long as the parser, which is static. */
        parser->kwtuple = names_tuple(parser->keywords, pos, count);
        if (parser->kwtuple == NULL) {
            return 0;
        }
        parser->is_kwtuple_owned = 1;
    }
    _Py_atomic_store_uint8(&parser->once.v, ONCE_READY);
    return 1;
}

static int
prepare(struct _PyArg_Parser *parser)
{
    if (_Py_atomic_load_uint8(&parser->once.v) == ONCE_READY) {
        return 1;
    }
    PyMutex_Lock(&preparing);
    int done = _Py_atomic_load_uint8(&parser->once.v) == ONCE_READY || prepare_locked(parser);
    PyMutex_Unlock(&preparing);
    return done;
}

static int
parse_prepared(Parse *p, Given *given, struct _PyArg_Parser *parser)
{
    const char *format = parser->format;
    int pos = parser->pos;
    int count = pos + (int)PyTuple_GET_SIZE(parser->kwtuple);
    if (given->nargs + given->nkwargs > count) {
        return raise_too_many(p->function, given->nargs + given->nkwargs, count, given->nargs == 0);
    }
    if (parser->max < given->nargs) {
        return raise_positional(p->function, parser->min < parser->max ? "at most" : "exactly", parser->max,
                                given->nargs);
    }
    for (int i = 0; i < count; i++) {
        if (*format == '|') {
            format++;
        }
        if (*format == '$') {
            format++;
        }
        PyObject *value = NULL;
        if (i < given->nargs) {
            value = Py_NewRef(given->args[i]);
        }
        else if (given->nkwargs > 0 && i >= pos) {
            int found = given_by_name(given, PyTuple_GET_ITEM(parser->kwtuple, i - pos), &value);
            if (found < 0) {
                return 0;
            }
            given->nkwargs -= found;
        }
        if (value != NULL) {
            int done = fw_convert(p, value, &format, 0);
            Py_DECREF(value);
            if (!done) {
                fw_parse_error(p, i + 1);
                return 0;
            }
            continue;
        }
        if (i < parser->min) {
            if (i < pos) {
                int min = Py_MIN(pos, parser->min);
                return raise_positional(p->function, min < parser->max ? "at least" : "exactly", min, given->nargs);
            }
            return raise_missing(p->function, PyTuple_GET_ITEM(parser->kwtuple, i - pos), i);
        }
        if (given->nkwargs == 0) {
            return 1;
        }
        const char *before = format;
        const char *problem = fw_skip(&format, p->arguments);
        if (problem != NULL) {
            return raise_format(problem, before);
        }
    }
    return given->nkwargs == 0 ? 1 : raise_extra(given, parser->kwtuple, pos, given->nargs, p->function);
}

static int
parse_fast(Given *given, struct _PyArg_Parser *parser, va_list va)
{
    if (parser == NULL || parser->format == NULL) {
        PyErr_BadInternalCall();
        return 0;
    }
    if (!prepare(parser)) {
        return 0;
    }
    Arguments arguments;
    Parse p;
    va_copy(arguments.ap, va);
    fw_parse_begin(&p, &arguments, parser->fname, parser->custom_msg);
    int ok = parse_prepared(&p, given, parser);
    va_end(arguments.ap);
    return fw_parse_end(&p, ok);
}

int
SHIM(_PyArg_ParseTupleAndKeywordsFast)(PyObject *args, PyObject *kwargs, struct _PyArg_Parser *parser, ...)
{
    if (args == NULL || !PyTuple_Check(args) || (kwargs != NULL && !PyDict_Check(kwargs))) {
        PyErr_BadInternalCall();
        return 0;
    }
    Given given = make_given(((PyTupleObject *)args)->ob_item, PyTuple_GET_SIZE(args), kwargs, NULL);
    va_list va;
    va_start(va, parser);
    int done = parse_fast(&given, parser, va);
    va_end(va);
    return done;
}

int
SHIM(_PyArg_ParseStackAndKeywords)(PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                                   struct _PyArg_Parser *parser, ...)
{
    Given given = make_given(args, nargs, NULL, kwnames);
    va_list va;
    va_start(va, parser);
    int done = parse_fast(&given, parser, va);
    va_end(va);
    return done;
}

/* The arguments in the order of the parameters, as borrowed references, with NULL for those left out.
   Returns `args` itself when nothing is by name and nothing required is missing, else `buf`. `minkw`
   counts the required keyword-only parameters; with `varpos` positional arguments beyond `maxpos` are
   the caller's business. */
PyObject *const *
SHIM(_PyArg_UnpackKeywords)(PyObject *const *args, Py_ssize_t nargs, PyObject *kwargs, PyObject *kwnames,
                            struct _PyArg_Parser *parser, int minpos, int maxpos, int minkw, int varpos,
                            PyObject **buf)
{
    if (kwnames == NULL && kwargs != NULL && !PyDict_Check(kwargs)) {
        PyErr_BadInternalCall();
        return NULL;
    }
    if (args == NULL && nargs == 0) {
        args = buf;
    }
    if (!prepare(parser)) {
        return NULL;
    }
    PyObject *known = parser->kwtuple;
    int posonly = parser->pos;
    Py_ssize_t count = posonly + PyTuple_GET_SIZE(known);
    Given given = make_given(args, nargs, kwargs, kwnames);
    if (given.nkwargs == 0 && minkw == 0 && minpos <= nargs && (varpos || nargs <= maxpos)) {
        return args;
    }
    if (!varpos && nargs + given.nkwargs > count) {
        raise_too_many(parser->fname, nargs + given.nkwargs, count, nargs == 0);
        return NULL;
    }
    if (!varpos && nargs > maxpos) {
        raise_positional(parser->fname, minpos < maxpos ? "at most" : "exactly", maxpos, nargs);
        return NULL;
    }
    /* Only a positional-only parameter cannot come by name. */
    int positional_needed = Py_MIN(posonly, minpos);
    if (nargs < positional_needed) {
        raise_positional(parser->fname, varpos || positional_needed < maxpos ? "at least" : "exactly",
                         positional_needed, nargs);
        return NULL;
    }
    Py_ssize_t here = Py_MIN(nargs, (Py_ssize_t)maxpos);
    Py_ssize_t i;
    for (i = 0; i < here; i++) {
        buf[i] = args[i];
    }
    for (; i < posonly; i++) {
        buf[i] = NULL;
    }
    Py_ssize_t required = minkw ? maxpos + minkw : minpos;
    for (; i < count; i++) {
        PyObject *name = PyTuple_GET_ITEM(known, i - posonly);
        PyObject *value = NULL;
        if (given.nkwargs > 0) {
            int found = given_by_name(&given, name, &value);
            if (found < 0) {
                return NULL;
            }
            given.nkwargs -= found;
            Py_XDECREF(value); /* borrowed from the dict or the array */
        }
        else if (i >= required) {
            for (; i < count; i++) {
                buf[i] = NULL;
            }
            break;
        }
        buf[i] = value;
        if (value == NULL && (i < minpos || (maxpos <= i && i < required))) {
            raise_missing(parser->fname, name, i);
            return NULL;
        }
    }
    if (given.nkwargs > 0) {
        /* Past `here` are the values of a *args parameter. */
        raise_extra(&given, known, posonly, here, parser->fname);
        return NULL;
    }
    return buf;
}

/* -- what generated code asks for besides ------------------------------------------------- */

int fw_check_positional(const char *name, Py_ssize_t nargs, Py_ssize_t min, Py_ssize_t max);

int
SHIM(_PyArg_CheckPositional)(const char *name, Py_ssize_t nargs, Py_ssize_t min, Py_ssize_t max)
{
    return fw_check_positional(name, nargs, min, max);
}

void
SHIM(_PyArg_BadArgument)(const char *function, const char *shown, const char *expected, PyObject *argument)
{
    SHIM(PyErr_Format)(PyExc_TypeError, "%.200s() %.200s must be %.50s, not %.50s", function, shown, expected,
                       fw_type_name(argument));
}

int
SHIM(_PyArg_NoKeywords)(const char *function, PyObject *kwargs)
{
    if (kwargs == NULL || (PyDict_CheckExact(kwargs) && PyDict_GET_SIZE(kwargs) == 0)) {
        return 1;
    }
    if (!PyDict_CheckExact(kwargs)) {
        PyErr_BadInternalCall();
        return 0;
    }
    SHIM(PyErr_Format)(PyExc_TypeError, "%.200s() takes no keyword arguments", function);
    return 0;
}

int
SHIM(_PyArg_NoPositional)(const char *function, PyObject *args)
{
    if (args == NULL || (PyTuple_CheckExact(args) && PyTuple_GET_SIZE(args) == 0)) {
        return 1;
    }
    if (!PyTuple_CheckExact(args)) {
        PyErr_BadInternalCall();
        return 0;
    }
    SHIM(PyErr_Format)(PyExc_TypeError, "%.200s() takes no positional arguments", function);
    return 0;
}
