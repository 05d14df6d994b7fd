/* Frames: old entry points.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_FRAMEOBJECT_H
#define Py_FRAMEOBJECT_H

#include "pyframe.h"

#include "cpython/frameobject.h"

#endif /* Py_FRAMEOBJECT_H */
