/* lifecycle: initialises and finalises the runtime again and again in one process, with threads and a sub-interpreter in
   between; threads of the host come too late each time. Prints `ok` when nothing was lost and memory did not grow. */
#include <Python.h>
#include <pthread.h>
#include <stdio.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A daemon thread that is stopped for good keeps its stack and what its frames hold: only the first rounds have one. */
#define DAEMON_ROUNDS 3
#define WARM_ROUNDS 10
#define ROUNDS 25

static const char script[] =
    "import atexit, json, re, threading, weakref\n"
    "class Node:\n"
    "    def __init__(self): self.me = self\n"
    "    def __del__(self): pass\n"
    "nodes = [Node() for _ in range(1000)]\n"
    "done = []\n"
    "def work(n):\n"
    "    done.append(sum(range(n)))\n"
    "threads = [threading.Thread(target=work, args=(1000,)) for _ in range(4)]\n"
    "for t in threads: t.start()\n"
    "for t in threads: t.join()\n"
    "assert done == [499500] * 4\n"
    "assert json.loads(json.dumps({'a': [1, 2]})) == {'a': [1, 2]}\n"
    "assert re.fullmatch(r'(a+)b', 'aaab')[1] == 'aaa'\n"
    "def forever():\n"
    "    while True: pass\n"
    "import time\n"
    "atexit.register(lambda: open('/dev/null').close())\n";

static const char daemon_script[] =
    "stop = threading.Event()\n"
    "threading.Thread(target=stop.wait, daemon=True).start()\n";

static PyObject *count;

static void *
visitor(void *arg)
{
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *r = PyObject_CallFunction(count, "i", 20);
    long v = r ? PyLong_AsLong(r) : -1;
    Py_XDECREF(r);
    PyGILState_Release(state);
    *(long *)arg = v;
    return NULL;
}

static long
resident(void)
{
    long pages = 0, all = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f) {
        if (fscanf(f, "%ld %ld", &all, &pages) != 2) {
            pages = 0;
        }
        fclose(f);
    }
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Bytes that malloc has given out, where it tells. */
static size_t
allocated(void)
{
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
#else
    return 0;
#endif
}

/* Blocks of the object heap in use. */
static long
blocks(void)
{
    PyObject *f = PySys_GetObject("getallocatedblocks");
    PyObject *n = f ? PyObject_CallNoArgs(f) : NULL;
    long v = n ? PyLong_AsLong(n) : -1;
    Py_XDECREF(n);
    return v;
}

static int late_started;

/* Comes when the runtime is gone: it must not get past the first line, nor bring the process down. */
static void *
latecomer(void *arg)
{
    (void)arg;
    __atomic_store_n(&late_started, 1, __ATOMIC_SEQ_CST);
    PyGILState_Ensure();
    fprintf(stderr, "a thread attached after the end\n");
    _exit(3);
}

static void
fail(const char *what)
{
    if (Py_IsInitialized() && PyErr_Occurred()) {
        PyErr_Print();
    }
    fflush(stdout);
    fprintf(stderr, "%s\n", what);
    exit(1);
}

int
main(void)
{
    long early = 0, late = 0, early_blocks = 0, late_blocks = 0;
    size_t early_bytes = 0, late_bytes = 0;
    for (int i = 0; i < ROUNDS; i++) {
        Py_Initialize();
        late_blocks = blocks();
        if (i == WARM_ROUNDS) {
            early_blocks = late_blocks;
        }
        if (!Py_IsInitialized() || PyRun_SimpleString(script) != 0) {
            fail("the script failed");
        }
        if (i < DAEMON_ROUNDS && PyRun_SimpleString(daemon_script) != 0) {
            fail("no daemon thread");
        }
        PyObject *scope = PyDict_New();
        PyObject *r = PyRun_String("def f(n):\n    return n * 2 + 2\n", Py_file_input, scope, scope);
        if (!r) {
            fail("no function");
        }
        Py_DECREF(r);
        count = Py_NewRef(PyDict_GetItemString(scope, "f"));
        long results[4];
        pthread_t threads[4];
        Py_BEGIN_ALLOW_THREADS
        for (int t = 0; t < 4; t++) {
            pthread_create(&threads[t], NULL, visitor, &results[t]);
        }
        for (int t = 0; t < 4; t++) {
            pthread_join(threads[t], NULL);
        }
        Py_END_ALLOW_THREADS
        for (int t = 0; t < 4; t++) {
            if (results[t] != 42) {
                fail("a visitor got a wrong answer");
            }
        }
        Py_CLEAR(count);
        Py_DECREF(scope);

        PyThreadState *home = PyThreadState_Get();
        PyThreadState *guest = Py_NewInterpreter();
        if (!guest || PyRun_SimpleString("import sys; assert 'nodes' not in globals(); sys.mark = 1") != 0) {
            fail("the sub-interpreter failed");
        }
        Py_EndInterpreter(guest);
        PyThreadState_Swap(home);
        if (PyRun_SimpleString("import sys; assert not hasattr(sys, 'mark')") != 0) {
            fail("names came over from the sub-interpreter");
        }
        if (Py_FinalizeEx() != 0 || Py_IsInitialized()) {
            fail("finalisation failed");
        }
        if (i == WARM_ROUNDS - 1) {
            early = resident();
            early_bytes = allocated();
        }
    }
    late = resident();
    late_bytes = allocated();
    printf("resident after %d rounds: %ld KiB, after %d: %ld KiB\n", WARM_ROUNDS, early, ROUNDS, late);
    printf("blocks at the start of round %d: %ld, of round %d: %ld\n", WARM_ROUNDS + 1, early_blocks, ROUNDS, late_blocks);
    printf("allocated then: %zu KiB, at last: %zu KiB\n", early_bytes / 1024, late_bytes / 1024);
    if (late_blocks - early_blocks > 10 * (ROUNDS - WARM_ROUNDS) || late_bytes > early_bytes + (128 << 10)) {
        fail("objects or memory were left behind");
    }
    /* Pages of the heap that are only partly used so far are touched bit by bit. */
    if (late - early > 4 * 1024) {
        fail("memory grew");
    }
    pthread_t thread;
    pthread_create(&thread, NULL, latecomer, NULL);
    while (!__atomic_load_n(&late_started, __ATOMIC_SEQ_CST)) {
        usleep(1000);
    }
    usleep(50000);
    puts("ok");
    return 0;
}
