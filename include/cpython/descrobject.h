/* The layouts of descriptors.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_CPYTHON_DESCROBJECT_H
#define Py_CPYTHON_DESCROBJECT_H

#define PyDescr_COMMON PyDescrObject d_common
#define PyDescr_TYPE(x) (((PyDescrObject *)(x))->d_type)
#define PyDescr_NAME(x) (((PyDescrObject *)(x))->d_name)

#define PyWrapperFlag_KEYWORDS 1

#ifdef __cplusplus
extern "C" {
#endif

typedef struct PyDescrObject PyDescrObject;
typedef struct PyGetSetDescrObject PyGetSetDescrObject;
typedef struct PyMemberDescrObject PyMemberDescrObject;
typedef struct PyMethodDescrObject PyMethodDescrObject;
typedef struct PyWrapperDescrObject PyWrapperDescrObject;
typedef PyObject *(*wrapperfunc)(PyObject *, PyObject *, void *);
typedef PyObject *(*wrapperfunc_kwds)(PyObject *, PyObject *, void *, PyObject *);

struct PyDescrObject {
    PyObject ob_base;
    PyTypeObject *d_type;
    PyObject *d_name;
    PyObject *d_qualname;
};

struct PyGetSetDescrObject {
    PyDescrObject d_common;
    PyGetSetDef *d_getset;
};

struct PyMemberDescrObject {
    PyDescrObject d_common;
    PyMemberDef *d_member;
};

struct PyMethodDescrObject {
    PyDescrObject d_common;
    PyMethodDef *d_method;
    vectorcallfunc vectorcall;
};

struct PyWrapperDescrObject {
    PyDescrObject d_common;
    struct wrapperbase *d_base;
    void *d_wrapped;
};

struct wrapperbase {
    const char *name;
    int offset;
    void *function;
    wrapperfunc wrapper;
    const char *doc;
    int flags;
    PyObject *name_strobj;
};

PyAPI_FUNC(int) PyDescr_IsData(PyObject *);
PyAPI_FUNC(PyObject *) PyDescr_NewWrapper(PyTypeObject *, struct wrapperbase *, void *);

#ifdef __cplusplus
}
#endif

#endif /* Py_CPYTHON_DESCROBJECT_H */
