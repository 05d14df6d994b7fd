// A module made with pybind11: functions, a class with a Python subclass, STL conversions, exceptions, a buffer.
#include <pybind11/functional.h>
#include <pybind11/native_enum.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <numeric>

namespace py = pybind11;

struct Animal {
    explicit Animal(std::string name) : name(std::move(name)) {}
    virtual ~Animal() = default;
    virtual std::string sound(int times) { return name + std::to_string(times); }
    std::string name;
};

struct PyAnimal : Animal {
    using Animal::Animal;
    std::string sound(int times) override { PYBIND11_OVERRIDE(std::string, Animal, sound, times); }
};

struct Own : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct Grid {
    std::vector<double> cells = std::vector<double>(6);
};

enum class Colour { red = 1, green };

PYBIND11_MODULE(bt_pybind11, m, py::mod_gil_not_used())
{
    m.doc() = "made with pybind11";
    m.def("total", [](const std::vector<long> &v) { return std::accumulate(v.begin(), v.end(), 0L); }, py::arg("values"));
    m.def("invert", [](const std::map<std::string, int> &d) {
        std::map<int, std::string> out;
        for (const auto &[k, v] : d) {
            out[v] = k;
        }
        return out;
    });
    m.def("apply", [](const std::function<int(int)> &f, int n) {
        std::vector<int> out;
        for (int i = 0; i < n; i++) {
            out.push_back(f(i));
        }
        return out;
    });
    m.def("detached", [] { py::gil_scoped_release no; return 5; });
    m.def("fail", [](int kind) {
        if (kind == 0) {
            throw Own("own error");
        }
        if (kind == 1) {
            throw std::out_of_range("range");
        }
        throw py::value_error("value");
    });
    py::register_exception<Own>(m, "OwnError", PyExc_RuntimeError);
    py::class_<Animal, PyAnimal>(m, "Animal", py::dynamic_attr())
        .def(py::init<std::string>())
        .def("sound", &Animal::sound, py::arg("times") = 1)
        .def_readwrite("name", &Animal::name)
        .def("__repr__", [](const Animal &a) { return "<Animal " + a.name + ">"; })
        .def(py::pickle([](const Animal &a) { return py::make_tuple(a.name); }, [](py::tuple t) { return Animal(t[0].cast<std::string>()); }));
    m.def("listen", [](Animal &a) { return a.sound(3); });
    py::native_enum<Colour>(m, "Colour", "enum.Enum").value("red", Colour::red).value("green", Colour::green).finalize();
    py::class_<Grid>(m, "Grid", py::buffer_protocol()).def(py::init<>()).def_buffer([](Grid &g) {
        return py::buffer_info(g.cells.data(), sizeof(double), py::format_descriptor<double>::format(), 2, {2, 3}, {3 * sizeof(double), sizeof(double)});
    });
}
