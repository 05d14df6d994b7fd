/* Cells: variables that closures share.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_CELLOBJECT_H
#define Py_CELLOBJECT_H

#ifdef __cplusplus
extern "C" {
#endif

typedef struct PyCellObject PyCellObject;

struct PyCellObject {
    PyObject ob_base;
    PyObject *ob_ref;
};

PyAPI_DATA(PyTypeObject) PyCell_Type;

PyAPI_FUNC(PyObject *) PyCell_Get(PyObject *);
PyAPI_FUNC(PyObject *) PyCell_New(PyObject *);
PyAPI_FUNC(int) PyCell_Set(PyObject *, PyObject *);

#define PyCell_Check(op) Py_IS_TYPE((op), &PyCell_Type)

/* Borrowed, and stolen: for those who know that nobody else assigns to the cell. */
static inline PyObject *
PyCell_GET(PyObject *op)
{
    PyObject *held;
    assert(PyCell_Check(op));
    Py_BEGIN_CRITICAL_SECTION(op);
    held = ((PyCellObject *)op)->ob_ref;
    Py_END_CRITICAL_SECTION();
    return held;
}
#define PyCell_GET(op) PyCell_GET(_PyObject_CAST(op))

static inline void
PyCell_SET(PyObject *op, PyObject *value)
{
    assert(PyCell_Check(op));
    Py_BEGIN_CRITICAL_SECTION(op);
    ((PyCellObject *)op)->ob_ref = value;
    Py_END_CRITICAL_SECTION();
}
#define PyCell_SET(op, value) PyCell_SET(_PyObject_CAST(op), (value))

#ifdef __cplusplus
}
#endif

#endif /* Py_CELLOBJECT_H */
