/* declared: an extension module that says it needs no GIL.

   Multi-phase initialisation (PEP 489) with per-module state, and the slot
   Py_mod_gil = Py_MOD_GIL_NOT_USED (PEP 703). Importing it leaves the GIL off. The counter is shared
   between threads, so it is guarded by a critical section on the module object. */
#include <Python.h>

typedef struct {
    PyObject *error; /* declared.Error */
    long long count;
} State;

static State *
state_of(PyObject *module)
{
    return (State *)PyModule_GetState(module);
}

PyDoc_STRVAR(add_doc,
"add(amount=1, /)\n--\n\n"
"Add to the shared counter and return its new value.");

static PyObject *
add(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs > 1) {
        PyErr_Format(PyExc_TypeError, "add() takes at most 1 argument (%zd given)", nargs);
        return NULL;
    }
    long long amount = 1;
    if (nargs == 1) {
        amount = PyLong_AsLongLong(args[0]);
        if (amount == -1 && PyErr_Occurred()) {
            return NULL;
        }
    }
    State *state = state_of(module);
    if (amount < 0) {
        PyErr_SetString(state->error, "the counter only goes up");
        return NULL;
    }
    long long now;
    Py_BEGIN_CRITICAL_SECTION(module);
    now = state->count += amount;
    Py_END_CRITICAL_SECTION();
    return PyLong_FromLongLong(now);
}

static PyMethodDef methods[] = {
    {"add", _PyCFunction_CAST(add), METH_FASTCALL, add_doc},
    {NULL, NULL, 0, NULL},
};

static int
exec_module(PyObject *module)
{
    State *state = state_of(module);
    state->error = PyErr_NewException("declared.Error", PyExc_ValueError, NULL);
    if (state->error == NULL) {
        return -1;
    }
    return PyModule_AddObjectRef(module, "Error", state->error);
}

static int
traverse_module(PyObject *module, visitproc visit, void *arg)
{
    Py_VISIT(state_of(module)->error);
    return 0;
}

static int
clear_module(PyObject *module)
{
    Py_CLEAR(state_of(module)->error);
    return 0;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, _Py_FUNC_CAST(void *, exec_module)},
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
    {0, NULL},
};

static PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "declared",
    .m_doc = PyDoc_STR("A shared counter; runs without the GIL."),
    .m_size = sizeof(State),
    .m_methods = methods,
    .m_slots = slots,
    .m_traverse = traverse_module,
    .m_clear = clear_module,
};

PyMODINIT_FUNC
PyInit_declared(void)
{
    return PyModuleDef_Init(&definition);
}
