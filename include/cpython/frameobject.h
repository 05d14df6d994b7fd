/* Making frames by hand, and their locals of old.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_CPYTHON_FRAMEOBJECT_H
#define Py_CPYTHON_FRAMEOBJECT_H

#ifdef __cplusplus
extern "C" {
#endif

typedef struct PyFrameLocalsProxyObject PyFrameLocalsProxyObject;

struct PyFrameLocalsProxyObject {
    PyObject ob_base;
    PyFrameObject *frame;
};

PyAPI_FUNC(void) PyFrame_FastToLocals(PyFrameObject *);
PyAPI_FUNC(int) PyFrame_FastToLocalsWithError(PyFrameObject *f);
PyAPI_FUNC(void) PyFrame_LocalsToFast(PyFrameObject *, int);
PyAPI_FUNC(PyFrameObject *) PyFrame_New(PyThreadState *, PyCodeObject *, PyObject *, PyObject *);
PyAPI_FUNC(int) _PyFrame_IsEntryFrame(PyFrameObject *frame);

#ifdef __cplusplus
}
#endif

#endif /* Py_CPYTHON_FRAMEOBJECT_H */
