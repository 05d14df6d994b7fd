/* threads: eight threads of the host attach to the running interpreter and detach again, in every way there is, while the
   main thread runs Python too; four of them go on while the runtime ends, four come when it has ended. Those must stop or
   wait for ever; none may bring the process down or get into Python. */
#include <Python.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#define THREADS 8
#define TURNS 40

static PyObject *add;
static int ended, late, intruders;
static long answers[THREADS];

static void
fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    _exit(2);
}

static long
call(long n)
{
    PyObject *r = PyObject_CallFunction(add, "l", n);
    long v = r ? PyLong_AsLong(r) : -1;
    if (PyErr_Occurred()) {
        PyErr_Print();
        fail("a call failed");
    }
    Py_XDECREF(r);
    return v;
}

static void *
visit(void *arg)
{
    long me = (long)(Py_intptr_t)arg;
    for (int i = 0; i < TURNS; i++) {
        if (i % 2) {
            /* Attached by name of the thread, also within itself. */
            PyGILState_STATE outer = PyGILState_Ensure();
            PyThreadState *state = PyThreadState_Get();
            PyGILState_STATE inner = PyGILState_Ensure();
            if (PyThreadState_Get() != state || !PyGILState_Check() || PyGILState_GetThisThreadState() != state) {
                fail("another state within");
            }
            answers[me] += call(1);
            PyGILState_Release(inner);
            Py_BEGIN_ALLOW_THREADS
            if (PyThreadState_GetUnchecked() != NULL) {
                fail("still attached");
            }
            Py_END_ALLOW_THREADS
            answers[me] += call(1);
            PyGILState_Release(outer);
        }
        else {
            /* A state of its own, made, left and taken again, then thrown away. */
            PyThreadState *state = PyThreadState_New(PyInterpreterState_Main());
            PyEval_RestoreThread(state);
            answers[me] += call(1);
            if (PyEval_SaveThread() != state) {
                fail("another state was saved");
            }
            PyThreadState *before = PyThreadState_Swap(state);
            if (before != NULL) {
                fail("a state was there");
            }
            answers[me] += call(1);
            PyThreadState_Clear(state);
            PyThreadState_DeleteCurrent();
        }
        if (PyThreadState_GetUnchecked() != NULL) {
            fail("still attached at the end");
        }
    }
    return NULL;
}

/* Attaches again and again until the runtime is gone; then it may not get in. */
static void *
persist(void *arg)
{
    (void)arg;
    for (;;) {
        int over = __atomic_load_n(&ended, __ATOMIC_SEQ_CST);
        if (over) {
            __atomic_fetch_add(&late, 1, __ATOMIC_SEQ_CST);
        }
        PyGILState_STATE state = PyGILState_Ensure();
        if (over) {
            __atomic_fetch_add(&intruders, 1, __ATOMIC_SEQ_CST);
        }
        PyObject *r = PyObject_CallFunction(add, "i", 0);
        if (!r) {
            PyErr_Clear();
        }
        Py_XDECREF(r);
        PyGILState_Release(state);
    }
    return NULL;
}

static void *
come_late(void *arg)
{
    __atomic_fetch_add(&late, 1, __ATOMIC_SEQ_CST);
    if (arg) {
        PyGILState_Ensure();
    }
    else {
        PyThreadState *state = PyThreadState_New(PyInterpreterState_Main());
        if (state == NULL) {
            return NULL;
        }
        PyEval_RestoreThread(state);
    }
    __atomic_fetch_add(&intruders, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

int
main(void)
{
    pthread_t threads[THREADS];
    Py_Initialize();
    if (PyRun_SimpleString("import threading\n"
                           "lock = threading.Lock()\n"
                           "local = threading.local()\n"
                           "total = 0\n"
                           "def add(n):\n"
                           "    global total\n"
                           "    local.n = n\n"
                           "    threading.current_thread().name\n"
                           "    with lock:\n"
                           "        total += n\n"
                           "    return [local.n for _ in range(3)][0]\n") < 0) {
        return 1;
    }
    add = PyObject_GetAttrString(PyImport_AddModule("__main__"), "add");
    for (long i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, visit, (void *)(Py_intptr_t)i);
    }
    for (int i = 0; i < 30; i++) {
        if (PyRun_SimpleString("sum(i * i for i in range(2000)); add(0); [object() for _ in range(100)]\n") < 0) {
            return 1;
        }
        Py_BEGIN_ALLOW_THREADS
        usleep(200);
        Py_END_ALLOW_THREADS
    }
    PyRun_SimpleString("import gc; gc.collect()");
    Py_BEGIN_ALLOW_THREADS
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    Py_END_ALLOW_THREADS
    for (int i = 0; i < THREADS; i++) {
        if (answers[i] != 2 * TURNS) {
            fail("a wrong answer");
        }
    }
    if (PyRun_SimpleString("assert total == 640, total\n"
                           "assert threading.active_count() == 1, threading.enumerate()\n") < 0) {
        return 1;
    }
    for (int i = 0; i < THREADS / 2; i++) {
        pthread_create(&threads[i], NULL, persist, NULL);
    }
    Py_BEGIN_ALLOW_THREADS
    usleep(20000);
    Py_END_ALLOW_THREADS
    if (Py_FinalizeEx() < 0) {
        return 1;
    }
    __atomic_store_n(&ended, 1, __ATOMIC_SEQ_CST);
    for (int i = THREADS / 2; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, come_late, i % 2 ? &late : NULL);
    }
    usleep(100000);
    if (__atomic_load_n(&late, __ATOMIC_SEQ_CST) < THREADS / 2) {
        usleep(2000000);
    }
    if (__atomic_load_n(&intruders, __ATOMIC_SEQ_CST)) {
        fail("a thread got into Python after its end");
    }
    puts("ok");
    fflush(stdout);
    return 0;
}
