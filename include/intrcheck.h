/* Signals, and what happens around fork.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_INTRCHECK_H
#define Py_INTRCHECK_H

#ifdef __cplusplus
extern "C" {
#endif

PyAPI_FUNC(void) PyOS_AfterFork(void) Py_DEPRECATED(3.7);
PyAPI_FUNC(void) PyOS_AfterFork_Child(void);
PyAPI_FUNC(void) PyOS_AfterFork_Parent(void);
PyAPI_FUNC(void) PyOS_BeforeFork(void);
PyAPI_FUNC(int) PyOS_InterruptOccurred(void);

#ifdef __cplusplus
}
#endif

#endif /* Py_INTRCHECK_H */
