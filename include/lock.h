/* PyMutex: a lock of one byte.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_LOCK_H
#define Py_LOCK_H

#include "cpython/lock.h"

#endif /* Py_LOCK_H */
