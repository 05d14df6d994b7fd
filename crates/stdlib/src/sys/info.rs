//! The informational attributes of `sys`.

use runtime::convert::IntoPy;
use runtime::lifecycle::{Config, fs_decode};
use runtime::objects::structseq;
use runtime::prelude::*;
use std::os::unix::ffi::OsStrExt;
use std::sync::OnceLock;

/// `sys.version`.
pub fn version() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        format!(
            "{} free-threading build (Freewheel {}) [Rust {}]",
            runtime::PY_VERSION,
            env!("CARGO_PKG_VERSION"),
            env!("CARGO_PKG_RUST_VERSION")
        )
    })
}

fn int(v: i64) -> PyResult<PyRef> {
    v.into_py()
}

/// Adds the struct sequences and namespaces.
pub fn add_structs(m: &Module) -> PyResult<()> {
    let ty = structseq::make_type(
        "sys.version_info",
        "sys.version_info\n\nVersion information as a named tuple.",
        &[
            ("major", "Major release number"),
            ("minor", "Minor release number"),
            ("micro", "Patch release number"),
            ("releaselevel", "'alpha', 'beta', 'candidate', or 'final'"),
            ("serial", "Serial release number"),
        ],
        5,
    )?;
    let vi = structseq::new(&ty, vec![int(3)?, int(14)?, int(10)?, "final".into_py()?, int(0)?])?;
    structseq::forbid_instances(&ty)?;
    m.add("version_info", vi.clone())?;

    let freewheel = Str::new(concat!("Freewheel ", env!("CARGO_PKG_VERSION")))?.upcast();
    let implementation = runtime::import::namespace_with(&[
        ("name", Str::intern("cpython")),
        ("cache_tag", Str::intern(runtime::CACHE_TAG)),
        ("version", &vi),
        ("hexversion", &*int(runtime::PY_VERSION_HEX as i64)?),
        ("_multiarch", &*Str::new(multiarch())?),
        ("supports_isolated_interpreters", true_()),
        ("freewheel", &freewheel),
    ])?;
    m.add("implementation", implementation)?;

    let ty = structseq::make_type(
        "sys.float_info",
        "sys.float_info\n\nA named tuple holding information about the float type.",
        &[
            ("max", ""),
            ("max_exp", ""),
            ("max_10_exp", ""),
            ("min", ""),
            ("min_exp", ""),
            ("min_10_exp", ""),
            ("dig", ""),
            ("mant_dig", ""),
            ("epsilon", ""),
            ("radix", ""),
            ("rounds", ""),
        ],
        11,
    )?;
    let values = vec![
        f64::MAX.into_py()?,
        int(1024)?,
        int(308)?,
        f64::MIN_POSITIVE.into_py()?,
        int(-1021)?,
        int(-307)?,
        int(15)?,
        int(53)?,
        f64::EPSILON.into_py()?,
        int(2)?,
        int(1)?,
    ];
    m.add("float_info", structseq::new(&ty, values)?)?;

    let ty = structseq::make_type(
        "sys.int_info",
        "sys.int_info\n\nA named tuple that holds information about Python's\ninternal representation of integers.",
        &[
            ("bits_per_digit", "size of a digit in bits"),
            ("sizeof_digit", "size in bytes of the C type used to represent a digit"),
            ("default_max_str_digits", "maximum string conversion digits limitation"),
            ("str_digits_check_threshold", "minimum positive value for int_max_str_digits"),
        ],
        4,
    )?;
    m.add("int_info", structseq::new(&ty, vec![int(30)?, int(4)?, int(4300)?, int(640)?])?)?;

    let ty = structseq::make_type(
        "sys.hash_info",
        "hash_info\n\nA named tuple providing parameters used for computing hashes.",
        &[
            ("width", ""),
            ("modulus", ""),
            ("inf", ""),
            ("nan", ""),
            ("imag", ""),
            ("algorithm", ""),
            ("hash_bits", ""),
            ("seed_bits", ""),
            ("cutoff", ""),
        ],
        9,
    )?;
    let values = vec![
        int(64)?,
        int((1 << 61) - 1)?,
        int(314159)?,
        int(0)?,
        int(1000003)?,
        "siphash13".into_py()?,
        int(64)?,
        int(128)?,
        int(0)?,
    ];
    m.add("hash_info", structseq::new(&ty, values)?)?;

    let ty = structseq::make_type(
        "sys.thread_info",
        "sys.thread_info\n\nA named tuple holding information about the thread implementation.",
        &[
            ("name", "name of the thread implementation"),
            ("lock", "name of the lock implementation"),
            ("version", "name and version of the thread library"),
        ],
        3,
    )?;
    m.add("thread_info", structseq::new(&ty, vec!["pthread".into_py()?, none_ref(), libc_version().into_py()?])?)
}

fn libc_version() -> Option<String> {
    #[cfg(target_env = "gnu")]
    {
        unsafe extern "C" {
            fn gnu_get_libc_version() -> *const core::ffi::c_char;
        }
        // SAFETY: returns a static string.
        let v = unsafe { std::ffi::CStr::from_ptr(gnu_get_libc_version()) };
        return Some(format!("NPTL {}", v.to_string_lossy()));
    }
    #[allow(unreachable_code)]
    None
}

/// The Debian-style architecture triplet.
pub fn multiarch() -> &'static str {
    if cfg!(target_arch = "aarch64") { "aarch64-linux-gnu" } else { "x86_64-linux-gnu" }
}

/// `sys._xoptions`.
pub fn xoptions(c: &Config) -> PyResult<PyRef> {
    let d = Dict::new()?;
    for x in &c.xoptions {
        let b = x.as_bytes();
        match b.iter().position(|c| *c == b'=') {
            Some(p) => {
                let k = fs_decode(std::ffi::OsStr::from_bytes(&b[..p]))?;
                d.set(&k, &*fs_decode(std::ffi::OsStr::from_bytes(&b[p + 1..]))?)?;
            }
            None => d.set(&*fs_decode(x)?, true_())?,
        }
    }
    Ok(d.upcast())
}

/// `sys.get_asyncgen_hooks()`.
pub fn asyncgen_hooks(firstiter: PyRef, finalizer: PyRef) -> PyResult<PyRef> {
    static TYPE: OnceLock<Ref<Type>> = OnceLock::new();
    let ty = match TYPE.get() {
        Some(t) => t,
        None => {
            let t = structseq::make_type(
                "sys.asyncgen_hooks",
                "sys.asyncgen_hooks\n\nStruct sequence of asynchronous generator hooks.",
                &[("firstiter", ""), ("finalizer", "")],
                2,
            )?;
            TYPE.get_or_init(|| t)
        }
    };
    structseq::new(ty, vec![firstiter, finalizer])
}

/// Top-level names of the standard library, native or not.
pub fn stdlib_module_names() -> PyResult<PyRef> {
    let set = FrozenSet::from_iterable(&*List::from_vec(
        STDLIB.split_whitespace().map(|n| Str::new(n).map(Ref::upcast)).collect::<PyResult<Vec<_>>>()?,
    )?)?;
    Ok(set.upcast())
}

const STDLIB: &str = "__future__ _abc _aix_support _android_support _apple_support _ast _ast_unparse _asyncio _bisect _blake2 _bz2 _codecs \
_codecs_cn _codecs_hk _codecs_iso2022 _codecs_jp _codecs_kr _codecs_tw _collections _collections_abc _colorize _compat_pickle \
_contextvars _csv _ctypes _curses _curses_panel _datetime _dbm _decimal _elementtree _frozen_importlib _frozen_importlib_external \
_functools _gdbm _hashlib _heapq _hmac _imp _interpchannels _interpqueues _interpreters _io _ios_support _json _locale _lsprof _lzma \
_markupbase _md5 _multibytecodec _multiprocessing _opcode _opcode_metadata _operator _osx_support _overlapped _pickle _posixshmem \
_posixsubprocess _py_abc _py_warnings _pydatetime _pydecimal _pyio _pylong _pyrepl _queue _random _remote_debugging _scproxy _sha1 \
_sha2 _sha3 _signal _sitebuiltins _socket _sqlite3 _sre _ssl _stat _statistics _string _strptime _struct _suggestions _symtable \
_sysconfig _thread _threading_local _tkinter _tokenize _tracemalloc _types _typing _uuid _warnings _weakref _weakrefset _winapi _wmi \
_zoneinfo _zstd abc annotationlib antigravity argparse array ast asyncio atexit base64 bdb binascii bisect builtins bz2 cProfile \
calendar cmath cmd code codecs codeop collections colorsys compileall compression concurrent configparser contextlib contextvars copy \
copyreg csv ctypes curses dataclasses datetime dbm decimal difflib dis doctest email encodings ensurepip enum errno faulthandler fcntl \
filecmp fileinput fnmatch fractions ftplib functools gc genericpath getopt getpass gettext glob graphlib grp gzip hashlib heapq hmac \
html http idlelib imaplib importlib inspect io ipaddress itertools json keyword linecache locale logging lzma mailbox marshal math \
mimetypes mmap modulefinder msvcrt multiprocessing netrc nt ntpath nturl2path numbers opcode operator optparse os pathlib pdb pickle \
pickletools pkgutil platform plistlib poplib posix posixpath pprint profile pstats pty pwd py_compile pyclbr pydoc pydoc_data pyexpat \
queue quopri random re readline reprlib resource rlcompleter runpy sched secrets select selectors shelve shlex shutil signal site \
smtplib socket socketserver sqlite3 sre_compile sre_constants sre_parse ssl stat statistics string stringprep struct subprocess \
symtable sys sysconfig syslog tabnanny tarfile tempfile termios textwrap this threading time timeit tkinter token tokenize tomllib \
trace traceback tracemalloc tty turtle turtledemo types typing unicodedata unittest urllib uuid venv warnings wave weakref webbrowser \
winreg winsound wsgiref xml xmlrpc zipapp zipfile zipimport zlib zoneinfo";
