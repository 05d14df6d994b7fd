/* Small macros that know nothing of objects.
   Written by include/gen/generate.py: change the parts there, not this file. */

#ifndef Py_PYMACRO_H
#define Py_PYMACRO_H

#ifdef __cplusplus
extern "C" {
#endif

PyAPI_FUNC(uint32_t) Py_PACK_FULL_VERSION(int x, int y, int z, int level, int serial);
PyAPI_FUNC(uint32_t) Py_PACK_VERSION(int x, int y);

/* For comparisons in #if: the value that PY_VERSION_HEX has in that version. */
#define Py_PACK_FULL_VERSION _Py_PACK_FULL_VERSION
#define Py_PACK_VERSION(X, Y) Py_PACK_FULL_VERSION(X, Y, 0, 0, 0)

#define Py_MIN(x, y) (((x) > (y)) ? (y) : (x))
#define Py_MAX(x, y) (((x) > (y)) ? (x) : (y))
#define Py_ABS(x) ((x) < 0 ? -(x) : (x))
#define _Py_ABS_CAST(T, x) ((x) >= 0 ? ((T)(x)) : ((T)-(T)(x)))

#define _Py_XSTRINGIFY(x) #x
#define Py_STRINGIFY(x) _Py_XSTRINGIFY(x)

#define Py_MEMBER_SIZE(type, member) sizeof(((type *)0)->member)
#define Py_CHARMASK(c) ((unsigned char)((c) & 0xff))

#if defined(__cplusplus)
#  define Py_BUILD_ASSERT(cond) static_assert((cond), #cond)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#  define Py_BUILD_ASSERT(cond) _Static_assert((cond), #cond)
#else
#  define Py_BUILD_ASSERT(cond) ((void)sizeof(char[1 - 2 * !(cond)]))
#endif
/* As an expression: 0, or a compile error. */
#define Py_BUILD_ASSERT_EXPR(cond) (sizeof(char[1 - 2 * !(cond)]) - 1)

#if defined(__GNUC__) && !defined(__cplusplus)
/* A pointer instead of an array does not compile. */
#  define Py_ARRAY_LENGTH(array) \
       (sizeof(array) / sizeof((array)[0]) \
        + Py_BUILD_ASSERT_EXPR(!__builtin_types_compatible_p(__typeof__(array), __typeof__(&(array)[0]))))
#else
#  define Py_ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#endif

#define PyDoc_VAR(name) static const char name[]
#define PyDoc_STRVAR(name, str) PyDoc_VAR(name) = PyDoc_STR(str)
#ifdef WITH_DOC_STRINGS
#  define PyDoc_STR(str) str
#else
#  define PyDoc_STR(str) ""
#endif

/* Rounding to multiples of `a`, a power of two: sizes, and pointers. */
#define _Py_SIZE_ROUND_DOWN(n, a) ((size_t)(n) & ~(size_t)((a) - 1))
#define _Py_SIZE_ROUND_UP(n, a) (((size_t)(n) + (size_t)((a) - 1)) & ~(size_t)((a) - 1))
#define _Py_ALIGN_DOWN(p, a) ((void *)((uintptr_t)(p) & ~(uintptr_t)((a) - 1)))
#define _Py_ALIGN_UP(p, a) ((void *)(((uintptr_t)(p) + (uintptr_t)((a) - 1)) & ~(uintptr_t)((a) - 1)))
#define _Py_IS_ALIGNED(p, a) (!((uintptr_t)(p) & (uintptr_t)((a) - 1)))
#define _Py_ALIGNED_DEF(N, T) T Py_ALIGNED(N)

#define _Py_RVALUE(EXPR) ((void)0, (EXPR))
#define _Py_IS_TYPE_SIGNED(type) ((type)(-1) <= 0)
#define _Py_CONTAINER_OF(ptr, type, member) \
    ((type *)((char *)(1 ? (ptr) : &((type *)0)->member) - offsetof(type, member)))

/* A parameter that a function has to have and does not read. */
#ifdef __cplusplus
#  define Py_UNUSED(name) _unused_##name __attribute__((unused))
#elif defined(__GNUC__) || defined(__clang__)
#  define Py_UNUSED(name) _unused_##name __attribute__((unused))
#else
#  define Py_UNUSED(name) _unused_##name
#endif

#if defined(Py_DEBUG)
#  define Py_UNREACHABLE() Py_FatalError("code that cannot be reached was reached")
#elif defined(__GNUC__) || defined(__clang__)
#  define Py_UNREACHABLE() __builtin_unreachable()
#else
#  define Py_UNREACHABLE() abort()
#endif

#ifdef __cplusplus
}
#endif

#endif /* Py_PYMACRO_H */
