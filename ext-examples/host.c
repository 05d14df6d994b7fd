/* host: a C program that embeds the interpreter.

   Build with `pkg-config --cflags --libs python-3.14t-embed`. It initialises from a configuration,
   offers a built-in module to the scripts, runs source, calls a Python function, runs another from
   threads of its own, and finalises. It prints what it does; tests compare the output. */
#include <Python.h>
#include <pthread.h>

/* A module of the host's own, importable as `host`. */
static PyObject *
host_name(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return PyUnicode_FromString("C host");
}

static PyMethodDef host_methods[] = {
    {"name", host_name, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot host_slots[] = {
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
    {0, NULL},
};

static PyModuleDef host_module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "host",
    .m_methods = host_methods,
    .m_slots = host_slots,
};

static PyObject *
init_host(void)
{
    return PyModuleDef_Init(&host_module);
}

static PyObject *square; /* the script's function */

/* A thread that Python did not start: it makes a thread state with PyGILState_Ensure. */
static void *
worker(void *argument)
{
    long n = (long)(intptr_t)argument;
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *result = PyObject_CallFunction(square, "l", n);
    long value = result ? PyLong_AsLong(result) : -1;
    if (PyErr_Occurred()) {
        PyErr_Print();
    }
    Py_XDECREF(result);
    PyGILState_Release(state);
    return (void *)(intptr_t)value;
}

int
main(int argc, char **argv)
{
    if (PyImport_AppendInittab("host", init_host) < 0) {
        return 1;
    }
    PyConfig config;
    PyConfig_InitPythonConfig(&config);
    PyStatus status = PyConfig_SetBytesArgv(&config, argc, argv);
    if (!PyStatus_Exception(status)) {
        config.parse_argv = 0;
        status = Py_InitializeFromConfig(&config);
    }
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status)) {
        Py_ExitStatusException(status);
    }

    printf("version %d.%d, initialised: %d\n", (int)(Py_Version >> 24), (int)(Py_Version >> 16 & 0xff),
           Py_IsInitialized());
    fflush(stdout);
    if (PyRun_SimpleString("import host, sys\n"
                           "print('hello from', host.name(), sys.argv[1:])\n"
                           "def square(n):\n"
                           "    return n * n\n"
                           "sys.stdout.flush()\n")) {
        return 1;
    }

    PyObject *main_module = PyImport_AddModuleRef("__main__");
    square = main_module ? PyObject_GetAttrString(main_module, "square") : NULL;
    if (square == NULL) {
        PyErr_Print();
        return 1;
    }
    PyObject *result = PyObject_CallFunction(square, "i", 12);
    printf("square(12) = %ld\n", result ? PyLong_AsLong(result) : -1);
    Py_XDECREF(result);

    /* Errors arrive as exceptions. */
    result = PyObject_CallFunction(square, "s", "text");
    if (result == NULL && PyErr_ExceptionMatches(PyExc_TypeError)) {
        PyErr_Clear();
        printf("square('text') raises TypeError\n");
    }
    Py_XDECREF(result);

    pthread_t threads[4];
    long sum = 0;
    for (intptr_t i = 0; i < 4; i++) {
        pthread_create(&threads[i], NULL, worker, (void *)(i + 1));
    }
    Py_BEGIN_ALLOW_THREADS
    for (int i = 0; i < 4; i++) {
        void *value;
        pthread_join(threads[i], &value);
        sum += (long)(intptr_t)value;
    }
    Py_END_ALLOW_THREADS
    printf("sum of squares from four threads: %ld\n", sum);

    Py_CLEAR(square);
    Py_DECREF(main_module);
    int code = Py_FinalizeEx();
    printf("finalised: %d\n", code);
    return code < 0;
}
