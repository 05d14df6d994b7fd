/* Separators and the longest path.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_OSDEFS_H
#define Py_OSDEFS_H

#ifndef MAXPATHLEN
#define MAXPATHLEN 4096
#endif

#define DELIM L':'
#define SEP L'/'

#endif /* Py_OSDEFS_H */
