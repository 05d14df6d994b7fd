// counter: an extension module in C++.
//
// Its objects hold a C++ object (a std::unordered_map behind a mutex): constructed in tp_new, destroyed
// in tp_dealloc. No C++ exception may leave a function that Python calls.
#include <Python.h>

#include <mutex>
#include <new>
#include <string>
#include <unordered_map>

namespace {

struct Tally {
    std::mutex lock;
    std::unordered_map<std::string, long long> counts;
};

struct Counter {
    PyObject_HEAD
    Tally tally;
};

PyObject *
counter_new(PyTypeObject *type, PyObject *, PyObject *)
{
    PyObject *self = type->tp_alloc(type, 0);
    if (self != nullptr) {
        new (&reinterpret_cast<Counter *>(self)->tally) Tally();
    }
    return self;
}

void
counter_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    reinterpret_cast<Counter *>(self)->tally.~Tally();
    type->tp_free(self);
    Py_DECREF(type);
}

PyObject *
counter_add(PyObject *self, PyObject *word)
{
    Py_ssize_t length;
    const char *text = PyUnicode_AsUTF8AndSize(word, &length);
    if (text == nullptr) {
        return nullptr;
    }
    long long now;
    try {
        Tally &tally = reinterpret_cast<Counter *>(self)->tally;
        std::lock_guard<std::mutex> held(tally.lock);
        now = ++tally.counts[std::string(text, static_cast<size_t>(length))];
    }
    catch (const std::bad_alloc &) {
        return PyErr_NoMemory();
    }
    return PyLong_FromLongLong(now);
}

PyObject *
counter_most_common(PyObject *self, PyObject *)
{
    std::string best;
    long long count = 0;
    {
        Tally &tally = reinterpret_cast<Counter *>(self)->tally;
        std::lock_guard<std::mutex> held(tally.lock);
        for (const auto &entry : tally.counts) {
            if (entry.second > count) {
                best = entry.first;
                count = entry.second;
            }
        }
    }
    return Py_BuildValue("(sL)", best.c_str(), count);
}

PyMethodDef counter_methods[] = {
    {"add", counter_add, METH_O, PyDoc_STR("add($self, word, /)\n--\n\nCount a word; its count so far.")},
    {"most_common", counter_most_common, METH_NOARGS, PyDoc_STR("most_common($self, /)\n--\n\nA pair: word, count.")},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot counter_slots[] = {
    {Py_tp_doc, const_cast<char *>(PyDoc_STR("Counts words."))},
    {Py_tp_new, reinterpret_cast<void *>(counter_new)},
    {Py_tp_dealloc, reinterpret_cast<void *>(counter_dealloc)},
    {Py_tp_methods, counter_methods},
    {0, nullptr},
};

PyType_Spec counter_spec = {"counter.Counter", sizeof(Counter), 0, Py_TPFLAGS_DEFAULT, counter_slots};

int
exec_module(PyObject *module)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &counter_spec, nullptr);
    if (type == nullptr) {
        return -1;
    }
    int done = PyModule_AddType(module, reinterpret_cast<PyTypeObject *>(type));
    Py_DECREF(type);
    return done;
}

PyModuleDef_Slot slots[] = {
    {Py_mod_exec, reinterpret_cast<void *>(exec_module)},
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
    {0, nullptr},
};

PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "counter", "Counting in C++.", 0, nullptr, slots, nullptr, nullptr, nullptr,
};

} // namespace

PyMODINIT_FUNC
PyInit_counter(void)
{
    return PyModuleDef_Init(&definition);
}
