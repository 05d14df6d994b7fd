/* Start symbols for compiling source.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_COMPILE_H
#define Py_COMPILE_H

#define Py_eval_input 258
#define Py_file_input 257
#define Py_func_type_input 345
#define Py_single_input 256

#include "cpython/compile.h"

#endif /* Py_COMPILE_H */
