//! What the compression modules share: objects around a native stream under a lock, and the bookkeeping of a decompressor that is fed
//! bit by bit.

/// Declares a Python class that owns a boxed, locked value without references to objects.
macro_rules! boxed_class {
    ($t:ident, $s:ident, $d:ty) => {
        #[repr(C)]
        pub struct $t {
            ob_base: abi::PyObject,
            data: *mut std::sync::Mutex<$d>,
        }
        static mut $s: Type = Type::STATIC;
        runtime::py_layout!($t, $s);
        impl $t {
            fn wrap(d: $d) -> PyResult<Ref<$t>> {
                $t::wrap_as($t::type_object(), d)
            }
            fn wrap_as(cls: &Type, d: $d) -> PyResult<Ref<$t>> {
                let o = runtime::typeobject::alloc_object::<$t>(cls)?;
                // SAFETY: nobody else sees the object yet.
                unsafe { (*o.as_raw()).data = Box::into_raw(Box::new(std::sync::Mutex::new(d))) };
                Ok(o)
            }
            /// Runs `f` on the data, without the thread state while it waits or works. `f` must not touch Python objects.
            fn with<R>(&self, f: impl FnOnce(&mut $d) -> R) -> R {
                // SAFETY: set at creation, owned.
                let m = unsafe { &*self.data };
                runtime::thread::detach(|| f(&mut m.lock().unwrap_or_else(|e| e.into_inner())))
            }
            unsafe fn destroy(this: *mut $t) {
                // SAFETY: the last reference is gone.
                unsafe {
                    if !(*this).data.is_null() {
                        drop(Box::from_raw((*this).data));
                    }
                    runtime::objects::support::free_object(this.cast());
                }
            }
        }
    };
}
pub(crate) use boxed_class;

/// A native stream that turns packed bytes into plain ones.
pub trait Decode {
    type Error;
    /// Reads from `input` and appends at most `limit` bytes; how much was read, and whether the stream has ended.
    fn decode(&mut self, input: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<(usize, bool), Self::Error>;
    /// Whether the stream may hold more output although it has read everything, once `limit` was reached.
    const HOLDS_BACK: bool;
}

/// A decompressor: the stream and what it has not taken yet.
pub struct Unpacker<D> {
    pub codec: D,
    tail: Vec<u8>,
    pub unused: Vec<u8>,
    pub eof: bool,
    pub needs_input: bool,
}

/// Why nothing was unpacked.
pub enum Refused<E> {
    /// The stream had ended before.
    Ended,
    Failed(E),
}

impl<D: Decode> Unpacker<D> {
    pub fn new(codec: D) -> Unpacker<D> {
        Unpacker { codec, tail: Vec::new(), unused: Vec::new(), eof: false, needs_input: true }
    }

    /// Takes more packed bytes and gives at most `limit` plain ones; what was not read is kept.
    pub fn feed(&mut self, data: &[u8], limit: usize) -> Result<Vec<u8>, Refused<D::Error>> {
        if self.eof {
            return Err(Refused::Ended);
        }
        let mut input = std::mem::take(&mut self.tail);
        let kept;
        let input = if input.is_empty() {
            data
        } else {
            input.extend_from_slice(data);
            kept = input;
            &kept
        };
        let mut out = Vec::new();
        let (used, ended) = match self.codec.decode(input, &mut out, limit) {
            Ok(done) => done,
            Err(e) => {
                self.needs_input = false;
                return Err(Refused::Failed(e));
            }
        };
        if ended {
            self.eof = true;
            self.needs_input = false;
            self.unused = input[used..].to_vec();
        } else {
            self.tail = input[used..].to_vec();
            self.needs_input = self.tail.is_empty() && (out.len() < limit || !D::HOLDS_BACK);
        }
        Ok(out)
    }
}

/// `max_length` as a limit.
pub fn limit(max_length: isize) -> usize {
    usize::try_from(max_length).unwrap_or(usize::MAX >> 1)
}
