// host: a C++ program that embeds the interpreter.
//
// References are held by a small RAII class, exceptions become C++ exceptions at one place. Build with
// `pkg-config --cflags --libs python-3.14t-embed`.
#include <Python.h>

#include <cstdio>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

// An owned reference.
class Ref {
public:
    explicit Ref(PyObject *object = nullptr) : object_(object) {}
    Ref(Ref &&other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    Ref &operator=(Ref &&other) noexcept
    {
        std::swap(object_, other.object_);
        return *this;
    }
    Ref(const Ref &) = delete;
    Ref &operator=(const Ref &) = delete;
    ~Ref() { Py_XDECREF(object_); }
    PyObject *get() const { return object_; }

private:
    PyObject *object_;
};

// Takes the result of an API call; throws what was raised.
Ref
checked(PyObject *object)
{
    if (object != nullptr) {
        return Ref(object);
    }
    Ref raised(PyErr_GetRaisedException());
    Ref text(raised.get() ? PyObject_Str(raised.get()) : nullptr);
    const char *message = text.get() ? PyUnicode_AsUTF8(text.get()) : nullptr;
    std::string what = raised.get() ? std::string(Py_TYPE(raised.get())->tp_name) + ": " : std::string();
    throw std::runtime_error(what + (message ? message : "?"));
}

// The interpreter, for as long as this lives.
class Interpreter {
public:
    Interpreter()
    {
        PyConfig config;
        PyConfig_InitIsolatedConfig(&config);
        PyStatus status = Py_InitializeFromConfig(&config);
        PyConfig_Clear(&config);
        if (PyStatus_Exception(status)) {
            throw std::runtime_error(status.err_msg ? status.err_msg : "the interpreter did not start");
        }
    }
    ~Interpreter() { Py_FinalizeEx(); }
    Interpreter(const Interpreter &) = delete;
    Interpreter &operator=(const Interpreter &) = delete;
};

std::vector<double>
statistics(const std::vector<double> &numbers)
{
    Ref list = checked(PyList_New(static_cast<Py_ssize_t>(numbers.size())));
    for (size_t i = 0; i < numbers.size(); i++) {
        PyList_SET_ITEM(list.get(), static_cast<Py_ssize_t>(i), PyFloat_FromDouble(numbers[i]));
    }
    Ref module = checked(PyImport_ImportModule("math"));
    Ref sum = checked(PyObject_CallMethod(module.get(), "fsum", "O", list.get()));
    Ref root = checked(PyObject_CallMethod(module.get(), "sqrt", "O", sum.get()));
    return {PyFloat_AsDouble(sum.get()), PyFloat_AsDouble(root.get())};
}

} // namespace

int
main()
{
    try {
        Interpreter interpreter;
        Ref globals = checked(PyDict_New());
        checked(PyRun_String("answer = sum(range(10)) - 3", Py_file_input, globals.get(), globals.get()));
        PyObject *answer = PyDict_GetItemString(globals.get(), "answer"); // borrowed
        std::printf("answer = %ld\n", PyLong_AsLong(answer));
        std::vector<double> found = statistics({0.1, 0.2, 0.3, 15.4});
        std::printf("sum = %g, root = %g\n", found[0], found[1]);
        try {
            checked(PyRun_String("1 / 0", Py_eval_input, globals.get(), globals.get()));
        }
        catch (const std::runtime_error &error) {
            std::printf("caught %s\n", error.what());
        }
    }
    catch (const std::exception &error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    std::printf("finalised: %d\n", !Py_IsInitialized());
    return 0;
}
