//! The native modules of the standard library, one file (or folder) per module.

pub mod _abc;
pub mod _ast;
pub mod _asyncio;
pub mod _bisect;
pub mod _blake2;
pub mod _bz2;
pub mod _codecs;
pub mod _collections;
pub mod _contextvars;
pub mod _csv;
pub mod _ctypes;
pub mod _datetime;
pub mod _decimal;
pub mod _functools;
pub mod _hashlib;
pub mod _heapq;
pub mod _imp;
pub mod _interpqueues;
pub mod _interpreters;
pub mod _io;
pub mod _json;
pub mod _locale;
pub mod _lsprof;
pub mod _lzma;
pub mod _md5;
pub mod _monitoring;
pub mod _multibytecodec;
pub mod _multiprocessing;
pub mod _opcode;
pub mod _operator;
pub mod _pickle;
pub mod _posixshmem;
pub mod _posixsubprocess;
pub mod _queue;
pub mod _random;
pub mod _remote_debugging;
pub mod _sha1;
pub mod _sha2;
pub mod _sha3;
pub mod _signal;
pub mod _socket;
pub mod _sqlite3;
pub mod _sre;
pub mod _ssl;
pub mod _statistics;
pub mod _string;
pub mod _struct;
pub mod _suggestions;
pub mod _symtable;
pub mod _sysconfig;
pub mod _thread;
pub mod _tokenize;
pub mod _tracemalloc;
pub mod _types;
pub mod _typing;
pub mod _uuid;
pub mod _warnings;
pub mod _weakref;
pub mod _zstd;
pub mod array;
pub mod atexit;
pub mod binascii;
pub mod builtins;
pub mod cmath;
pub mod compressor;
pub mod errno;
pub mod faulthandler;
pub mod fcntl;
pub mod freewheel;
pub mod gc;
pub mod grp;
pub mod hashes;
pub mod itertools;
pub mod kept;
pub mod marshal;
pub mod math;
pub mod mmap;
pub mod posix;
pub mod pwd;
pub mod pyexpat;
pub mod pytime;
pub mod resource;
pub mod select;
pub mod sys;
pub mod syslog;
pub mod termios;
pub mod time;
pub mod unicodedata;
pub mod xidata;
pub mod zlib;

pub use _multibytecodec::{_codecs_cn, _codecs_hk, _codecs_iso2022, _codecs_jp, _codecs_kr, _codecs_tw};

use runtime::convert::InitTabEntry;

macro_rules! inittab {
    ($($name:ident)*) => { &[$($name::$name::INIT),*] };
}

/// The built-in modules (`sys.builtin_module_names`), one a line, sorted by name.
#[rustfmt::skip]
pub static INITTAB: &[InitTabEntry] = inittab! {
    _abc
    _ast
    _asyncio
    _bisect
    _blake2
    _bz2
    _codecs
    _codecs_cn
    _codecs_hk
    _codecs_iso2022
    _codecs_jp
    _codecs_kr
    _codecs_tw
    _collections
    _contextvars
    _csv
    _ctypes
    _datetime
    _decimal
    _functools
    _hashlib
    _heapq
    _imp
    _interpqueues
    _interpreters
    _io
    _json
    _locale
    _lsprof
    _lzma
    _md5
    _multibytecodec
    _multiprocessing
    _opcode
    _operator
    _pickle
    _posixshmem
    _posixsubprocess
    _queue
    _random
    _remote_debugging
    _sha1
    _sha2
    _sha3
    _signal
    _socket
    _sqlite3
    _sre
    _ssl
    _statistics
    _string
    _struct
    _suggestions
    _symtable
    _sysconfig
    _thread
    _tokenize
    _tracemalloc
    _types
    _typing
    _uuid
    _warnings
    _weakref
    _zstd
    array
    atexit
    binascii
    builtins
    cmath
    errno
    faulthandler
    fcntl
    freewheel
    gc
    grp
    itertools
    marshal
    math
    mmap
    posix
    pwd
    pyexpat
    resource
    select
    sys
    syslog
    termios
    time
    unicodedata
    zlib
};
