/* grid: a heap type with the buffer protocol.

   grid.Grid(rows, columns) is a matrix of doubles. memoryview(g) is a two-dimensional view of its
   memory, which cannot be resized while a view is out. Indexing is by a pair. The type is made from a
   PyType_Spec, belongs to its module, can be subclassed, and takes part in garbage collection. */
#include <Python.h>

typedef struct {
    PyObject_HEAD
    Py_ssize_t rows, columns;
    Py_ssize_t shape[2], strides[2];
    double *cells;
    Py_ssize_t views; /* buffers that are out */
} Grid;

static PyObject *
grid_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"rows", "columns", "fill", NULL};
    Py_ssize_t rows, columns;
    double fill = 0.0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "nn|d:Grid", names, &rows, &columns, &fill)) {
        return NULL;
    }
    if (rows < 1 || columns < 1 || rows > PY_SSIZE_T_MAX / (Py_ssize_t)sizeof(double) / columns) {
        PyErr_SetString(PyExc_ValueError, "rows and columns must be positive, and their product not too big");
        return NULL;
    }
    Grid *self = (Grid *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->cells = PyMem_New(double, rows * columns);
    if (self->cells == NULL) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    self->rows = rows;
    self->columns = columns;
    self->shape[0] = rows;
    self->shape[1] = columns;
    self->strides[0] = columns * (Py_ssize_t)sizeof(double);
    self->strides[1] = sizeof(double);
    for (Py_ssize_t i = 0; i < rows * columns; i++) {
        self->cells[i] = fill;
    }
    return (PyObject *)self;
}

static int
grid_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static void
grid_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    PyMem_Free(((Grid *)self)->cells);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *
grid_repr(PyObject *op)
{
    Grid *self = (Grid *)op;
    return PyUnicode_FromFormat("%T(%zd, %zd)", op, self->rows, self->columns);
}

static Py_ssize_t
grid_length(PyObject *op)
{
    return ((Grid *)op)->rows;
}

/* The cell that `key`, a pair of indices, names; NULL with an exception. */
static double *
cell_at(Grid *self, PyObject *key)
{
    Py_ssize_t row, column;
    if (!PyTuple_Check(key)) {
        PyErr_Format(PyExc_TypeError, "grid indices must be pairs of integers, not %T", key);
        return NULL;
    }
    if (!PyArg_ParseTuple(key, "nn;grid indices must be pairs of integers", &row, &column)) {
        return NULL;
    }
    if (row < 0) {
        row += self->rows;
    }
    if (column < 0) {
        column += self->columns;
    }
    if (row < 0 || row >= self->rows || column < 0 || column >= self->columns) {
        PyErr_SetString(PyExc_IndexError, "grid index out of range");
        return NULL;
    }
    return &self->cells[row * self->columns + column];
}

static PyObject *
grid_subscript(PyObject *op, PyObject *key)
{
    double *cell = cell_at((Grid *)op, key);
    return cell ? PyFloat_FromDouble(*cell) : NULL;
}

static int
grid_assign(PyObject *op, PyObject *key, PyObject *value)
{
    double *cell = cell_at((Grid *)op, key);
    if (cell == NULL) {
        return -1;
    }
    if (value == NULL) {
        PyErr_SetString(PyExc_TypeError, "grid cells cannot be deleted");
        return -1;
    }
    double number = PyFloat_AsDouble(value);
    if (number == -1.0 && PyErr_Occurred()) {
        return -1;
    }
    *cell = number;
    return 0;
}

static int
grid_getbuffer(PyObject *op, Py_buffer *view, int flags)
{
    Grid *self = (Grid *)op;
    view->buf = self->cells;
    view->obj = Py_NewRef(op);
    view->len = self->rows * self->columns * (Py_ssize_t)sizeof(double);
    view->itemsize = sizeof(double);
    view->readonly = 0;
    view->ndim = 2;
    view->format = (flags & PyBUF_FORMAT) ? "d" : NULL;
    view->shape = (flags & PyBUF_ND) ? self->shape : NULL;
    view->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? self->strides : NULL;
    view->suboffsets = NULL;
    view->internal = NULL;
    Py_BEGIN_CRITICAL_SECTION(op);
    self->views++;
    Py_END_CRITICAL_SECTION();
    return 0;
}

static void
grid_releasebuffer(PyObject *op, Py_buffer *Py_UNUSED(view))
{
    Py_BEGIN_CRITICAL_SECTION(op);
    ((Grid *)op)->views--;
    Py_END_CRITICAL_SECTION();
}

static PyObject *
grid_sum(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    Grid *self = (Grid *)op;
    double sum = 0.0;
    for (Py_ssize_t i = 0; i < self->rows * self->columns; i++) {
        sum += self->cells[i];
    }
    return PyFloat_FromDouble(sum);
}

static PyMethodDef grid_methods[] = {
    {"sum", grid_sum, METH_NOARGS, PyDoc_STR("sum($self, /)\n--\n\nThe sum of all cells.")},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef grid_members[] = {
    {"rows", Py_T_PYSSIZET, offsetof(Grid, rows), Py_READONLY, PyDoc_STR("number of rows")},
    {"columns", Py_T_PYSSIZET, offsetof(Grid, columns), Py_READONLY, PyDoc_STR("number of columns")},
    {NULL, 0, 0, 0, NULL},
};

static PyObject *
grid_get_views(PyObject *op, void *Py_UNUSED(closure))
{
    return PyLong_FromSsize_t(((Grid *)op)->views);
}

static PyGetSetDef grid_getset[] = {
    {"views", grid_get_views, NULL, PyDoc_STR("number of views on the memory"), NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot grid_slots[] = {
    {Py_tp_doc, (void *)PyDoc_STR("Grid(rows, columns, fill=0.0)\n--\n\nA matrix of doubles.")},
    {Py_tp_new, _Py_FUNC_CAST(void *, grid_new)},
    {Py_tp_dealloc, _Py_FUNC_CAST(void *, grid_dealloc)},
    {Py_tp_traverse, _Py_FUNC_CAST(void *, grid_traverse)},
    {Py_tp_repr, _Py_FUNC_CAST(void *, grid_repr)},
    {Py_tp_methods, grid_methods},
    {Py_tp_members, grid_members},
    {Py_tp_getset, grid_getset},
    {Py_mp_length, _Py_FUNC_CAST(void *, grid_length)},
    {Py_mp_subscript, _Py_FUNC_CAST(void *, grid_subscript)},
    {Py_mp_ass_subscript, _Py_FUNC_CAST(void *, grid_assign)},
    {Py_bf_getbuffer, _Py_FUNC_CAST(void *, grid_getbuffer)},
    {Py_bf_releasebuffer, _Py_FUNC_CAST(void *, grid_releasebuffer)},
    {0, NULL},
};

static PyType_Spec grid_spec = {
    .name = "grid.Grid",
    .basicsize = sizeof(Grid),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = grid_slots,
};

static int
exec_module(PyObject *module)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &grid_spec, NULL);
    if (type == NULL) {
        return -1;
    }
    int done = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    return done;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, _Py_FUNC_CAST(void *, exec_module)},
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
    {0, NULL},
};

static PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "grid",
    .m_doc = PyDoc_STR("Matrices that lend their memory."),
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit_grid(void)
{
    return PyModuleDef_Init(&definition);
}
