/* sys.monitoring for code that is not Python's.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_MONITORING_H
#define Py_MONITORING_H

#include "cpython/monitoring.h"

#endif /* Py_MONITORING_H */
