/* single_phase: an extension module of the old kind, whose PyInit function makes the module itself.

   It declares support for running without the GIL by a call, PyUnstable_Module_SetGIL, as it has no
   slots to do so. It shows argument parsing with formats, keywords and converters. */
#include <Python.h>

PyDoc_STRVAR(repeat_doc,
"repeat(text, times=1, *, separator='')\n--\n\n"
"Return text, `times` times, with the separator in between.");

static PyObject *
repeat(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"text", "times", "separator", NULL};
    PyObject *text, *separator = NULL;
    Py_ssize_t times = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "U|n$U:repeat", names, &text, &times, &separator)) {
        return NULL;
    }
    if (times < 0) {
        return PyErr_Format(PyExc_ValueError, "times must not be negative, not %zd", times);
    }
    PyObject *parts = PyList_New(times);
    if (parts == NULL) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < times; i++) {
        PyList_SET_ITEM(parts, i, Py_NewRef(text));
    }
    PyObject *between = separator ? Py_NewRef(separator) : PyUnicode_FromString("");
    PyObject *joined = between ? PyUnicode_Join(between, parts) : NULL;
    Py_XDECREF(between);
    Py_DECREF(parts);
    return joined;
}

static PyObject *
describe(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *name;
    Py_ssize_t length;
    double weight;
    if (!PyArg_ParseTuple(args, "s#d:describe", &name, &length, &weight)) {
        return NULL;
    }
    return Py_BuildValue("{s:s#,s:d,s:(iO)}", "name", name, length, "weight", weight, "more", 3, Py_None);
}

static PyMethodDef methods[] = {
    {"repeat", _PyCFunction_CAST(repeat), METH_VARARGS | METH_KEYWORDS, repeat_doc},
    {"describe", describe, METH_VARARGS, PyDoc_STR("describe(name, weight, /)\n--\n\nA dict of the arguments.")},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "single_phase",
    .m_doc = PyDoc_STR("Made by its PyInit function."),
    .m_size = -1,
    .m_methods = methods,
};

PyMODINIT_FUNC
PyInit_single_phase(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (module == NULL) {
        return NULL;
    }
    if (PyUnstable_Module_SetGIL(module, Py_MOD_GIL_NOT_USED) < 0
        || PyModule_AddIntConstant(module, "ANSWER", 42) < 0
        || PyModule_AddStringConstant(module, "KIND", "single-phase") < 0) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
