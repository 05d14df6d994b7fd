/* Calls the variadic functions of the API with arguments chosen in Python.

   Compiled twice for test_variadic.py: as `probe_api`, calling the interpreter's own functions, and
   with -DSHIMS as `probe_shims`, calling the bodies of src/capi_variadic. Parsed values land in slots
   of 8 bytes; pointers are compared as numbers, as both modules live in one process. */
#include <Python.h>

#ifdef SHIMS
#  define P(NAME) fw_shim_##NAME
#  define MODULE "probe_shims"
#  define INIT PyInit_probe_shims
#else
#  define P(NAME) NAME
#  define MODULE "probe_api"
#  define INIT PyInit_probe_api
#endif

int P(PyArg_ParseTuple)(PyObject *, const char *, ...);
int P(PyArg_Parse)(PyObject *, const char *, ...);
int P(PyArg_UnpackTuple)(PyObject *, const char *, Py_ssize_t, Py_ssize_t, ...);
#ifdef SHIMS
int P(PyArg_ParseTupleAndKeywords)(PyObject *, PyObject *, const char *, char *const *, ...);
#endif
int P(_PyArg_ParseTupleAndKeywordsFast)(PyObject *, PyObject *, struct _PyArg_Parser *, ...);
int P(_PyArg_ParseStackAndKeywords)(PyObject *const *, Py_ssize_t, PyObject *, struct _PyArg_Parser *, ...);
PyObject *const *P(_PyArg_UnpackKeywords)(PyObject *const *, Py_ssize_t, PyObject *, PyObject *, struct _PyArg_Parser *,
                                          int, int, int, int, PyObject **);
PyObject *P(PyUnicode_FromFormat)(const char *, ...);
PyObject *P(PyBytes_FromFormat)(const char *, ...);
PyObject *P(Py_BuildValue)(const char *, ...);
PyObject *P(PyErr_Format)(PyObject *, const char *, ...);
PyObject *P(PyTuple_Pack)(Py_ssize_t, ...);
PyObject *P(PyObject_CallFunction)(PyObject *, const char *, ...);
PyObject *P(PyObject_CallMethod)(PyObject *, const char *, const char *, ...);
PyObject *P(PyObject_CallFunctionObjArgs)(PyObject *, ...);
PyObject *P(PyObject_CallMethodObjArgs)(PyObject *, PyObject *, ...);
int P(PyErr_WarnFormat)(PyObject *, Py_ssize_t, const char *, ...);
int P(PyErr_ResourceWarning)(PyObject *, Py_ssize_t, const char *, ...);
int P(PyErr_WarnExplicitFormat)(PyObject *, const char *, int, const char *, PyObject *, const char *, ...);
int P(PySys_Audit)(const char *, const char *, ...);
void P(PySys_WriteStdout)(const char *, ...);
void P(PySys_FormatStdout)(const char *, ...);
int P(PyOS_snprintf)(char *, size_t, const char *, ...);

#define SLOTS 24
static uint64_t slots[SLOTS];
static uint64_t words[12];
static double doubles[4];

static PyObject *
results(void)
{
    PyObject *list = PyList_New(SLOTS);
    for (int i = 0; list && i < SLOTS; i++) {
        PyList_SET_ITEM(list, i, PyLong_FromUnsignedLongLong(slots[i]));
    }
    return list;
}

/* Targets for parsing: slots, but a type object or bytes of `extra` goes where it stands. */
static void *targets[12];
static void
load_targets(PyObject *extra)
{
    memset(slots, 0, sizeof(slots));
    int slot = 0;
    for (int i = 0; i < 12; i++) {
        PyObject *own = extra && i < PyTuple_GET_SIZE(extra) ? PyTuple_GET_ITEM(extra, i) : Py_None;
        if (PyBytes_Check(own)) {
            targets[i] = PyBytes_AS_STRING(own);
        }
        else if (own != Py_None) {
            targets[i] = own;
        }
        else {
            targets[i] = &slots[slot];
            slot += slot < SLOTS - 10 ? 2 : 0;
        }
    }
}
#define TARGETS \
    targets[0], targets[1], targets[2], targets[3], targets[4], targets[5], targets[6], targets[7], targets[8], \
        targets[9], targets[10], targets[11]

/* Arguments for building: ints and pointers (bytes: their data; None: NULL; others: the object), floats. */
static void
load_words(PyObject *args, Py_ssize_t first)
{
    int word = 0, real = 0;
    memset(words, 0, sizeof(words));
    for (Py_ssize_t i = first; i < PyTuple_GET_SIZE(args) && word < 12 && real < 4; i++) {
        PyObject *item = PyTuple_GET_ITEM(args, i);
        if (PyFloat_CheckExact(item)) {
            doubles[real++] = PyFloat_AS_DOUBLE(item);
        }
        else if (PyLong_CheckExact(item)) {
            words[word++] = PyLong_AsUnsignedLongLongMask(item);
        }
        else if (PyBytes_CheckExact(item)) {
            words[word++] = (uint64_t)PyBytes_AS_STRING(item);
        }
        else {
            words[word++] = item == Py_None ? 0 : (uint64_t)item;
        }
    }
}
#define WORDS \
    words[0], words[1], words[2], words[3], words[4], words[5], words[6], words[7], words[8], words[9], words[10], \
        words[11], doubles[0], doubles[1], doubles[2], doubles[3]
#define TEXT(i) PyBytes_AsString(PyTuple_GetItem(args, (i)))
#define ITEM(i) PyTuple_GetItem(args, (i))

static PyObject *
parse(PyObject *Py_UNUSED(module), PyObject *args)
{
    load_targets(PyTuple_GET_SIZE(args) > 2 ? ITEM(2) : NULL);
    return P(PyArg_ParseTuple)(ITEM(0), TEXT(1), TARGETS) ? results() : NULL;
}

static PyObject *
parse_one(PyObject *Py_UNUSED(module), PyObject *args)
{
    load_targets(NULL);
    return P(PyArg_Parse)(ITEM(0), TEXT(1), TARGETS) ? results() : NULL;
}

static PyObject *
unpack(PyObject *Py_UNUSED(module), PyObject *args)
{
    load_targets(NULL);
    PyObject *name = ITEM(1);
    return P(PyArg_UnpackTuple)(ITEM(0), name == Py_None ? NULL : PyBytes_AsString(name), PyLong_AsSsize_t(ITEM(2)),
                                PyLong_AsSsize_t(ITEM(3)), TARGETS)
               ? results()
               : NULL;
}

static char *names[16];
static void
load_names(PyObject *list)
{
    Py_ssize_t i;
    for (i = 0; i < PyTuple_GET_SIZE(list); i++) {
        names[i] = PyBytes_AS_STRING(PyTuple_GET_ITEM(list, i));
    }
    names[i] = NULL;
}

/* parse_keywords(args, kwargs, format, names) */
static PyObject *
parse_keywords(PyObject *Py_UNUSED(module), PyObject *args)
{
    load_targets(NULL);
    load_names(ITEM(3));
    PyObject *kwargs = ITEM(1);
    return P(PyArg_ParseTupleAndKeywords)(ITEM(0), kwargs == Py_None ? NULL : kwargs, TEXT(2), names, TARGETS)
               ? results()
               : NULL;
}

/* A parser that lives for ever, as static ones do. */
static struct _PyArg_Parser *
new_parser(PyObject *format, PyObject *fname, PyObject *list)
{
    struct _PyArg_Parser *parser = calloc(1, sizeof(*parser));
    const char **copy = calloc(16, sizeof(char *));
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(list); i++) {
        copy[i] = strdup(PyBytes_AS_STRING(PyTuple_GET_ITEM(list, i)));
    }
    parser->keywords = copy;
    parser->format = format == Py_None ? NULL : strdup(PyBytes_AS_STRING(format));
    parser->fname = fname == Py_None ? NULL : strdup(PyBytes_AS_STRING(fname));
    return parser;
}

/* parse_fast(args, kwargs, format, names) */
static PyObject *
parse_fast(PyObject *Py_UNUSED(module), PyObject *args)
{
    load_targets(NULL);
    PyObject *kwargs = ITEM(1);
    return P(_PyArg_ParseTupleAndKeywordsFast)(ITEM(0), kwargs == Py_None ? NULL : kwargs,
                                               new_parser(ITEM(2), Py_None, ITEM(3)), TARGETS)
               ? results()
               : NULL;
}

/* parse_stack(all values, number of positional ones, kwnames, format, names) */
static PyObject *
parse_stack(PyObject *Py_UNUSED(module), PyObject *args)
{
    load_targets(NULL);
    PyObject *kwnames = ITEM(2);
    return P(_PyArg_ParseStackAndKeywords)(((PyTupleObject *)ITEM(0))->ob_item, PyLong_AsSsize_t(ITEM(1)),
                                           kwnames == Py_None ? NULL : kwnames,
                                           new_parser(ITEM(3), Py_None, ITEM(4)), TARGETS)
               ? results()
               : NULL;
}

/* unpack_keywords(args, kwargs, fname, names, minpos, maxpos, minkw, varpos): objects or None */
static PyObject *
unpack_keywords(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *buffer[16] = {NULL};
    PyObject *values = ITEM(0), *kwargs = ITEM(1);
    int dict = kwargs == Py_None || PyDict_Check(kwargs);
    Py_ssize_t count = PyTuple_GET_SIZE(values) - (dict ? 0 : PyTuple_GET_SIZE(kwargs));
    PyObject *const *found = P(_PyArg_UnpackKeywords)(
        ((PyTupleObject *)values)->ob_item, count, dict && kwargs != Py_None ? kwargs : NULL, dict ? NULL : kwargs,
        new_parser(Py_None, ITEM(2), ITEM(3)), PyLong_AsInt(ITEM(4)), PyLong_AsInt(ITEM(5)), PyLong_AsInt(ITEM(6)),
        PyLong_AsInt(ITEM(7)), buffer);
    if (found == NULL) {
        return NULL;
    }
    Py_ssize_t total = PyTuple_GET_SIZE(ITEM(3));
    PyObject *list = PyList_New(0);
    for (Py_ssize_t i = 0; i < total; i++) {
        /* The caller's own array holds the positional arguments only. */
        if (found != buffer && i >= count) {
            break;
        }
        PyList_Append(list, found[i] ? found[i] : Py_None);
    }
    return list;
}

static PyObject *
text(PyObject *Py_UNUSED(module), PyObject *args)
{
    load_words(args, 1);
    return P(PyUnicode_FromFormat)(TEXT(0), WORDS);
}

static PyObject *
bytes(PyObject *Py_UNUSED(module), PyObject *args)
{
    load_words(args, 1);
    return P(PyBytes_FromFormat)(TEXT(0), WORDS);
}

static PyObject *
build(PyObject *Py_UNUSED(module), PyObject *args)
{
    load_words(args, 1);
    return P(Py_BuildValue)(TEXT(0), WORDS);
}

static PyObject *
error(PyObject *Py_UNUSED(module), PyObject *args)
{
    load_words(args, 2);
    return P(PyErr_Format)(ITEM(0), TEXT(1), WORDS);
}

static PyObject *
pack(PyObject *Py_UNUSED(module), PyObject *args)
{
    load_words(args, 1);
    return P(PyTuple_Pack)(PyLong_AsSsize_t(ITEM(0)), WORDS);
}

static PyObject *
call(PyObject *Py_UNUSED(module), PyObject *args)
{
    load_words(args, 2);
    return P(PyObject_CallFunction)(ITEM(0), ITEM(1) == Py_None ? NULL : TEXT(1), WORDS);
}

static PyObject *
call_method(PyObject *Py_UNUSED(module), PyObject *args)
{
    load_words(args, 3);
    return P(PyObject_CallMethod)(ITEM(0), TEXT(1), ITEM(2) == Py_None ? NULL : TEXT(2), WORDS);
}

static PyObject *
call_objects(PyObject *Py_UNUSED(module), PyObject *args)
{
    load_words(args, 1);
    return P(PyObject_CallFunctionObjArgs)(ITEM(0), WORDS);
}

static PyObject *
call_method_objects(PyObject *Py_UNUSED(module), PyObject *args)
{
    load_words(args, 2);
    return P(PyObject_CallMethodObjArgs)(ITEM(0), ITEM(1), WORDS);
}

static PyObject *
warn(PyObject *Py_UNUSED(module), PyObject *args)
{
    load_words(args, 3);
    int failed = P(PyErr_WarnFormat)(ITEM(0), PyLong_AsSsize_t(ITEM(1)), TEXT(2), WORDS);
    return failed ? NULL : Py_NewRef(Py_None);
}

static PyObject *
warn_resource(PyObject *Py_UNUSED(module), PyObject *args)
{
    load_words(args, 3);
    int failed = P(PyErr_ResourceWarning)(ITEM(0), PyLong_AsSsize_t(ITEM(1)), TEXT(2), WORDS);
    return failed ? NULL : Py_NewRef(Py_None);
}

static PyObject *
warn_explicit(PyObject *Py_UNUSED(module), PyObject *args)
{
    load_words(args, 5);
    int failed = P(PyErr_WarnExplicitFormat)(ITEM(0), TEXT(1), PyLong_AsInt(ITEM(2)), TEXT(3), NULL, TEXT(4), WORDS);
    return failed ? NULL : Py_NewRef(Py_None);
}

static PyObject *
audit(PyObject *Py_UNUSED(module), PyObject *args)
{
    load_words(args, 2);
    int failed = P(PySys_Audit)(TEXT(0), ITEM(1) == Py_None ? NULL : TEXT(1), WORDS);
    return failed ? NULL : Py_NewRef(Py_None);
}

static PyObject *
write_out(PyObject *Py_UNUSED(module), PyObject *args)
{
    load_words(args, 1);
    P(PySys_WriteStdout)(TEXT(0), WORDS);
    Py_RETURN_NONE;
}

static PyObject *
format_out(PyObject *Py_UNUSED(module), PyObject *args)
{
    load_words(args, 1);
    P(PySys_FormatStdout)(TEXT(0), WORDS);
    Py_RETURN_NONE;
}

static PyObject *
print(PyObject *Py_UNUSED(module), PyObject *args)
{
    char buffer[16];
    memset(buffer, 'x', sizeof(buffer));
    load_words(args, 2);
    int length = P(PyOS_snprintf)(buffer, (size_t)PyLong_AsSsize_t(ITEM(0)), TEXT(1), WORDS);
    return Py_BuildValue("iy#", length, buffer, (Py_ssize_t)sizeof(buffer));
}

#ifdef SHIMS
/* Of the engine; the probe runs without it. */
void
fw_write_unraisable(PyObject *Py_UNUSED(message), PyObject *object)
{
    PyErr_WriteUnraisable(object);
}
#endif

#define METHOD(NAME) {#NAME, NAME, METH_VARARGS, NULL}
static PyMethodDef methods[] = {
    METHOD(parse), METHOD(parse_one), METHOD(unpack), METHOD(parse_keywords), METHOD(parse_fast), METHOD(parse_stack),
    METHOD(unpack_keywords), METHOD(text), METHOD(bytes), METHOD(build), METHOD(error), METHOD(pack), METHOD(call),
    METHOD(call_method), METHOD(call_objects), METHOD(call_method_objects), METHOD(warn), METHOD(warn_resource),
    METHOD(warn_explicit), METHOD(audit), METHOD(write_out), METHOD(format_out), METHOD(print),
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot module_slots[] = {{Py_mod_gil, Py_MOD_GIL_NOT_USED}, {0, NULL}};
static PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT, .m_name = MODULE, .m_methods = methods, .m_slots = module_slots,
};

PyMODINIT_FUNC
INIT(void)
{
    return PyModuleDef_Init(&definition);
}
