/* Floating point exception guards of old: they do nothing.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_PYFPE_H
#define Py_PYFPE_H

#ifdef __cplusplus
extern "C" {
#endif

#define PyFPE_START_PROTECT(err_string, leave_stmt)
#define PyFPE_END_PROTECT(v)

#ifdef __cplusplus
}
#endif

#endif /* Py_PYFPE_H */
