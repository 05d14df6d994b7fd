/* What compilers and platforms name differently; basic integer types.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_PYPORT_H
#define Py_PYPORT_H

#include "pyconfig.h"
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/types.h>
#include <math.h>
#include "exports.h"

#ifdef __has_builtin
#  define _Py__has_builtin(x) __has_builtin(x)
#else
#  define _Py__has_builtin(x) 0
#endif
#ifdef __has_attribute
#  define _Py__has_attribute(x) __has_attribute(x)
#else
#  define _Py__has_attribute(x) 0
#endif

/* Casts. _Py_STATIC_CAST is checked by a C++ compiler, _Py_CAST is not; _Py_FUNC_CAST goes between
   types of functions, by way of void(*)(void) so that -Wcast-function-type has nothing to say. */
#define _Py_CAST(type, expr) ((type)(expr))
#ifdef __cplusplus
#  define _Py_STATIC_CAST(type, expr) static_cast<type>(expr)
#else
#  define _Py_STATIC_CAST(type, expr) ((type)(expr))
#endif
#define _Py_FUNC_CAST(T, func) _Py_CAST(T, _Py_CAST(void (*)(void), (func)))

#if defined(__cplusplus) && __cplusplus >= 201103L
#  define _Py_NULL nullptr
#else
#  define _Py_NULL NULL
#endif

#if defined(__GNUC__) || defined(__clang__)
#  define _Py_TYPEOF(expr) __typeof__(expr)
#  define Py_GCC_ATTRIBUTE(x) __attribute__(x)
#  define Py_DEPRECATED(VERSION_UNUSED) __attribute__((__deprecated__))
#  define Py_ALWAYS_INLINE __attribute__((always_inline))
#  define Py_NO_INLINE __attribute__((noinline))
#  define _Py_NO_RETURN __attribute__((__noreturn__))
#  define Py_ALIGNED(x) __attribute__((aligned(x)))
#else
#  define Py_GCC_ATTRIBUTE(x)
#  define Py_DEPRECATED(VERSION_UNUSED)
#  define Py_ALWAYS_INLINE
#  define Py_NO_INLINE
#  define _Py_NO_RETURN
#  define Py_ALIGNED(x)
#endif
#define _Py_DEPRECATED_EXTERNALLY(version) Py_DEPRECATED(version)
#define _Py_HOT_FUNCTION

#if defined(__clang__)
#  define _Py_COMP_DIAG_PUSH _Pragma("clang diagnostic push")
#  define _Py_COMP_DIAG_IGNORE_DEPR_DECLS _Pragma("clang diagnostic ignored \"-Wdeprecated-declarations\"")
#  define _Py_COMP_DIAG_POP _Pragma("clang diagnostic pop")
#elif defined(__GNUC__)
#  define _Py_COMP_DIAG_PUSH _Pragma("GCC diagnostic push")
#  define _Py_COMP_DIAG_IGNORE_DEPR_DECLS _Pragma("GCC diagnostic ignored \"-Wdeprecated-declarations\"")
#  define _Py_COMP_DIAG_POP _Pragma("GCC diagnostic pop")
#else
#  define _Py_COMP_DIAG_PUSH
#  define _Py_COMP_DIAG_IGNORE_DEPR_DECLS
#  define _Py_COMP_DIAG_POP
#endif

#if _Py__has_attribute(fallthrough)
#  define _Py_FALLTHROUGH __attribute__((fallthrough))
#else
#  define _Py_FALLTHROUGH do { } while (0)
#endif
#if _Py__has_attribute(nonstring)
#  define _Py_NONSTRING __attribute__((nonstring))
#else
#  define _Py_NONSTRING
#endif

#if _Py__has_attribute(no_sanitize_address)
#  define _Py_NO_SANITIZE_ADDRESS __attribute__((no_sanitize_address))
#else
#  define _Py_NO_SANITIZE_ADDRESS
#endif
#if _Py__has_attribute(no_sanitize_thread)
#  define _Py_NO_SANITIZE_THREAD __attribute__((no_sanitize_thread))
#else
#  define _Py_NO_SANITIZE_THREAD
#endif
#if _Py__has_attribute(no_sanitize_undefined)
#  define _Py_NO_SANITIZE_UNDEFINED __attribute__((no_sanitize_undefined))
#else
#  define _Py_NO_SANITIZE_UNDEFINED
#endif
#if defined(__clang__) && _Py__has_attribute(no_sanitize_memory)
#  define _Py_NO_SANITIZE_MEMORY __attribute__((no_sanitize_memory))
#else
#  define _Py_NO_SANITIZE_MEMORY
#endif
#define _Py_MSAN_UNPOISON(ptr, size) ((void)(ptr), (void)(size))
#define _Py_MSAN_UNPOISON_STRING(ptr) ((void)(ptr))

#define Py_LOCAL(type) static type
#define Py_LOCAL_INLINE(type) static inline type

#define PY_LONG_LONG long long
#define PY_UINT32_T uint32_t
#define PY_UINT64_T uint64_t
#define PY_INT32_T int32_t
#define PY_INT64_T int64_t
#define PY_FORMAT_SIZE_T "z"
#define Py_LL(x) x##LL
#define Py_ULL(x) Py_LL(x##U)
#define Py_MEMCPY memcpy
#define Py_VA_COPY va_copy
#ifdef __cplusplus
#  define PY_CXX_CONST const
#else
#  define PY_CXX_CONST
#endif

/* The right shift of a negative number keeps its sign on every compiler that can build this. */
#define Py_ARITHMETIC_RIGHT_SHIFT(TYPE, I, J) ((I) >> (J))
#define Py_FORCE_EXPANSION(X) X
/* A narrowing cast, checked in debug builds. */
#ifdef Py_DEBUG
#  define Py_SAFE_DOWNCAST(VALUE, WIDE, NARROW) \
       (assert(_Py_STATIC_CAST(WIDE, _Py_STATIC_CAST(NARROW, (VALUE))) == (VALUE)), _Py_STATIC_CAST(NARROW, (VALUE)))
#else
#  define Py_SAFE_DOWNCAST(VALUE, WIDE, NARROW) _Py_STATIC_CAST(NARROW, (VALUE))
#endif

#define HAVE_LONG_LONG 1
#define PYLONG_BITS_IN_DIGIT 30
#define PY_BIG_ENDIAN 0
#define PY_DWORD_MAX 4294967295U
#define PY_LITTLE_ENDIAN 1
#define PY_LLONG_MAX LLONG_MAX
#define PY_LLONG_MIN LLONG_MIN
#define PY_SIZE_MAX SIZE_MAX
#define PY_SSIZE_T_MAX ((Py_ssize_t)(((size_t)-1) >> 1))
#define PY_SSIZE_T_MIN (-PY_SSIZE_T_MAX - 1)
#define PY_ULLONG_MAX ULLONG_MAX
#define Py_CAN_START_THREADS 1
#define SIZEOF_PY_HASH_T 8
#define SIZEOF_PY_UHASH_T 8

#ifdef __cplusplus
extern "C" {
#endif

typedef ssize_t Py_ssize_t;
typedef Py_ssize_t Py_hash_t;
typedef intptr_t Py_intptr_t;
typedef Py_ssize_t Py_ssize_clean_t;
typedef size_t Py_uhash_t;
typedef uintptr_t Py_uintptr_t;

#ifdef __cplusplus
}
#endif

#endif /* Py_PYPORT_H */
