/* Struct sequences: tuples with named fields.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_STRUCTSEQ_H
#define Py_STRUCTSEQ_H

#ifdef __cplusplus
extern "C" {
#endif

typedef struct PyStructSequence_Desc PyStructSequence_Desc;
typedef struct PyStructSequence_Field PyStructSequence_Field;
typedef PyTupleObject PyStructSequence;

struct PyStructSequence_Desc {
    const char *name;
    const char *doc;
    PyStructSequence_Field *fields;
    int n_in_sequence;
};

struct PyStructSequence_Field {
    const char *name;
    const char *doc;
};

PyAPI_DATA(const char *const) PyStructSequence_UnnamedField;

PyAPI_FUNC(PyObject *) PyStructSequence_GetItem(PyObject *, Py_ssize_t);
PyAPI_FUNC(void) PyStructSequence_InitType(PyTypeObject *type, PyStructSequence_Desc *desc);
PyAPI_FUNC(int) PyStructSequence_InitType2(PyTypeObject *type, PyStructSequence_Desc *desc);
PyAPI_FUNC(PyObject *) PyStructSequence_New(PyTypeObject *type);
PyAPI_FUNC(PyTypeObject *) PyStructSequence_NewType(PyStructSequence_Desc *desc);
PyAPI_FUNC(void) PyStructSequence_SetItem(PyObject *, Py_ssize_t, PyObject *);

#define PyStructSequence_SET_ITEM PyStructSequence_SetItem
#define PyStructSequence_GET_ITEM PyStructSequence_GetItem

#ifdef __cplusplus
}
#endif

#endif /* Py_STRUCTSEQ_H */
