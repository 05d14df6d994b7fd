/* kernel: numerics that run in parallel.

   Between Py_BEGIN_ALLOW_THREADS and Py_END_ALLOW_THREADS a thread has no attached thread state: it
   may not touch objects, and nobody waits for it, neither the collector's pauses nor the GIL when some
   other extension has turned it on. So take what is needed out of the objects first (here through the
   buffer protocol, which also keeps the memory in place), then compute. */
#include <Python.h>

/* The escape time of one point of the Mandelbrot set. */
static int
escape_time(double x, double y, int limit)
{
    double a = 0.0, b = 0.0;
    int n = 0;
    while (n < limit && a * a + b * b <= 4.0) {
        double next = a * a - b * b + x;
        b = 2.0 * a * b + y;
        a = next;
        n++;
    }
    return n;
}

PyDoc_STRVAR(mandelbrot_doc,
"mandelbrot(out, width, first_row, rows, height, limit=256, /)\n--\n\n"
"Fill `out`, a writable buffer of C ints, with rows of the set.\n\n"
"Calls on different buffers run at the same time in different threads.");

static PyObject *
mandelbrot(PyObject *Py_UNUSED(module), PyObject *args)
{
    Py_buffer out;
    int width, first_row, rows, height, limit = 256;
    if (!PyArg_ParseTuple(args, "w*iiii|i:mandelbrot", &out, &width, &first_row, &rows, &height, &limit)) {
        return NULL;
    }
    if (width < 1 || rows < 0 || height < 1 || out.len / (Py_ssize_t)sizeof(int) / width < rows) {
        PyBuffer_Release(&out);
        PyErr_SetString(PyExc_ValueError, "the buffer is too small");
        return NULL;
    }
    int *cells = out.buf;
    Py_BEGIN_ALLOW_THREADS
    for (int r = 0; r < rows; r++) {
        double y = -1.25 + 2.5 * (first_row + r) / height;
        for (int c = 0; c < width; c++) {
            cells[(Py_ssize_t)r * width + c] = escape_time(-2.0 + 2.5 * c / width, y, limit);
        }
    }
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&out);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(dot_doc,
"dot(a, b, /)\n--\n\n"
"The scalar product of two buffers of doubles.");

static PyObject *
dot(PyObject *Py_UNUSED(module), PyObject *args)
{
    Py_buffer a, b;
    if (!PyArg_ParseTuple(args, "y*y*:dot", &a, &b)) {
        return NULL;
    }
    PyObject *result = NULL;
    if (a.len != b.len) {
        PyErr_Format(PyExc_ValueError, "different lengths: %zd and %zd bytes", a.len, b.len);
    }
    else {
        const double *x = a.buf, *y = b.buf;
        Py_ssize_t n = a.len / (Py_ssize_t)sizeof(double);
        double sum = 0.0;
        Py_BEGIN_ALLOW_THREADS
        for (Py_ssize_t i = 0; i < n; i++) {
            sum += x[i] * y[i];
        }
        Py_END_ALLOW_THREADS
        result = PyFloat_FromDouble(sum);
    }
    PyBuffer_Release(&a);
    PyBuffer_Release(&b);
    return result;
}

static PyMethodDef methods[] = {
    {"mandelbrot", mandelbrot, METH_VARARGS, mandelbrot_doc},
    {"dot", dot, METH_VARARGS, dot_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
    {0, NULL},
};

static PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "kernel",
    .m_doc = PyDoc_STR("Numeric kernels that use every core."),
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit_kernel(void)
{
    return PyModuleDef_Init(&definition);
}
