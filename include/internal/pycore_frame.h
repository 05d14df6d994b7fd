/* internal/pycore_frame.h: what the C sources that Cython generates ask for: the fields of a frame object that they write.
   Nothing else of CPython's internal header is offered; the frame behind `f_frame` has a layout of our own. */
#ifndef Py_INTERNAL_FRAME_H
#define Py_INTERNAL_FRAME_H

#include <Python.h>
#include <frameobject.h>

#ifdef __cplusplus
extern "C" {
#endif

struct _PyInterpreterFrame;

/* PyFrameObject. A line number other than 0 is what tracebacks and f_lineno give. */
struct _frame {
    PyObject ob_base;
    PyFrameObject *f_back;
    struct _PyInterpreterFrame *f_frame;
    PyObject *f_trace;
    int f_lineno;
    char f_trace_lines;
    char f_trace_opcodes;
};

#ifdef __cplusplus
}
#endif

#endif /* Py_INTERNAL_FRAME_H */
