/* Place for what differs between the architectures of a universal macOS build: nothing on Linux.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef PY_MACCONFIG_H
#define PY_MACCONFIG_H

#endif /* PY_MACCONFIG_H */
