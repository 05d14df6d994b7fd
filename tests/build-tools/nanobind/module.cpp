// A module made with nanobind: functions, a class, STL conversions, exceptions, an array.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;
using namespace nb::literals;

struct Counter {
    long n = 0;
    std::string label;
};

NB_MODULE(bt_nanobind, m)
{
    m.def("total", [](const std::vector<long> &v) {
        long sum = 0;
        for (long x : v) {
            sum += x;
        }
        return sum;
    }, "values"_a, "Adds up.");
    m.def("fail", [](const std::string &text) { throw nb::value_error(text.c_str()); });
    m.def("call", [](nb::callable f, nb::args args, nb::kwargs named) { return f(*args, **named); });
    m.def("sum2d", [](nb::ndarray<double, nb::ndim<2>, nb::c_contig, nb::device::cpu> a) {
        double sum = 0;
        for (size_t i = 0; i < a.shape(0) * a.shape(1); i++) {
            sum += a.data()[i];
        }
        return sum;
    });
    nb::class_<Counter>(m, "Counter", nb::dynamic_attr(), nb::is_weak_referenceable())
        .def(nb::init<>())
        .def("add", [](Counter &c, long k) { c.n += k; return c.n; }, nb::lock_self(), "k"_a = 1)
        .def_ro("n", &Counter::n)
        .def_prop_rw("label", [](const Counter &c) { return c.label; }, [](Counter &c, const std::string &s) { c.label = s; });
}
