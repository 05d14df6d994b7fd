/* A module with one function, words(text): the number of words. */
#include <Python.h>

static PyObject *
words(PyObject *Py_UNUSED(module), PyObject *text)
{
    Py_ssize_t n = 0, size;
    const char *s = PyUnicode_AsUTF8AndSize(text, &size);
    if (s == NULL) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < size; i++) {
        n += s[i] != ' ' && (i == 0 || s[i - 1] == ' ');
    }
    return PyLong_FromSsize_t(n);
}

static PyMethodDef methods[] = {
    {"words", words, METH_O, PyDoc_STR("words($module, text, /)\n--\n\nThe number of words.")},
    {NULL, NULL, 0, NULL},
};
static PyModuleDef_Slot slots[] = {
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
    {0, NULL},
};
static PyModuleDef definition = {.m_base = PyModuleDef_HEAD_INIT, .m_name = "bt_meson", .m_methods = methods, .m_slots = slots};

PyMODINIT_FUNC
PyInit_bt_meson(void)
{
    return PyModuleDef_Init(&definition);
}
