/* Which hash algorithm strings and bytes use.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_HASH_H
#define Py_HASH_H

#define Py_HASH_ALGORITHM 3
#define Py_HASH_CUTOFF 0
#define Py_HASH_EXTERNAL 0
#define Py_HASH_FNV 2
#define Py_HASH_SIPHASH13 3
#define Py_HASH_SIPHASH24 1

#include "cpython/pyhash.h"

#endif /* Py_HASH_H */
