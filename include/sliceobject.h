/* slice, and Ellipsis.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_SLICEOBJECT_H
#define Py_SLICEOBJECT_H

#ifdef __cplusplus
extern "C" {
#endif

typedef struct PySliceObject PySliceObject;

struct PySliceObject {
    PyObject ob_base;
    PyObject *start;
    PyObject *stop;
    PyObject *step;
};

PyAPI_DATA(PyTypeObject) PyEllipsis_Type;
PyAPI_DATA(PyTypeObject) PySlice_Type;
PyAPI_DATA(PyObject) _Py_EllipsisObject;

PyAPI_FUNC(Py_ssize_t) PySlice_AdjustIndices(Py_ssize_t length, Py_ssize_t *start, Py_ssize_t *stop,
    Py_ssize_t step);
PyAPI_FUNC(int) PySlice_GetIndices(PyObject *r, Py_ssize_t length, Py_ssize_t *start, Py_ssize_t *stop,
    Py_ssize_t *step);
PyAPI_FUNC(int) PySlice_GetIndicesEx(PyObject *r, Py_ssize_t length, Py_ssize_t *start, Py_ssize_t *stop,
    Py_ssize_t *step, Py_ssize_t *slicelength);
PyAPI_FUNC(PyObject *) PySlice_New(PyObject *start, PyObject *stop, PyObject *step);
PyAPI_FUNC(int) PySlice_Unpack(PyObject *slice, Py_ssize_t *start, Py_ssize_t *stop, Py_ssize_t *step);
PyAPI_FUNC(PyObject *) _PySlice_FromIndices(Py_ssize_t start, Py_ssize_t stop);
PyAPI_FUNC(int) _PySlice_GetLongIndices(PySliceObject *self, PyObject *length, PyObject **start_ptr,
    PyObject **stop_ptr, PyObject **step_ptr);

#define Py_Ellipsis (&_Py_EllipsisObject)
#define PySlice_Check(op) Py_IS_TYPE((op), &PySlice_Type)
/* Unpack, then adjust to a length: the length may change in between, as __index__ methods run. */
#define PySlice_GetIndicesEx(slice, length, start, stop, step, slicelen) \
    (PySlice_Unpack((slice), (start), (stop), (step)) < 0 \
         ? ((*(slicelen) = 0), -1) \
         : ((*(slicelen) = PySlice_AdjustIndices((length), (start), (stop), *(step))), 0))

#ifdef __cplusplus
}
#endif

#endif /* Py_SLICEOBJECT_H */
