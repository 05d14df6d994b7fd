/* undeclared: an extension module that says nothing about the GIL.

   The interpreter cannot know that it is safe without one, so importing it turns the GIL on for the
   whole process, with a RuntimeWarning that names the module (unless -X gil=0 or PYTHON_GIL=0 forbid
   it). Such is every extension that was written before free threading. */
#include <Python.h>

/* Unprotected: two threads at once would lose updates. The GIL makes it right. */
static long long calls;

static PyObject *
count_call(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return PyLong_FromLongLong(++calls);
}

static PyMethodDef methods[] = {
    {"count_call", count_call, METH_NOARGS, PyDoc_STR("count_call()\n--\n\nHow often this was called.")},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
    {0, NULL},
};

static PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "undeclared",
    .m_doc = PyDoc_STR("Relies on the GIL without saying so."),
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit_undeclared(void)
{
    return PyModuleDef_Init(&definition);
}
