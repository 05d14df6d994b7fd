/* plain: a host that is built both as a position-independent program and as a fixed one. It compares addresses of the
   library's data (static types, singletons, exceptions) as the program sees them with what the library hands out: in a
   fixed program they come by copy relocations or by the table of offsets. */
#include <Python.h>
#include <stdio.h>

static int failures;

#define CHECK(what)                                                          \
    do {                                                                     \
        if (!(what)) {                                                       \
            failures++;                                                      \
            fprintf(stderr, "line %d: %s\n", __LINE__, #what);               \
            if (PyErr_Occurred()) {                                          \
                PyErr_Print();                                               \
            }                                                                \
        }                                                                    \
    } while (0)

/* Addresses in static data: the loader has to put them right. */
static PyTypeObject *const types[] = {&PyLong_Type, &PyUnicode_Type, &PyList_Type, &PyDict_Type, &PyType_Type, &PyFloat_Type};
static PyObject **const errors[] = {&PyExc_ValueError, &PyExc_KeyError, &PyExc_OSError};
static PyObject *(*const functions[])(void) = {PyDict_New, PyEval_GetBuiltins};
static PyObject *const none = Py_None;

typedef struct {
    PyObject_HEAD
    int value;
} Thing;

static PyObject *
thing_value(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return PyLong_FromLong(((Thing *)self)->value);
}

static PyMethodDef thing_methods[] = {{"value", thing_value, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};

/* A static type whose base is the library's, written down by address. */
static PyTypeObject thing_type = {
    PyVarObject_HEAD_INIT(&PyType_Type, 0)
    .tp_name = "plain.Thing",
    .tp_basicsize = sizeof(Thing),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_methods = thing_methods,
    .tp_base = &PyBaseObject_Type,
    .tp_new = PyType_GenericNew,
};

int
main(void)
{
    static const char *const names[] = {"int", "str", "list", "dict", "type", "float"};
    static const char *const error_names[] = {"ValueError", "KeyError", "OSError"};
    Py_Initialize();
    PyObject *builtins = PyImport_ImportModule("builtins");
    CHECK(builtins);
    for (int i = 0; i < 6; i++) {
        PyObject *type = PyObject_GetAttrString(builtins, names[i]);
        CHECK(type == (PyObject *)types[i]);
        Py_XDECREF(type);
    }
    for (int i = 0; i < 3; i++) {
        PyObject *type = PyObject_GetAttrString(builtins, error_names[i]);
        CHECK(type == *errors[i]);
        Py_XDECREF(type);
    }
    PyObject *dict = functions[0]();
    CHECK(dict && PyDict_CheckExact(dict) && Py_TYPE(dict) == types[3]);
    CHECK(functions[1]() != NULL);
    PyObject *value = PyRun_String("[None, True, False, ..., 5, 'text', b'', ()]", Py_eval_input, PyEval_GetBuiltins(), dict);
    CHECK(value && PyList_GET_SIZE(value) == 8);
    CHECK(PyList_GET_ITEM(value, 0) == none && PyList_GET_ITEM(value, 0) == Py_GetConstantBorrowed(Py_CONSTANT_NONE));
    CHECK(Py_IsTrue(PyList_GET_ITEM(value, 1)) && Py_IsFalse(PyList_GET_ITEM(value, 2)) && PyList_GET_ITEM(value, 3) == Py_Ellipsis);
    CHECK(PyLong_CheckExact(PyList_GET_ITEM(value, 4)) && PyLong_AsLong(PyList_GET_ITEM(value, 4)) == 5);
    CHECK(PyUnicode_GET_LENGTH(PyList_GET_ITEM(value, 5)) == 4 && PyUnicode_KIND(PyList_GET_ITEM(value, 5)) == 1);
    CHECK(memcmp(PyUnicode_1BYTE_DATA(PyList_GET_ITEM(value, 5)), "text", 5) == 0);
    Py_XDECREF(value);

    CHECK(PyType_Ready(&thing_type) == 0);
    CHECK(PyDict_SetItemString(dict, "Thing", (PyObject *)&thing_type) == 0);
    value = PyRun_String("class Sub(Thing):\n"
                         "    def value(self): return super().value() + 1\n"
                         "got = [Thing().value(), Sub().value(), Thing.__mro__[-1] is object]\n"
                         "try: raise KeyError('k')\n"
                         "except LookupError as e: got.append(str(e))\n",
                         Py_file_input, dict, dict);
    CHECK(value == none);
    Py_XDECREF(value);
    value = PyObject_Repr(PyDict_GetItemString(dict, "got"));
    CHECK(value && PyUnicode_EqualToUTF8(value, "[0, 1, True, \"'k'\"]"));
    Py_XDECREF(value);
    CHECK(PyLong_FromString("zz", NULL, 10) == NULL && PyErr_ExceptionMatches(PyExc_ValueError));
    PyErr_Clear();
    Py_XDECREF(dict);
    Py_XDECREF(builtins);
    CHECK(Py_FinalizeEx() == 0);
    if (!failures) {
        puts("ok");
    }
    return failures != 0;
}
