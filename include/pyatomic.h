/* Atomic operations (private; compiled extensions carry them inlined).
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_ATOMIC_H
#define Py_ATOMIC_H

#include "cpython/pyatomic.h"

#endif /* Py_ATOMIC_H */
