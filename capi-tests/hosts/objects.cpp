// objects: a C++ host. C++ exceptions pass through the host's own frames only; objects of C++ live in capsules and in a type
// made from a specification, and are destroyed once; references are held by RAII.
#include <Python.h>

#include <atomic>
#include <cstdio>
#include <map>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

std::atomic<int> alive{0};

struct Record {
    std::map<std::string, double> values;
    Record() { ++alive; }
    ~Record() { --alive; }
};

struct Drop {
    void operator()(PyObject *o) const { Py_XDECREF(o); }
};
using Ref = std::unique_ptr<PyObject, Drop>;

Ref checked(PyObject *o)
{
    if (!o) {
        PyErr_Print();
        throw std::runtime_error("a Python error");
    }
    return Ref(o);
}

void expect(bool good, const char *what)
{
    if (!good) {
        throw std::logic_error(what);
    }
}

struct Table {
    PyObject_HEAD
    Record *record;
};

// What C++ throws becomes a Python exception at the border.
template <typename F> PyObject *guarded(F body) noexcept
{
    try {
        return body();
    }
    catch (const std::out_of_range &e) {
        PyErr_SetString(PyExc_KeyError, e.what());
    }
    catch (const std::bad_alloc &) {
        PyErr_NoMemory();
    }
    catch (const std::exception &e) {
        PyErr_SetString(PyExc_RuntimeError, e.what());
    }
    return nullptr;
}

PyObject *table_new(PyTypeObject *type, PyObject *, PyObject *)
{
    auto self = reinterpret_cast<Table *>(type->tp_alloc(type, 0));
    if (self) {
        self->record = new (std::nothrow) Record();
    }
    return reinterpret_cast<PyObject *>(self);
}

void table_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    delete reinterpret_cast<Table *>(self)->record;
    type->tp_free(self);
    Py_DECREF(type);
}

PyObject *table_set(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *names)
{
    return guarded([&]() -> PyObject * {
        if (n != 0 || !names) {
            throw std::invalid_argument("names only");
        }
        PyObject *done = nullptr;
        Py_BEGIN_CRITICAL_SECTION(self);
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); i++) {
            reinterpret_cast<Table *>(self)->record->values[PyUnicode_AsUTF8(PyTuple_GET_ITEM(names, i))] = PyFloat_AsDouble(args[i]);
        }
        Py_END_CRITICAL_SECTION();
        if (!PyErr_Occurred()) {
            done = Py_NewRef(Py_None);
        }
        return done;
    });
}

PyObject *table_get(PyObject *self, PyObject *key)
{
    return guarded([&] { return PyFloat_FromDouble(reinterpret_cast<Table *>(self)->record->values.at(PyUnicode_AsUTF8(key))); });
}

Py_ssize_t table_length(PyObject *self) { return static_cast<Py_ssize_t>(reinterpret_cast<Table *>(self)->record->values.size()); }

PyMethodDef table_methods[] = {
    {"set", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)(void)>(table_set)), METH_FASTCALL | METH_KEYWORDS, nullptr},
    {"get", table_get, METH_O, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot table_slots[] = {
    {Py_tp_new, reinterpret_cast<void *>(table_new)},
    {Py_tp_dealloc, reinterpret_cast<void *>(table_dealloc)},
    {Py_tp_methods, table_methods},
    {Py_mp_length, reinterpret_cast<void *>(table_length)},
    {0, nullptr},
};

PyType_Spec table_spec = {"objects.Table", sizeof(Table), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, table_slots};

void run()
{
    Ref scope = checked(PyDict_New());
    Ref type = checked(PyType_FromSpec(&table_spec));
    expect(PyDict_SetItemString(scope.get(), "Table", type.get()) == 0, "set");
    checked(PyRun_String("class Named(Table):\n"
                         "    pass\n"
                         "t = Named()\n"
                         "t.set(a=1, b=2.5)\n"
                         "t.name = 'x'\n"
                         "found = [t.get('a') + t.get('b'), len(t)]\n"
                         "for call in (lambda: t.get('zz'), lambda: t.set(1), lambda: t.set(a='no')):\n"
                         "    try: call()\n"
                         "    except Exception as e: found.append(type(e).__name__)\n",
                         Py_file_input, scope.get(), scope.get()));
    Ref text = checked(PyObject_Repr(PyDict_GetItemString(scope.get(), "found")));
    expect(PyUnicode_EqualToUTF8(text.get(), "[3.5, 2, 'KeyError', 'RuntimeError', 'TypeError']"), "the table's answers");
    expect(alive == 1, "one record");

    // A capsule owns a C++ object.
    auto shared = new std::shared_ptr<Record>(std::make_shared<Record>());
    Ref capsule = checked(PyCapsule_New(shared, "objects.record", [](PyObject *c) {
        delete static_cast<std::shared_ptr<Record> *>(PyCapsule_GetPointer(c, "objects.record"));
    }));
    expect(alive == 2 && PyCapsule_IsValid(capsule.get(), "objects.record") && !PyCapsule_IsValid(capsule.get(), "other"), "capsule");
    capsule.reset();
    expect(alive == 1, "the capsule's destructor ran");

    // Threads of C++ use the type.
    std::vector<std::thread> threads;
    std::atomic<int> good{0};
    PyThreadState *state = PyEval_SaveThread();
    for (int i = 0; i < 4; i++) {
        threads.emplace_back([&good, &type] {
            PyGILState_STATE held = PyGILState_Ensure();
            {
                for (int k = 0; k < 200; k++) {
                    Ref made(PyObject_CallNoArgs(type.get()));
                    Ref done(made ? PyObject_CallMethod(made.get(), "get", "s", "none") : nullptr);
                    if (made && !done && PyErr_ExceptionMatches(PyExc_KeyError)) {
                        ++good;
                    }
                    PyErr_Clear();
                }
            }
            PyGILState_Release(held);
        });
    }
    for (auto &t : threads) {
        t.join();
    }
    PyEval_RestoreThread(state);
    expect(good == 800, "threads");
    checked(PyRun_String("del t", Py_file_input, scope.get(), scope.get()));
    expect(alive == 0, "all records are gone");
}

} // namespace

int main()
{
    try {
        PyConfig config;
        PyConfig_InitPythonConfig(&config);
        config.install_signal_handlers = 0;
        PyStatus status = Py_InitializeFromConfig(&config);
        PyConfig_Clear(&config);
        expect(!PyStatus_Exception(status), "start");
        run();
        expect(Py_FinalizeEx() == 0, "end");
    }
    catch (const std::exception &e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
    std::puts("ok");
    return 0;
}
