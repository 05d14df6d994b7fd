/* rounds: starts and ends the runtime five times. Each round has a fresh state (modules, the host's built-in module, what
   scripts left behind), makes its own objects and leaves nothing that the next one sees. */
#include <Python.h>
#include <stdio.h>

static int made, executed;

static int
counting_exec(PyObject *module)
{
    executed++;
    return PyModule_AddIntConstant(module, "round", executed);
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, (void *)counting_exec}, {Py_mod_gil, Py_MOD_GIL_NOT_USED}, {0, NULL}};
static PyModuleDef definition = {.m_base = PyModuleDef_HEAD_INIT, .m_name = "counting", .m_slots = slots};

static PyObject *
init_counting(void)
{
    made++;
    return PyModuleDef_Init(&definition);
}

static void
at_exit(void)
{
    made += 100;
}

static const char script[] =
    "import sys, counting, threading, atexit, json, re, collections, gc, weakref\n"
    "assert counting.round == expected, (counting.round, expected)\n"
    "assert not hasattr(sys, 'left') and 'left' not in json.__dict__\n"
    "sys.left = json.left = True\n"
    "class Meta(type): pass\n"
    "class Node(metaclass=Meta):\n"
    "    def __init__(self, n): self.me, self.n = self, n\n"
    "    def __del__(self): pass\n"
    "kept = [Node(i) for i in range(50)]\n"
    "gone = [weakref.ref(Node(i), lambda r: None) for i in range(50)]\n"
    "gc.collect()\n"
    "assert not any(r() for r in gone) and not gc.garbage\n"
    "Point = collections.namedtuple('Point', 'x y')\n"
    "assert Point(1, 2)._asdict() == {'x': 1, 'y': 2}\n"
    "assert re.sub(r'(\\d+)', lambda m: str(int(m[1]) * 2), 'a1b22') == 'a2b44'\n"
    "def generate():\n"
    "    try: yield 1\n"
    "    finally: sys.finished = True\n"
    "pending = generate(); next(pending)\n"
    "results = []\n"
    "threads = [threading.Thread(target=lambda i=i: results.append(sum(range(i)))) for i in range(4)]\n"
    "for t in threads: t.start()\n"
    "for t in threads: t.join()\n"
    "assert sorted(results) == [0, 0, 1, 3]\n"
    "atexit.register(print, 'atexit', expected, flush=True)\n";

int
main(void)
{
    if (PyImport_AppendInittab("counting", init_counting) < 0) {
        return 1;
    }
    for (int i = 1; i <= 5; i++) {
        Py_InitializeEx(i % 2);
        Py_AtExit(at_exit);
        PyObject *scope = PyModule_GetDict(PyImport_AddModule("__main__"));
        PyObject *n = PyLong_FromLong(i);
        if (!n || PyDict_SetItemString(scope, "expected", n) < 0) {
            return 1;
        }
        Py_DECREF(n);
        if (PyRun_SimpleString(script) < 0) {
            fprintf(stderr, "round %d failed\n", i);
            return 1;
        }
        if (Py_FinalizeEx() < 0 || Py_IsInitialized()) {
            fprintf(stderr, "round %d did not end\n", i);
            return 1;
        }
    }
    printf("%d %d\nok\n", made, executed);
    return 0;
}
