from cffi import FFI

ffi = FFI()
ffi.cdef("""
    typedef struct { int words, letters; } counted;
    counted count(const char *);
    int each(const char *, int (*)(char, void *), void *);
    extern "Python" int on_letter(char, void *);
    static const int LIMIT;
""")
ffi.set_source("bt_cffi", """
    #define LIMIT 99
    typedef struct { int words, letters; } counted;
    static counted count(const char *s) {
        counted c = {0, 0};
        for (const char *p = s; *p; p++) {
            c.letters += *p != ' ';
            c.words += *p != ' ' && (p == s || p[-1] == ' ');
        }
        return c;
    }
    static int each(const char *s, int (*f)(char, void *), void *data) {
        int sum = 0;
        while (*s) sum += f(*s++, data);
        return sum;
    }
""")
