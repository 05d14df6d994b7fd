/* Critical sections: per-object locks that are let go while the thread blocks, so that they cannot deadlock.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_CRITICAL_SECTION_H
#define Py_CRITICAL_SECTION_H

#include "cpython/critical_section.h"

#endif /* Py_CRITICAL_SECTION_H */
