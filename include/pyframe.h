/* Frames, as far as any client may know them.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_PYFRAME_H
#define Py_PYFRAME_H

#ifdef __cplusplus
extern "C" {
#endif

PyAPI_FUNC(PyCodeObject *) PyFrame_GetCode(PyFrameObject *frame);
PyAPI_FUNC(int) PyFrame_GetLineNumber(PyFrameObject *);

#ifdef __cplusplus
}
#endif

#include "cpython/pyframe.h"

#endif /* Py_PYFRAME_H */
