//! `_ctypes`: C data types and calls of C functions. Under way (the lead writes it): not yet in the inittab.
